package deploy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/aws.md leads from an empty account to a first plan: what it names of the
// template is there, and what the template asks for is given.
func TestTheDocsNameWhatTheTemplateHas(t *testing.T) {
	page, b := read(t, "docs/aws.md"), parsed(t)
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`<([A-Z][A-Za-z]+)>`).FindAllStringSubmatch(page, -1) {
		used[m[1]] = true
		if b.Outputs[m[1]] == nil {
			t.Errorf("the docs name the output %s, and there is none", m[1])
		}
	}
	if len(used) < 9 {
		t.Errorf("only the outputs %v were looked at", used)
	}
	first, _, _ := strings.Cut(after(t, page, "--parameter-overrides"), "```")
	given := regexp.MustCompile(`[ \n]([A-Z]\w+)=`).FindAllStringSubmatch(first, -1)
	for name, p := range b.Parameters {
		if _, has := p["Default"]; !has && !slices.ContainsFunc(given, func(m []string) bool { return m[1] == name }) {
			t.Errorf("the first deployment does not give %s", name)
		}
	}
	for _, m := range append(given, regexp.MustCompile("[ `]([A-Z]\\w+)=[\"\\d]").FindAllStringSubmatch(page, -1)...) {
		if b.Parameters[m[1]] == nil {
			t.Errorf("the docs give the parameter %s, and there is none", m[1])
		}
	}
}

// With the default prefix, what the docs call by name has that name.
func TestTheDocsUseNamesOfTheTemplate(t *testing.T) {
	page, b := read(t, "docs/aws.md"), parsed(t)
	prefix := fmt.Sprint(b.Parameters["NamePrefix"]["Default"])
	for _, row := range []struct{ said, name, resource, property string }{
		{"--project-name %s", "lockkeeper-image", "BuildProject", "Name"},
		{"environment-variables-override \"name=TAG,value=$tag\"\naws ecr describe-images --repository-name %s ", "lockkeeper", "Repository", "RepositoryName"},
		{"--kms-key-id %s ", "alias/lockkeeper", "KeyAlias", "AliasName"},
		{"--secret-id %s ", "lockkeeper/server/private-key", "PrivateKeySecret", "Name"},
		{"--secret-id %s ", "lockkeeper/server/webhook-secret", "WebhookSecret", "Name"},
		{"private_key_aws: %s\n", "lockkeeper/server/private-key", "PrivateKeySecret", "Name"},
		{"webhook_secret_aws: %s\n", "lockkeeper/server/webhook-secret", "WebhookSecret", "Name"},
		{"policy/%s\n", "lockkeeper-server", "ServerPolicy", "ManagedPolicyName"},
		{"role/%s\"}", "lockkeeper_dev_plan", "PlanJobRole", "RoleName"},
		{"names `%s`", "lockkeeper_dev_apply", "ApplyJobRole", "RoleName"},
		{"names `%s`", "lockkeeper_dev_function", "PlanFunctionRole", "RoleName"},
	} {
		if text := fmt.Sprintf(row.said, row.name); !strings.Contains(page, text) {
			t.Errorf("the docs do not say %q", text)
		}
		value := b.Resources[row.resource].Properties[row.property]
		name := strings.NewReplacer("${NamePrefix}", prefix, "${Environment}", "dev").Replace(fmt.Sprint(at(value, "Fn::Sub")))
		if at(value, "Ref") == "NamePrefix" {
			name = prefix
		}
		if name != row.name {
			t.Errorf("%s is called %s, and the docs call it %s", row.resource, name, row.name)
		}
	}
	if source := fmt.Sprint(at(b.Resources["BuildProject"].Properties, "Source", "Location", "Fn::Sub")); !strings.Contains(page, strings.ReplaceAll(source, "${Bucket}", "s3://<Bucket>")) {
		t.Errorf("the docs do not put the source to %s", source)
	}
}

// A second stack that shows how a job ends which cannot start has a size that
// Fargate knows: the description of JobMemory has the pairs.
func TestTheDocsAskForASizeThatFargateHas(t *testing.T) {
	row := after(t, read(t, "docs/aws.md"), "a job stuck in RUNNABLE is ended")
	row, _, _ = strings.Cut(row, "\n")
	for _, want := range []string{"`OwnMaxVcpus=1`", "`JobVcpu=2`", "`JobMemory=4096`"} {
		if !strings.Contains(row, want) {
			t.Errorf("the row lacks %s: %s", want, row)
		}
	}
}

func after(t *testing.T, text, mark string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, mark)
	if !found {
		t.Fatalf("there is no %q", mark)
	}
	return rest
}
