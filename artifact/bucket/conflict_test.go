package bucket

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// answers are the statuses with which S3 answers the writes of one key, in order.
type answers struct {
	statuses []int
	bodies   []string // what was sent
}

func (a *answers) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("If-None-Match") != "*" {
		return nil, errors.New("the write has no condition")
	}
	a.bodies = append(a.bodies, string(body))
	status := a.statuses[0]
	a.statuses = a.statuses[1:]
	text := map[int]string{409: "<Error><Code>ConditionalRequestConflict</Code></Error>", 412: "<Error><Code>PreconditionFailed</Code></Error>"}[status]
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

// S3 answers 409 while another write of the key has not ended, and has written
// nothing then.
func TestAWriteThatMetAnotherOneIsMadeAgain(t *testing.T) {
	for _, row := range []struct {
		name     string
		statuses []int
		claimed  bool
	}{
		{"and is the first", []int{409, 409, 200}, true},
		{"and the other was", []int{409, 412}, false},
		{"for a while", []int{409, 409, 409, 409, 409, 409, 409}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := &answers{statuses: append(row.statuses, 200)}
			b := &Bucket{Name: "b", Client: NewClient(aws.Config{Region: "eu-west-1", HTTPClient: a, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")})}
			err := b.Claim(t.Context(), "claim", "me")
			if (err == nil) != row.claimed || errors.Is(err, artifact.ErrClaimed) != (row.name == "and the other was") {
				t.Errorf("the claim ended with %v", err)
			}
			if len(a.statuses) != 1 {
				t.Errorf("%d answers are left, want one", len(a.statuses))
			}
			for _, body := range a.bodies {
				if body != "me" {
					t.Errorf("it wrote %q", body)
				}
			}
		})
	}
}
