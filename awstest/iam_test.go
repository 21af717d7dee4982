package awstest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllows(t *testing.T) {
	var policy Policy
	err := json.Unmarshal([]byte(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/runs/*"},
		{"Effect": "Allow", "Action": ["s3:Put*"], "Resource": ["arn:aws:s3:::b/runs/*", "arn:aws:s3:::b/x?"]},
		{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/runs/*.plan"},
		{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/plan", "Condition": {"StringEquals": {"sts:ExternalId": "e"}}},
		{"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
		{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}`), &policy)
	if err != nil {
		t.Fatal(err)
	}
	with := map[string]string{"sts:ExternalId": "e"}
	for _, row := range []struct {
		name string
		r    Request
		want bool
	}{
		{"by a pattern", Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/runs/r/j.document.json"}, true},
		{"in any case of letters", Request{Action: "S3:getobject", Resource: "arn:aws:s3:::b/runs/r"}, true},
		{"another action", Request{Action: "s3:GetObjectVersion", Resource: "arn:aws:s3:::b/runs/r"}, false},
		{"another resource", Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/sources/r"}, false},
		{"a dot is a dot", Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/runs"}, false},
		{"one character", Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/xy"}, true},
		{"one character is not two", Request{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/xyz"}, false},
		{"a deny wins", Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/runs/r/j.plan"}, false},
		{"a condition that holds", Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::1:role/plan", Context: with}, true},
		{"a condition that does not", Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::1:role/plan", Context: map[string]string{"sts:ExternalId": "f"}}, false},
		{"a condition on what is missing", Request{Action: "sts:AssumeRole", Resource: "arn:aws:iam::1:role/plan"}, false},
		{"a deny whose condition is in doubt", Request{Action: "sqs:SendMessage", Resource: "q"}, false},
		{"a deny whose condition does not hold", Request{Action: "sqs:SendMessage", Resource: "q", Context: map[string]string{"aws:SecureTransport": "true"}}, true},
		{"nothing said", Request{Action: "iam:PassRole", Resource: "r"}, false},
	} {
		if got := Allows([]Policy{policy}, row.r); got != row.want {
			t.Errorf("%s: allowed is %v", row.name, got)
		}
	}
	if Allows(nil, Request{Action: "sqs:SendMessage", Resource: "q"}) {
		t.Error("no policy allows something")
	}
}

func TestAnArnThatIsLikeAPattern(t *testing.T) {
	var policy Policy
	if err := json.Unmarshal([]byte(`{"Statement": [
		{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*", "Condition": {"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::1:role/x_*_plan", "arn:aws:iam::1:role/x_*_apply"]}}},
		{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/*"}}}]}`), &policy); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]bool{"arn:aws:iam::1:role/x_dev_plan": true, "arn:aws:iam::1:role/x_dev_apply": true, "arn:aws:iam::1:role/x-dev_plan": false, "arn:aws:iam::2:role/x_dev_plan": false, "": false} {
		r := Request{Action: "s3:PutObject", Resource: "o", Context: map[string]string{"aws:PrincipalArn": who}}
		if who == "" {
			r.Context = nil
		}
		if got := Allows([]Policy{policy}, r); got != want {
			t.Errorf("%q: %v", who, got)
		}
	}
}

// What S3 asks the policy of a bucket about a write, as calls are recorded.
func TestThePolicyOfABucketIsAskedAboutEachWrite(t *testing.T) {
	var policy Policy
	err := json.Unmarshal([]byte(`{"Statement": [
		{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/sources/*", "Condition": {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/server"}}},
		{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*.claim", "Condition": {"Null": {"s3:if-none-match": "true"}}}]}`), &policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		call Call
		want bool
	}{
		{"a source by the server", Call{Principal: "server", Path: "/b/sources/x"}, false},
		{"a source by somebody else", Call{Principal: "plan", Path: "/b/sources/x"}, true},
		{"a source of another bucket", Call{Principal: "plan", Path: "/bb/sources/x"}, false},
		{"a claim with a condition", Call{Principal: "plan", Path: "/b/x.claim", IfNoneMatch: "*"}, false},
		{"a claim without", Call{Principal: "server", Path: "/b/x.claim"}, true},
		{"anything else", Call{Principal: "plan", Path: "/b/x"}, false},
	} {
		row.call.Service, row.call.Method = "s3", "PUT"
		requests, err := Requests(row.call)
		if err != nil || len(requests) != 1 {
			t.Fatal(requests, err)
		}
		if got := denies(map[string]Policy{"arn:aws:s3:::b": policy}, requests[0]); got != row.want {
			t.Errorf("%s: denied is %v", row.name, got)
		}
	}
}

// Who is a session of a role has its own places; what is not known is nobody's.
func TestAllowsByWhoASessionIs(t *testing.T) {
	var policy Policy
	err := json.Unmarshal([]byte(`{"Statement": [
		{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/tasks/${aws:userid}/*"},
		{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}/*"},
		{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
		{"Effect": "Deny", "Action": "sqs:*", "Resource": "${aws:userid}"}]}`), &policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		id, action, resource string
		want                 bool
	}{
		{"AROA1:one", "s3:PutObject", "arn:aws:s3:::b/tasks/AROA1:one/j", true},
		{"AROA1:one", "s3:PutObject", "arn:aws:s3:::b/tasks/AROA1:two/j", false},
		{"AROA1:one", "s3:PutObject", "arn:aws:s3:::b/tasks/AROA2:one/j", false},
		{"AROA1:one", "s3:PutObject", "arn:aws:s3:::b/tasks/AROA1:one", false},
		{"", "s3:PutObject", "arn:aws:s3:::b/tasks//j", false},
		{"", "s3:PutObject", "arn:aws:s3:::b/tasks/${aws:userid}/j", false},
		{"AROA1:one", "s3:GetObject", "arn:aws:s3:::b/AROA1:one/j", false},
		{"AROA1:one", "sqs:SendMessage", "q", true},
		{"", "sqs:SendMessage", "q", false},
	} {
		r := Request{Action: row.action, Resource: row.resource}
		if row.id != "" {
			r.Context = map[string]string{"aws:userid": row.id}
		}
		if got := Allows([]Policy{policy}, r); got != row.want {
			t.Errorf("%+v: allowed is %v", row, got)
		}
	}
}

func TestAllowsByTheResource(t *testing.T) {
	var policy Policy
	err := json.Unmarshal([]byte(`{"Statement": [
		{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "q", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
		{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "q", "Condition": {"ArnEquals": {"aws:SourceArn": ["a", "b"]}}}]}`), &policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		who, source, tls string
		want             bool
	}{
		{"events.amazonaws.com", "b", "true", true},
		{"events.amazonaws.com", "c", "true", false},
		{"events.amazonaws.com", "b", "false", false},
		{"scheduler.amazonaws.com", "b", "true", false},
	} {
		r := Request{Action: "sqs:SendMessage", Resource: "q", Principal: row.who, Context: map[string]string{"aws:SourceArn": row.source, "aws:SecureTransport": row.tls}}
		if got := Allows([]Policy{policy}, r); got != row.want {
			t.Errorf("%+v: allowed is %v", row, got)
		}
	}
}

func TestRequests(t *testing.T) {
	const job = "arn:aws:batch:eu-west-1:123456789012:job/"
	for _, row := range []struct {
		name string
		call Call
		want []string
	}{
		{"an object", Call{Service: "s3", Method: "GET", Path: "/b/runs/r/j.x"}, []string{"s3:GetObject arn:aws:s3:::b/runs/r/j.x"}},
		{"whether an object is there", Call{Service: "s3", Method: "HEAD", Path: "/b/k"}, []string{"s3:GetObject arn:aws:s3:::b/k"}},
		{"a version", Call{Service: "s3", Method: "GET", Path: "/b/k", Query: "versionId=v&x-id=GetObject"}, []string{"s3:GetObjectVersion arn:aws:s3:::b/k"}},
		{"a write", Call{Service: "s3", Method: "PUT", Path: "/b/k"}, []string{"s3:PutObject arn:aws:s3:::b/k"}},
		{"a listing", Call{Service: "s3", Method: "GET", Path: "/b", Query: "list-type=2"}, []string{"s3:ListBucket arn:aws:s3:::b"}},
		{"whether versions are kept", Call{Service: "s3", Method: "GET", Path: "/b/", Query: "versioning"}, []string{"s3:GetBucketVersioning arn:aws:s3:::b"}},
		{"several messages", Call{Service: "sqs", Action: "DeleteMessageBatch", Params: map[string]any{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/q"}}, []string{"sqs:DeleteMessage arn:aws:sqs:eu-west-1:123456789012:q"}},
		{"an execution", Call{Service: "states", Action: "StopExecution", Params: map[string]any{"executionArn": "e"}}, []string{"states:StopExecution e"}},
		{"a job", Call{Service: "batch", Path: "/v1/submitjob", Params: map[string]any{"jobQueue": "q", "jobDefinition": "d"}}, []string{"batch:SubmitJob q", "batch:SubmitJob d"}},
		{"the end of a job", Call{Service: "batch", Path: "/v1/terminatejob", Params: map[string]any{"jobId": "i"}}, []string{"batch:TerminateJob " + job + "i"}},
		{"a function", Call{Service: "lambda", Method: "POST", Path: "/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f/invocations"}, []string{"lambda:InvokeFunction arn:aws:lambda:eu-west-1:123456789012:function:f"}},
		{"a secret by name", Call{Service: "secretsmanager", Action: "GetSecretValue", Params: map[string]any{"SecretId": "p/plan/x"}}, []string{"secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:123456789012:secret:p/plan/x-AbCdEf"}},
		{"an object of a session", Call{Service: "s3", Method: "PUT", Path: "/b/k", UserID: "AROA1:one"}, []string{"s3:PutObject arn:aws:s3:::b/k AROA1:one"}},
		{"who am I", Call{Service: "sts", Action: "GetCallerIdentity"}, nil},
		{"a role with tags", Call{Service: "sts", Action: "AssumeRole", Params: map[string]any{"RoleArn": "r", "Tags.member.1.Key": "run", "SourceIdentity": "ada"}}, []string{"sts:AssumeRole r", "sts:TagSession r", "sts:SetSourceIdentity r"}},
		{"a log", Call{Service: "logs", Action: "GetLogEvents", Params: map[string]any{"logGroupName": "g", "logStreamName": "s"}}, []string{"logs:GetLogEvents arn:aws:logs:eu-west-1:123456789012:log-group:g:log-stream:s"}},
	} {
		requests, err := Requests(row.call)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
		}
		var got []string
		for _, r := range requests {
			got = append(got, strings.TrimSpace(r.Action+" "+r.Resource+" "+r.Context["aws:userid"]))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %s", row.name, cmp.Diff(row.want, got))
		}
	}
	for _, c := range []Call{{Service: "iam"}, {Service: "batch", Path: "/v1/cancel"}, {Service: "s3", Method: "POST", Path: "/b/k"}, {Service: "lambda", Path: "/2015-03-31/functions/f"}} {
		if r, err := Requests(c); err == nil {
			t.Errorf("%+v asks for %v, want an error", c, r)
		}
	}
}
