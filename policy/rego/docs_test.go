package rego

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a file of rules in the guide: its name, then the text in a fence.
var example = regexp.MustCompile("(?m)`policy/([a-z.]+)`:\n\n```[a-z]+\n((?s:.*?))^```$")

// examples are the rules of docs/plan-policy.md.
func examples(t *testing.T) map[string]string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/plan-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range example.FindAllStringSubmatch(string(guide), -1) {
		found[m[1]] = m[2]
	}
	if len(found) != 3 {
		t.Fatalf("the guide shows %d files", len(found))
	}
	return found
}

// planOf is the JSON that a real terraform prints for the change from one
// configuration to another; from may be empty.
func planOf(t *testing.T, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	terraform := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("terraform", args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "CHECKPOINT_DISABLE=1"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(from)
	terraform("init")
	if from != "" {
		terraform("apply", "-auto-approve")
	}
	write(to)
	terraform("plan", "-out=plan")
	return terraform("show", "-json", "plan")
}

// The examples of the guide, on what a real terraform planned. Types and
// arguments get the names that the rules look for afterwards: terraform itself
// has one type only.
func TestExamplesOfTheGuide(t *testing.T) {
	rules, err := Load(t.Context(), files(examples(t)), "policy")
	if err != nil {
		t.Fatal(err)
	}
	plan := planOf(t, `
resource "terraform_data" "gone" {}
resource "terraform_data" "replaced" { triggers_replace = 1 }
resource "terraform_data" "kept" {}
`, `
resource "terraform_data" "replaced" {
  triggers_replace = 2
  input            = { team = "a", cost-center = "1" }
}
resource "terraform_data" "kept" { input = { team = "a", cost-center = "1" } }
resource "terraform_data" "tagged" { input = { team = "a", cost-center = "1" } }
resource "terraform_data" "partly" { input = { team = "a" } }
resource "terraform_data" "none" { input = {} }
resource "terraform_data" "null" {}
`)
	plan = strings.NewReplacer(`"terraform_data"`, `"aws_s3_bucket"`, `"terraform_data.`, `"aws_s3_bucket.`, `"input"`, `"tags"`).Replace(plan)
	result, err := rules.Evaluate(t.Context(), strings.NewReader(plan))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Denied {
		got = append(got, f.Rule+": "+f.Message)
	}
	want := []string{
		"protected.deny: aws_s3_bucket.gone holds data and would be destroyed. Keep it, or move it out of the state first.",
		"protected.deny: aws_s3_bucket.replaced holds data and would be destroyed. Keep it, or move it out of the state first.",
		"tags.deny: aws_s3_bucket.none has no tag team and no tag cost-center.",
		"tags.deny: aws_s3_bucket.null has no tag team and no tag cost-center.",
		"tags.deny: aws_s3_bucket.partly has no tag cost-center.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The same rules have nothing against a plan of another type.
func TestExamplesOfTheGuideLeaveOthersAlone(t *testing.T) {
	got, err := judgeFiles(t, examples(t))
	if err != nil || len(got.Denied) > 0 || got.Rules != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// The guide names what rules do not have, and no more.
func TestTheGuideNamesRemovedFunctions(t *testing.T) {
	guide, err := os.ReadFile("../../docs/plan-policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range removed {
		if !strings.Contains(string(guide), "`"+name+"`") {
			t.Errorf("%s is not named", name)
		}
	}
}
