package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/cli"
)

// T25, T27: the server reads each of its own secrets once, with its own role,
// and tells what is wrong with one without telling the others.
func TestTheServersOwnSecretsComeFromAWS(t *testing.T) {
	a := newAccount(t)
	secrets := secretsmanager.NewFromConfig(a.Config("deployer"))
	put := func(name, value string) {
		t.Helper()
		if _, err := secrets.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value}); err != nil {
			t.Fatal(err)
		}
	}
	const keyName, secretName = "lockkeeper/server/private-key", "lockkeeper/server/webhook-secret"
	described, err := secrets.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new(secretName)})
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Repeat("old-secret", 4)
	a.secret(t, "lockkeeper/server/previous-webhook-secret", `{"old": "`+old+`", "short": "of-few-bytes"}`)
	own := func(key, secret, previous string) func(map[string]any) {
		return func(c map[string]any) {
			g := c["github"].(map[string]any)
			delete(g, "private_key_file")
			delete(g, "webhook_secret_file")
			g["private_key_aws"], g["webhook_secret_aws"], g["previous_webhook_secret_aws"] = key, secret, previous
		}
	}
	s := newStage(t, a.engine, own(keyName, *described.ARN, "lockkeeper/server/previous-webhook-secret#old"))
	file := func(name string) string {
		content, err := os.ReadFile(filepath.Join(s.dir, name))
		s.check(err)
		return string(content)
	}

	_, err = cli.LoadConfig(t.Context(), s.config)
	tells(t, err, "github.private_key_aws", keyName+" is not in Secrets Manager of eu-west-1, or has no value yet: store one there")
	put(keyName, file("private-key.pem"))
	put(secretName, file("webhook-secret"))
	a.Forget(t)
	cfg, err := cli.LoadConfig(t.Context(), s.config)
	s.check(err)
	if got := cfg.GitHub.WebhookSecrets(); len(got) != 2 || got[0] != strings.TrimSpace(file("webhook-secret")) || got[1] != old {
		t.Error("the webhook secrets are not the stored ones")
	}
	if strings.TrimSpace(cfg.GitHub.PrivateKey.Reveal()) != strings.TrimSpace(file("private-key.pem")) {
		t.Error("the private key is not the stored one")
	}
	reads := map[string]bool{} // by the SDK's name of a call: on a busy machine it tries one twice
	for _, call := range a.Calls(t) {
		if call.Action == "GetSecretValue" {
			reads[call.Invocation] = true
		}
	}
	if len(reads) != 3 || reads[""] {
		t.Errorf("three secrets were read %d times", len(reads))
	}
	a.everyCallIsAllowed(t)

	err = nil
	for tries := 0; err == nil && tries < 5; tries++ { // on a busy machine the SDK may not wait for the one answer, and asks again
		a.Inject(t, awstest.Fault{Match: map[string]string{"service": "secretsmanager", "principal": "server"}, Times: 1, Kind: "error", Status: 400, Code: "AccessDeniedException"})
		_, err = cli.LoadConfig(t.Context(), s.config)
	}
	tells(t, err, "github.private_key_aws", "reading the secret "+keyName+" from Secrets Manager of eu-west-1 is denied: allow secretsmanager:GetSecretValue on it")
	for name, says := range map[string]string{
		"lockkeeper/server/gone":                          "lockkeeper/server/gone is not in Secrets Manager of eu-west-1",
		"lockkeeper/server/previous-webhook-secret#gone":  `has no key "gone" with a text`,
		"lockkeeper/server/previous-webhook-secret#short": "holds a secret of 12 bytes; make one of at least 32",
		keyName + "#key":                                  `is no JSON object, so it has no key "key"`,
	} {
		_, err := cli.LoadConfig(t.Context(), newStage(t, a.engine, own(keyName, secretName, name)).config)
		tells(t, err, "github.previous_webhook_secret_aws", says)
		if err != nil && (strings.Contains(err.Error(), old) || strings.Contains(err.Error(), "PRIVATE")) {
			t.Errorf("the message holds a secret: %v", err)
		}
	}
}

// tells wants one mistake about a key, in one sentence.
func tells(t *testing.T, err error, key, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "1 mistake:") || !strings.Contains(err.Error(), key+": ") || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want one mistake about %s: %q", err, key, says)
	}
}
