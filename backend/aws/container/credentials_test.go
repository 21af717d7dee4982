package container

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// inEnvironment is a job of an environment with a secret of each kind.
func inEnvironment(t *testing.T, e *awstest.Emulator) (*Job, run.JobDocument) {
	t.Helper()
	secrets := secretsmanager.NewFromConfig(e.Config("deployer"))
	for name, value := range map[string]string{"plan/a": "of-plan", "apply/b": "of-apply", "both/c": `{"user": "of-both"}`} {
		if _, err := secrets.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: aws.String(value)}); err != nil {
			t.Fatal(err)
		}
	}
	doc := backendtest.Document("run-0", run.Artifact{})
	doc.Environment = run.JobEnvironment{
		Name: "prod", Region: "eu-north-1", Account: awstest.Account,
		PlanRole: "arn:aws:iam::" + awstest.Account + ":role/plan", ApplyRole: "arn:aws:iam::" + awstest.Account + ":role/apply",
		Variables: []run.JobVariable{
			{Name: "A", Secret: "plan/a", For: "plan"}, {Name: "B", Secret: "apply/b", For: "apply"}, {Name: "C", Secret: "both/c#user"}, {Name: "D", Value: "plain"},
		},
	}
	return newJob(t, e, "job"), doc
}

// given are the variables of this process that are for the runner.
func given() map[string]string {
	found := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, runner.SecretPrefix) || strings.HasPrefix(name, runner.MaskPrefix) {
			found[name] = value
		}
	}
	return found
}

// T36: a plan gets nothing that is for the apply; an apply masks what the plan
// had; the credentials of the role are in a file; and the next job of a function
// finds nothing of the last one.
func TestWhatTerraformIsGiven(t *testing.T) {
	c, doc := inEnvironment(t, awstest.Start(t, awstest.Options{}))
	t.Setenv("AWS_CONFIG_FILE", "before")
	t.Setenv("AWS_REGION", "before")
	for command, want := range map[run.Kind]map[string]string{
		run.KindPlan:  {runner.SecretPrefix + "A": "of-plan", runner.SecretPrefix + "C": "of-both", runner.SecretPrefix + "D": "plain"},
		run.KindApply: {runner.MaskPrefix + "A": "of-plan", runner.SecretPrefix + "B": "of-apply", runner.SecretPrefix + "C": "of-both", runner.SecretPrefix + "D": "plain"},
	} {
		doc.Command = command
		dir := t.TempDir()
		end, err := c.environment(t.Context(), doc, dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, given()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", command, diff)
		}
		config, err := os.ReadFile(os.Getenv("AWS_CONFIG_FILE"))
		if err != nil || !strings.Contains(string(config), "credential_process") || os.Getenv("AWS_REGION") != "eu-north-1" {
			t.Errorf("%v, region %s:\n%s", err, os.Getenv("AWS_REGION"), config)
		}
		credentials, err := os.ReadFile(filepath.Join(dir, "credentials.json"))
		if err != nil || !strings.Contains(string(credentials), "SessionToken") {
			t.Errorf("%v", err)
		}
		end()
		if left := given(); len(left) > 0 || os.Getenv("AWS_CONFIG_FILE") != "before" || os.Getenv("AWS_REGION") != "before" {
			t.Errorf("%s leaves %v, %s, %s", command, left, os.Getenv("AWS_CONFIG_FILE"), os.Getenv("AWS_REGION"))
		}
	}
}

