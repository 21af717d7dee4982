package aws

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// stored is a Secrets Manager with one secret, which notes who was asked.
type stored struct{ value, host string }

func (s *stored) Do(r *http.Request) (*http.Response, error) {
	s.host = r.URL.Host
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"SecretString": ` + s.value + `}`))}, nil
}

func TestReadSecret(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-west-2:123456789012:secret:lockkeeper/server/key-AbCdEf"
	for _, row := range []struct{ name, region, value, want, host, fails string }{
		{"key", "eu-west-1", `"v"`, "v", "secretsmanager.eu-west-1.amazonaws.com", ""},
		{arn, "eu-west-1", `"v"`, "v", "secretsmanager.us-west-2.amazonaws.com", ""},
		{arn + "#a", "", `"{\"a\": \"of-a\", \"n\": 7}"`, "of-a", "secretsmanager.us-west-2.amazonaws.com", ""},
		{"key#n", "eu-west-1", `"{\"a\": \"of-a\", \"n\": 7}"`, "", "secretsmanager.eu-west-1.amazonaws.com", `has no key "n" with a text`},
		{"key#a", "eu-west-1", `"of-a"`, "", "secretsmanager.eu-west-1.amazonaws.com", "is no JSON object"},
		{"key", "", `"v"`, "", "", "no region is known for the secret key: name it by its ARN"},
	} {
		s := &stored{value: row.value}
		got, err := ReadSecret(t.Context(), aws.Config{Region: row.region, HTTPClient: s, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, row.name)
		if got != row.want || s.host != row.host || (err == nil) != (row.fails == "") {
			t.Errorf("%s in %q: %q from %q, %v", row.name, row.region, got, s.host, err)
		}
		if err != nil && (!strings.Contains(err.Error(), row.fails) || strings.Contains(err.Error(), "of-a")) {
			t.Errorf("%s: %v, want %q and no value", row.name, err, row.fails)
		}
	}
}
