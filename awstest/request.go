package awstest

import (
	"fmt"
	"maps"
	"net/url"
	"strings"
)

// Request is what IAM is asked: may the principal do this to that?
type Request struct {
	Action   string
	Resource string
	Context  map[string]string // condition keys
	// Principal is whom the policy of a resource must name, such as
	// events.amazonaws.com; empty for policies of roles.
	Principal string
}

// Requests is what IAM is asked for a call: by the service authorization
// reference (https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html).
// Some calls need several permissions, some none. A call that is not known
// here is an error.
func Requests(c Call) ([]Request, error) {
	requests, err := requests(c)
	for i, r := range requests {
		if c.UserID == "" {
			continue
		}
		requests[i].Context = maps.Clone(r.Context)
		if requests[i].Context == nil {
			requests[i].Context = map[string]string{}
		}
		requests[i].Context[userID] = c.UserID
	}
	return requests, err
}

// userID is the condition key that is, for a session of a role, its id and the
// name of the session (IAM user guide, "Principal key values").
const userID = "aws:userid"

func requests(c Call) ([]Request, error) {
	switch c.Service {
	case "s3":
		requests, err := ofS3(c)
		for i := range requests {
			requests[i].Context = ofWrite(c)
		}
		return requests, err
	case "sqs":
		queue := c.text("QueueUrl")
		return one("sqs:"+strings.TrimSuffix(c.Action, "Batch"), arn("sqs", queue[strings.LastIndex(queue, "/")+1:])), nil
	case "states":
		for _, name := range []string{"executionArn", "stateMachineArn"} {
			if resource := c.text(name); resource != "" {
				return one("states:"+c.Action, resource), nil
			}
		}
	case "batch":
		return ofBatch(c)
	case "lambda":
		if name, ok := strings.CutSuffix(strings.TrimPrefix(c.Path, "/2015-03-31/functions/"), "/invocations"); ok {
			return one("lambda:InvokeFunction", arn("lambda", "function:"+name[strings.LastIndex(name, ":")+1:])), nil
		}
	case "secretsmanager":
		secret := c.text("SecretId")
		if !strings.HasPrefix(secret, "arn:") {
			secret = arn("secretsmanager", "secret:"+secret+"-AbCdEf")
		}
		return one("secretsmanager:"+c.Action, secret), nil
	case "sts":
		return ofSTS(c), nil
	case "logs":
		return one("logs:"+c.Action, arn("logs", "log-group:"+c.text("logGroupName")+":log-stream:"+c.text("logStreamName"))), nil
	}
	return nil, fmt.Errorf("it is not known what IAM is asked for %s %s %s %s", c.Service, c.Action, c.Method, c.Path)
}

func ofS3(c Call) ([]Request, error) {
	path, err := url.PathUnescape(c.Path)
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(c.Query)
	if err != nil {
		return nil, err
	}
	bucket, key, object := strings.Cut(strings.Trim(path, "/"), "/")
	resource := "arn:aws:s3:::" + bucket
	if !object {
		switch {
		case query.Has("versioning"):
			return one("s3:GetBucketVersioning", resource), nil
		case query.Has("encryption"):
			return one("s3:GetEncryptionConfiguration", resource), nil
		case c.Method == "GET" || c.Method == "HEAD":
			return one("s3:ListBucket", resource), nil
		}
	}
	version := ""
	if query.Has("versionId") {
		version = "Version"
	}
	action, known := map[string]string{"GET": "GetObject" + version, "HEAD": "GetObject" + version, "PUT": "PutObject", "DELETE": "DeleteObject" + version}[c.Method]
	if !known || !object {
		return nil, fmt.Errorf("it is not known what IAM is asked for s3 %s %s?%s", c.Method, c.Path, c.Query)
	}
	return one("s3:"+action, resource+"/"+key), nil
}

// ofWrite is what the policy of a bucket may ask about a call. Clients of real
// accounts use TLS, which the emulator does not have.
func ofWrite(c Call) map[string]string {
	context := map[string]string{"aws:SecureTransport": "true", "aws:PrincipalArn": "arn:aws:iam::" + Account + ":role/" + c.Principal}
	if c.IfNoneMatch != "" {
		context["s3:if-none-match"] = c.IfNoneMatch
	}
	return context
}

func ofBatch(c Call) ([]Request, error) {
	switch strings.TrimPrefix(c.Path, "/v1/") {
	case "submitjob":
		return append(one("batch:SubmitJob", c.text("jobQueue")), one("batch:SubmitJob", c.text("jobDefinition"))...), nil
	case "terminatejob":
		return one("batch:TerminateJob", arn("batch", "job/"+c.text("jobId"))), nil
	case "describejobs":
		return one("batch:DescribeJobs", "*"), nil
	case "listjobs":
		return one("batch:ListJobs", "*"), nil
	case "describejobdefinitions":
		return one("batch:DescribeJobDefinitions", "*"), nil
	case "describejobqueues":
		return one("batch:DescribeJobQueues", "*"), nil
	case "describecomputeenvironments":
		return one("batch:DescribeComputeEnvironments", "*"), nil
	}
	return nil, fmt.Errorf("it is not known what IAM is asked for batch %s", c.Path)
}

func ofSTS(c Call) []Request {
	if c.Action == "GetCallerIdentity" { // needs no permission
		return nil
	}
	context := map[string]string{}
	if id := c.text("ExternalId"); id != "" {
		context["sts:ExternalId"] = id
	}
	for n := 1; c.text(fmt.Sprintf("Tags.member.%d.Key", n)) != ""; n++ {
		context["aws:RequestTag/"+c.text(fmt.Sprintf("Tags.member.%d.Key", n))] = c.text(fmt.Sprintf("Tags.member.%d.Value", n))
	}
	role := c.text("RoleArn")
	requests := []Request{{Action: "sts:" + c.Action, Resource: role, Context: context}}
	if c.text("Tags.member.1.Key") != "" {
		requests = append(requests, Request{Action: "sts:TagSession", Resource: role, Context: context})
	}
	if c.text("SourceIdentity") != "" {
		requests = append(requests, Request{Action: "sts:SetSourceIdentity", Resource: role, Context: context})
	}
	return requests
}

func one(action, resource string) []Request { return []Request{{Action: action, Resource: resource}} }

func arn(service, rest string) string {
	return "arn:aws:" + service + ":" + Region + ":" + Account + ":" + rest
}

// text is a parameter of the call; empty when it is missing.
func (c Call) text(name string) string {
	s, _ := c.Params[name].(string)
	return s
}
