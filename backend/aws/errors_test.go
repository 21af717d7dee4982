package aws

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
)

// refusing answers every call with one error.
type refusing struct {
	status int
	body   string
}

func (r refusing) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: r.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(r.body))}, nil
}

// Credentials that expired are said to be so, whichever service notices; nothing
// is concluded from them, and the call is made again with new ones.
func TestCredentialsThatExpired(t *testing.T) {
	doc := run.JobDocument{Version: run.DocumentVersion, JobID: "run-0", RunID: "run", Fence: 7, Command: run.KindApply, Plan: &run.JobPlan{JobID: "plan-0"}}
	for code, body := range map[string]string{
		"ExpiredTokenException": `{"__type": "ExpiredTokenException", "message": "expired"}`,
		"ExpiredToken":          `<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>`,
	} {
		e := New(Options{
			Config: aws.Config{Region: "eu-west-1", HTTPClient: refusing{http.StatusBadRequest, body}, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")},
			Bucket: "b", StateMachine: "arn:aws:states:eu-west-1:123456789012:stateMachine:m", DeadLetters: "https://q", Environments: map[string]Environment{"": {}},
		})
		var err error
		if code == "ExpiredToken" { // as S3 says it
			err = e.Start(t.Context(), doc)
		} else {
			_, err = e.DeadLetters(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), "credentials are not valid any more") || errors.Is(err, artifact.ErrNotFound) {
			t.Errorf("%s: %v", code, err)
		}
		if end, err := e.result(t.Context(), doc); end != nil || err == nil {
			t.Errorf("%s: the end of the job is %+v, %v", code, end, err)
		}
	}
}