// T48: who was behind a change is in the CloudTrail of the target account, and a
// trust policy can ask for all of it.
func TestT48_ARoleIsAssumedWithWhoAndWhatFor(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	c, doc := inEnvironment(t, e)
	c.o.ExternalID, doc.Actor, doc.PullRequest = "external-id", "octo cat[bot]", 12
	end, err := c.environment(t.Context(), doc, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	end()
	asked := map[string]any{}
	for _, call := range e.Calls(t) {
		if call.Action == "AssumeRole" {
			asked = call.Params
		}
	}
	for name, want := range map[string]string{
		"RoleArn": doc.Environment.PlanRole, "ExternalId": "external-id", "RoleSessionName": "run-0", "SourceIdentity": "octo-cat-bot-", "DurationSeconds": "3600",
		"Tags.member.1.Key": "lockkeeper:repository", "Tags.member.1.Value": doc.Repository,
		"Tags.member.2.Key": "lockkeeper:project", "Tags.member.2.Value": doc.Project.Name,
		"Tags.member.3.Key": "lockkeeper:command", "Tags.member.3.Value": "plan",
		"Tags.member.4.Key": "lockkeeper:pull_request", "Tags.member.4.Value": "12",
	} {
		if asked[name] != want {
			t.Errorf("%s is %v, want %s", name, asked[name], want)
		}
	}
}

// The trust policy that docs/aws.md gives for roles of target accounts lets the jobs
// in, as they ask, and nobody who asks otherwise.
func TestT48_TheTrustPolicyOfTheDocsLetsJobsIn(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	c, doc := inEnvironment(t, e)
	c.o.ExternalID, doc.Actor, doc.Repository = "external-id", "octocat", "acme/infra"
	end, err := c.environment(t.Context(), doc, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	end()
	page, err := os.ReadFile("../../../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "**3. Roles in each target account**")
	_, text, _ = strings.Cut(text, "```json\n")
	text, _, _ = strings.Cut(text, "```")
	for _, row := range []struct {
		name             string
		external, owner  string
		account, context string // context is one to leave out
		want             bool
	}{
		{"as in the docs", "external-id", "acme", "123456789012", "", true},
		{"another external id", "other", "acme", "123456789012", "", false},
		{"another owner", "external-id", "evil", "123456789012", "", false},
		{"another account", "external-id", "acme", "210987654321", "", false},
		{"no external id", "external-id", "acme", "123456789012", "sts:ExternalId", false},
		{"no tags", "external-id", "acme", "123456789012", "aws:RequestTag/lockkeeper:repository", false},
	} {
		var trust awstest.Policy
		filled := strings.NewReplacer("<hub>", row.account, "<the same>", row.external, "<owner>", row.owner).Replace(text)
		if err := json.Unmarshal([]byte(filled), &trust); err != nil {
			t.Fatalf("%v in\n%s", err, filled)
		}
		if got := letsIn(t, e, trust, row.context); got != row.want {
			t.Errorf("%s: let in is %v", row.name, got)
		}
	}
}

// letsIn reports whether a trust policy allows everything that a job asked STS for.
// The policy of a role is about that role.
func letsIn(t *testing.T, e *awstest.Emulator, trust awstest.Policy, without string) bool {
	t.Helper()
	asked, in := 0, true
	for i := range trust.Statement {
		trust.Statement[i].Resource = []string{"*"}
	}
	for _, call := range e.Calls(t) {
		if call.Action != "AssumeRole" {
			continue
		}
		requests, err := awstest.Requests(call)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			asked++
			r.Principal = "arn:aws:iam::123456789012:role/lockkeeper_dev_plan"
			delete(r.Context, without)
			in = in && awstest.Allows([]awstest.Policy{trust}, r)
		}
	}
	if asked != 3 {
		t.Errorf("%d things were asked of STS, want 3", asked)
	}
	return in
}

// A job that cannot get what it needs says which variable, and leaves nothing
// either. What cannot be masked is not applied.
func TestAJobWithoutItsSecrets(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	c, doc := inEnvironment(t, e)
	doc.Command = run.KindApply
	denied := awstest.Fault{Match: map[string]string{"service": "secretsmanager"}, Times: 1, Kind: "error", Status: 400, Code: "AccessDeniedException"}
	for says, change := range map[string]func(){
		"variable A: reading the secret plan/a from Secrets Manager of eu-west-1 is denied": func() { e.Inject(t, denied) },
		"variable C: the secret both/gone is not in Secrets Manager of eu-west-1":           func() { doc.Environment.Variables[2].Secret = "both/gone" },
		"role arn:aws:iam::123456789012:role/apply is not in account 210987654321":          func() { doc.Environment.Account = "210987654321" },
	} {
		before := doc
		before.Environment.Variables = append([]run.JobVariable{}, doc.Environment.Variables...)
		change()
		if _, err := c.environment(t.Context(), doc, t.TempDir()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
		if left := given(); len(left) > 0 {
			t.Errorf("it left %v", left)
		}
		doc = before
	}
}
