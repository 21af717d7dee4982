package deploy

import (
	"fmt"
	"strings"
	"testing"
)

func TestEverythingKeptIsEncrypted(t *testing.T) {
	b := parsed(t)
	for name, r := range b.Resources {
		var missing string
		p := r.Properties
		switch r.Type {
		case "AWS::S3::Bucket":
			if at(p, "BucketEncryption", "ServerSideEncryptionConfiguration", 0, "ServerSideEncryptionByDefault", "SSEAlgorithm") != "aws:kms" {
				missing = "a KMS key"
			}
		case "AWS::SQS::Queue":
			if p["SqsManagedSseEnabled"] != true {
				missing = "encryption"
			}
		case "AWS::Logs::LogGroup":
			if !isKey(p["KmsKeyId"]) {
				missing = "the key"
			} else if at(p, "RetentionInDays", "Ref") != "RetentionDays" {
				missing = "an end"
			}
		case "AWS::SecretsManager::Secret":
			if !isKey(p["KmsKeyId"]) {
				missing = "the key"
			}
		case "AWS::ECR::Repository":
			if at(p, "EncryptionConfiguration", "EncryptionType") == nil || p["ImageTagMutability"] != "IMMUTABLE" || at(p, "ImageScanningConfiguration", "ScanOnPush") != true {
				missing = "encryption, immutable tags or scans"
			}
		case "AWS::KMS::Key":
			if p["EnableKeyRotation"] != true {
				missing = "rotation"
			}
		}
		if missing != "" {
			t.Errorf("%s %s has not %s", r.Type, name, missing)
		}
	}
}

func TestTheBucketIsPrivateAndKeepsVersions(t *testing.T) {
	p := parsed(t).Resources["Bucket"].Properties
	for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if at(p, "PublicAccessBlockConfiguration", block) != true {
			t.Errorf("the bucket lacks %s", block)
		}
	}
	if at(p, "VersioningConfiguration", "Status") != "Enabled" {
		t.Error("the bucket keeps no versions")
	}
}

// jobRole begins the ARNs of the roles of jobs, of all environments.
const jobRole = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role${RolePath}${NamePrefix}_*_"

// By the bucket's and the queues' own policies, whatever roles may do.
func TestResourcesRefuseWhatNobodyMayDo(t *testing.T) {
	b := parsed(t)
	for _, row := range []struct{ resource, statement, action, condition string }{
		{"BucketPolicy", "OnlyTLS", "s3:*", `map[Bool:map[aws:SecureTransport:false]]`},
		{"BucketPolicy", "OnlyTheServerSaysWhatRuns", "s3:PutObject", `map[ArnNotEquals:map[aws:PrincipalArn:map[Ref:ServerPrincipalArn]]]`},
		{"BucketPolicy", "OnlyJobsSayWhatTheyDid", "s3:PutObject", `map[ArnNotLike:map[aws:PrincipalArn:[map[Fn::Sub:` + jobRole + `plan] map[Fn::Sub:` + jobRole + `function] map[Fn::Sub:` + jobRole + `apply]]]]`},
		{"BucketPolicy", "WrittenOnce", "s3:PutObject", `map[Null:map[s3:if-none-match:true]]`},
		{"StatusQueuePolicy", "OnlyTLS", "sqs:*", `map[Bool:map[aws:SecureTransport:false]]`},
	} {
		found := false
		for _, s := range list(at(b.Resources[row.resource].Properties, "PolicyDocument", "Statement")) {
			if at(s, "Sid") != row.statement {
				continue
			}
			found = true
			if at(s, "Effect") != "Deny" || at(s, "Principal") != "*" || at(s, "Action") != row.action || fmt.Sprint(at(s, "Condition")) != row.condition {
				t.Errorf("%s %s is %v", row.resource, row.statement, s)
			}
		}
		if !found {
			t.Errorf("%s lacks %s", row.resource, row.statement)
		}
	}
}

// What is lost with these cannot be made again.
func TestDeletingTheStackKeepsWhatIsStored(t *testing.T) {
	b := parsed(t)
	for _, name := range []string{"Bucket", "Key", "Repository"} {
		if b.Resources[name].DeletionPolicy != "RetainExceptOnCreate" {
			t.Errorf("%s goes with the stack", name)
		}
	}
}

// A container's environment is shown by Batch to whoever may describe jobs.
func TestTheContainersEnvironmentHoldsNoSecret(t *testing.T) {
	for name, want := range map[string]string{
		"PlanJobDefinition":  "LOCKKEEPER_BUCKET LOCKKEEPER_EXTERNAL_ID LOCKKEEPER_MEMORY LOCKKEEPER_ATTEMPTS",
		"ApplyJobDefinition": "LOCKKEEPER_BUCKET LOCKKEEPER_EXTERNAL_ID LOCKKEEPER_MEMORY",
	} {
		p := at(parsed(t).Resources[name].Properties, "ContainerProperties")
		var names []string
		for _, e := range list(at(p, "Environment")) {
			names = append(names, fmt.Sprint(at(e, "Name")))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s has the environment %s", name, got)
		}
		if at(p, "Secrets") != nil {
			t.Errorf("%s gives secrets to whatever runs in it", name)
		}
		if got := fmt.Sprint(at(p, "Command")); got != "[job --document Ref::document]" {
			t.Errorf("%s runs %s", name, got)
		}
	}
}

// The runner of a container is root, so that terraform can have a user of its own
// where there are neither namespaces nor Landlock, and knows its memory.
func TestContainersCanKeepTerraformApart(t *testing.T) {
	definitions := parsed(t).ofType("AWS::Batch::JobDefinition")
	if len(definitions) != 2 {
		t.Fatalf("there are %v", definitions)
	}
	for _, name := range definitions {
		p := at(parsed(t).Resources[name].Properties, "ContainerProperties")
		if got := at(p, "User"); got != "0" {
			t.Errorf("%s runs as %v", name, got)
		}
		has := at(p, "ResourceRequirements", 1, "Value", "Ref")
		for _, e := range list(at(p, "Environment")) {
			if at(e, "Name") == "LOCKKEEPER_MEMORY" && (has == nil || at(e, "Value", "Ref") != has) {
				t.Errorf("%s says that its memory is %v, and has %v", name, at(e, "Value", "Ref"), has)
			}
		}
	}
}

func TestEveryAlarmReachesTheTopic(t *testing.T) {
	b := parsed(t)
	alarms := b.ofType("AWS::CloudWatch::Alarm")
	watched := map[string]bool{}
	for _, name := range alarms {
		r := b.Resources[name]
		about := at(r.Properties, "Dimensions", 0, "Value")
		for _, resource := range []any{at(about, "Ref"), at(about, "Fn::GetAtt"), at(about, "Fn::Sub")} {
			if resource != nil {
				watched[fmt.Sprint(r.Properties["MetricName"], " ", resource)] = true
			}
		}
		if r.Condition != "HasAlarmTopic" || at(r.Properties, "AlarmActions", 0, "Ref") != "AlarmTopicArn" {
			t.Errorf("%s tells nobody", name)
		}
	}
	const machine = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:${NamePrefix}-job"
	want := []string{"ApproximateAgeOfOldestMessage StatusQueue.QueueName", "ApproximateNumberOfMessagesVisible StatusDeadLetterQueue.QueueName", "ExecutionsFailed " + machine, "ExecutionsTimedOut " + machine}
	for _, rule := range b.ofType("AWS::Events::Rule") {
		want = append(want, "FailedInvocations "+rule)
	}
	for _, w := range want {
		if !watched[w] {
			t.Errorf("no alarm watches %s", w)
		}
	}
}
