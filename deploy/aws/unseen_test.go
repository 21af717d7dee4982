package deploy

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/awstest"
)

// What services do with the roles of the template and the emulator does not:
// each needs a right all the same, and nothing else would show that it is gone.
func whatTheEmulatorCannotShow(t *testing.T, s *stack) {
	const (
		region, account        = awstest.Region, awstest.Account
		plan, apply, server    = "lockkeeper_dev_plan", "lockkeeper_dev_apply", "lockkeeper-server"
		function               = "lockkeeper_dev_function"
		states, fargate, build = "lockkeeper-states", "lockkeeper-task-execution", "lockkeeper-build"
		repository             = "arn:aws:ecr:" + region + ":" + account + ":repository/lockkeeper"
		managed                = "arn:aws:events:" + region + ":" + account + ":rule/StepFunctionsGetEventsForBatchJobsRule"
		logs                   = "arn:aws:logs:" + region + ":" + account + ":log-group:"
		byS3, bySecrets        = "s3." + region + ".amazonaws.com", "secretsmanager." + region + ".amazonaws.com"
		anything               = "*"
	)
	key, bucket := s.out["Key"], "arn:aws:s3:::"+s.out["Bucket"]
	policies := s.Policies(t)
	for _, row := range []struct {
		who, why string
		actions  []string
		resource string
		via      string
	}{
		{states, "a machine with .sync is not made without the rule that tells it of the end of jobs; the emulator polls",
			[]string{"events:PutRule", "events:PutTargets", "events:DescribeRule"}, managed, ""},
		{states, "a machine that logs is not made without these; the emulator writes no log",
			[]string{"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"}, anything, ""},
		{states, "the emulator traces nothing",
			[]string{"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"}, anything, ""},
		{function, "the function is traced", []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}, anything, ""},
		{function, "Lambda writes the function's log with its role", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, logs + "/aws/lambda/lockkeeper_dev_plan:log-stream:x", ""},

		{fargate, "the emulator pulls no image", []string{"ecr:GetAuthorizationToken"}, anything, ""},
		{fargate, "as above", []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}, repository, ""},
		{fargate, "the emulator writes logs itself", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, logs + "/lockkeeper/jobs:log-stream:plan/default/x", ""},

		{build, "CodeBuild does not run", []string{"ecr:GetAuthorizationToken"}, anything, ""},
		{build, "as above", []string{"ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:DescribeImages"}, repository, ""},
		{build, "as above", []string{"s3:GetObject", "s3:GetObjectVersion"}, bucket + "/build/source.zip", ""},
		{build, "as above", []string{"s3:GetBucketAcl", "s3:GetBucketLocation"}, bucket, ""},
		{build, "as above", []string{"logs:CreateLogStream", "logs:PutLogEvents"}, logs + "/aws/codebuild/lockkeeper-image:log-stream:x", ""},

		{build, "as above", []string{"s3:PutObject"}, bucket + "/sboms/0/lockkeeper.cdx.json", ""},
		{build, "the bucket's key is asked for by S3, and moto's S3 does not", []string{"kms:Decrypt", "kms:GenerateDataKey"}, key, byS3},
		{server, "as above", []string{"kms:Decrypt", "kms:GenerateDataKey"}, key, byS3},
		{plan, "as above", []string{"kms:Decrypt", "kms:GenerateDataKey"}, key, byS3},
		{function, "as above", []string{"kms:Decrypt", "kms:GenerateDataKey"}, key, byS3},
		{apply, "as above", []string{"kms:Decrypt", "kms:GenerateDataKey"}, key, byS3},
		{server, "so it is with the key of secrets", []string{"kms:Decrypt"}, key, bySecrets},
		{plan, "as above", []string{"kms:Decrypt"}, key, bySecrets},
		{apply, "as above", []string{"kms:Decrypt"}, key, bySecrets},
	} {
		for _, action := range row.actions {
			r := awstest.Request{Action: action, Resource: row.resource}
			if row.via != "" {
				r.Context = map[string]string{"kms:ViaService": row.via}
			}
			if !awstest.Allows(policies[row.who], r) {
				t.Errorf("%s may not %s on %s (%s)", row.who, action, row.resource, row.why)
			}
		}
		if row.via != "" && awstest.Allows(policies[row.who], awstest.Request{Action: row.actions[0], Resource: row.resource}) {
			t.Errorf("%s may use the key by itself", row.who)
		}
	}
}
