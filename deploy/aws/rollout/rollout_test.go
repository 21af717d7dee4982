package rollout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/yamlfile"
)

const repository = awstest.Account + ".dkr.ecr." + awstest.Region + ".amazonaws.com/lockkeeper"

// world is an empty account, and the settings for it.
type world struct {
	*awstest.Emulator
	t        *testing.T
	settings Settings
}

func newWorld(t *testing.T) *world {
	e := awstest.Start(t, awstest.Options{Images: map[string]awstest.Image{repository: {Entrypoint: []string{"sleep"}, Env: nil}}})
	subnets, groups := e.Network(t)
	s, err := Read("stacks.yml", fmt.Appendf(nil, `
region: %s
parameters:
  ServerPrincipalArn: arn:aws:iam::%s:role/path/server
  SubnetIds: %s
  SecurityGroupIds: %s
  ExternalId: external-id
environments:
  dev: {PlanRoleArns: "arn:aws:iam::1:role/dev-plan", ApplyRoleArns: "arn:aws:iam::1:role/dev-apply", Function: "true"}
  prod: {PlanRoleArns: "arn:aws:iam::2:role/prod-plan", ApplyRoleArns: "arn:aws:iam::2:role/prod-apply", OwnMaxVcpus: "8"}
`, awstest.Region, awstest.Account, strings.Join(subnets, ","), groups[0]))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{e, t, s}
	_, err = iam.NewFromConfig(e.Config("deployer")).CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("server"), Path: aws.String("/path/"), AssumeRolePolicyDocument: aws.String(`{"Version": "2012-10-17", "Statement": []}`)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// do does something with the stacks, and returns what it printed.
func (w *world) do(what func(context.Context, *Rollout) error) (string, error) {
	var out bytes.Buffer
	r := New(w.Config("deployer"), w.settings, &out)
	r.Poll = 20 * time.Millisecond
	err := what(w.t.Context(), r)
	return out.String(), err
}

func (w *world) up(image string, source *Source) (string, error) {
	return w.do(func(ctx context.Context, r *Rollout) error { return r.Up(ctx, image, source) })
}

func (w *world) wants(text string, parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			w.t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// From an empty account to a config that the server takes, again, an upgrade, and back.
func TestAnAccountFromNothingAndBack(t *testing.T) {
	w := newWorld(t)
	if said, err := w.up("", nil); err == nil || !strings.Contains(err.Error(), "--source DIR") || said != "" {
		t.Errorf("without an image: %v\n%s", err, said)
	}
	if said, err := w.do(func(ctx context.Context, r *Rollout) error { return unwell(r.Status(ctx)) }); err == nil || strings.Count(said, "not there") != 4 {
		t.Errorf("before: %v\n%s", err, said)
	}
	first := repository + "@sha256:" + strings.Repeat("1", 64)
	said, err := w.up(first, nil)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, said, w.Log())
	}
	w.wants(said, "service-linked role      of batch.amazonaws.com made", "base ", "engine ", "environment-dev ", "environment-prod ", "the role server has the policy arn:")
	if said, err = w.up("", nil); err != nil || strings.Count(said, "nothing to change") != 4 || strings.Contains(said, "service-linked") {
		t.Fatalf("again: %v\n%s%s", err, said, w.Log())
	}
	second := repository + "@sha256:" + strings.Repeat("2", 64)
	if said, err = w.up(second, nil); err != nil || strings.Count(said, "nothing to change") != 2 || strings.Count(said, "updated in") != 2 {
		t.Errorf("an upgrade: %v\n%s", err, said)
	}
	said, err = w.do(func(ctx context.Context, r *Rollout) error { return unwell(r.Status(ctx)) })
	if err != nil {
		t.Errorf("status: %v\n%s", err, said)
	}
	w.wants(said, "environment-dev          UPDATE_COMPLETE, image "+second, "  plan_queue: arn:aws:batch", "      function: lockkeeper_dev_plan")
	w.takesTheConfig(said)
	said, err = w.do(func(ctx context.Context, r *Rollout) error { return r.Down(ctx) })
	if err != nil {
		t.Fatalf("down: %v\n%s", err, said)
	}
	w.wants(said, "environment-prod         removed", "base                     removed", "the bucket lockkeeper-"+awstest.Account)
	if said, err = w.do(func(ctx context.Context, r *Rollout) error { return r.Down(ctx) }); err != nil || said != "" {
		t.Errorf("down again: %v\n%s", err, said)
	}
}

func unwell(well bool, err error) error {
	if err == nil && !well {
		err = errors.New("not well")
	}
	return err
}

// takesTheConfig wants that a server takes what status prints.
func (w *world) takesTheConfig(said string) {
	w.t.Helper()
	_, text, _ := strings.Cut(said, "\n\n")
	dir := w.t.TempDir()
	file := filepath.Join(dir, "server.yml")
	content := "listen: 127.0.0.1:8080\ndata_dir: " + dir + "\ngithub:\n  app_id: 1\n  private_key_aws: a\n  webhook_secret_aws: b\n" + text
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	_, err := config.Load(file, config.Sources{AWS: func(_, name string) (string, error) { return "", errors.New(name) }})
	var wrong config.Problems
	if errors.As(err, &wrong) {
		for _, p := range wrong {
			if !strings.HasPrefix(p.Key, "github.") { // whose secrets are nowhere here
				w.t.Errorf("%s\n%s", p.Message, content)
			}
		}
	}
}

// CodeBuild makes the image of a commit once.
func TestTheImageOfACommitIsBuiltOnce(t *testing.T) {
	w := newWorld(t)
	images := ecr.NewFromConfig(w.Config("deployer"))
	source := func() *Source { return &Source{Tag: "0123456789ab", Archive: strings.NewReader("an archive")} }
	// The emulator's build makes no image, and says that it succeeded.
	said, err := w.up("", source())
	if err == nil || !strings.Contains(err.Error(), "succeeded, and there is no image 0123456789ab") {
		t.Fatalf("%v\n%s%s", err, said, w.Log())
	}
	got, err := w.do(func(ctx context.Context, r *Rollout) error {
		_, err := r.objects.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("lockkeeper-" + awstest.Account + "-" + awstest.Region), Key: aws.String(sourceKey)})
		return err
	})
	if err != nil {
		t.Errorf("the source is not there: %v %s", err, got)
	}
	_, err = images.PutImage(t.Context(), &ecr.PutImageInput{RepositoryName: aws.String("lockkeeper"), ImageTag: aws.String("0123456789ab"), ImageManifest: aws.String(`{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": {"mediaType": "a", "size": 1, "digest": "sha256:1"}, "layers": []}`)})
	if err != nil {
		t.Fatal(err)
	}
	if said, err = w.up("", source()); err != nil || strings.Contains(said, "CodeBuild") {
		t.Errorf("an image that is there: %v\n%s", err, said)
	}
	said, err = w.do(func(ctx context.Context, r *Rollout) error { return unwell(r.Status(ctx)) })
	if err != nil || !strings.Contains(said, "image "+repository+"@sha256:") {
		t.Errorf("%v\n%s", err, said)
	}
}

// A first deploy that failed is made again, and says why it failed.
func TestAFirstDeployThatFailedIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.Inject(t, awstest.Fault{Match: map[string]string{"principal": "cloudformation", "service": "codebuild"}, Times: 1, Kind: "error", Status: 400, Code: "AccessDeniedException"})
	image := repository + "@sha256:" + strings.Repeat("1", 64)
	said, err := w.up(image, nil)
	if err == nil || !strings.Contains(err.Error(), "lockkeeper-base could not be made") || strings.Contains(err.Error(), "does not say why") {
		t.Errorf("%v\n%s%s", err, said, w.Log())
	}
	w.Inject(t)
	if said, err = w.up(image, nil); err != nil || !strings.Contains(said, "base                     removed") {
		t.Errorf("the second time: %v\n%s%s", err, said, w.Log())
	}
}

// Nothing is taken from under a job.
func TestStacksWithAJobThatRunsAreNotRemoved(t *testing.T) {
	w := newWorld(t)
	if said, err := w.up(repository+"@sha256:"+strings.Repeat("1", 64), nil); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	machine := "arn:aws:states:" + awstest.Region + ":" + awstest.Account + ":stateMachine:lockkeeper-job"
	_, err := sfn.NewFromConfig(w.Config("server")).StartExecution(t.Context(), &sfn.StartExecutionInput{
		StateMachineArn: &machine, Name: aws.String("approval-waits-0-7"),
		Input: aws.String(`{"command": "approval", "run_id": "waits", "job_id": "waits-0", "fence": 7, "input": "inputs/A.json", "limits": {"seconds": 600}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	said, err := w.do(func(ctx context.Context, r *Rollout) error { return r.Down(ctx) })
	if err == nil || !strings.Contains(err.Error(), "a job runs, approval-waits-0-7") || said != "" {
		t.Errorf("%v\n%s", err, said)
	}
	list, err := cloudformation.NewFromConfig(w.Config("deployer")).DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil || len(list.Stacks) != 4 {
		t.Errorf("%d stacks are left, %v", len(list.Stacks), err)
	}
}

// Whoever copies the file of the docs and fills in what is theirs has one that is
// taken, and that gives each template what it has no default for.
func TestTheFileOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\nregion: <region>\n")
	text, _, found := strings.Cut(text, "```")
	s, err := Read("stacks.yml", []byte("region: eu-west-1\n"+text))
	if err != nil || !found {
		t.Fatal(err)
	}
	for _, stack := range s.stacks() {
		given := s.given(stack, "image")
		for _, m := range regexp.MustCompile(`(?m)^  ([A-Za-z]+):\n    Type: .*\n((?:    .*\n)*)`).FindAllStringSubmatch(stack.Template, -1) {
			if _, has := given[m[1]]; stack.Takes(m[1]) && !has && !strings.Contains(m[2], "    Default:") {
				t.Errorf("%s is not given %s", stack.Name, m[1])
			}
		}
	}
}

// Every mistake of the file is said, with its line.
func TestMistakesInTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"region: eu-west-1\n":                                                              "environments: must name one",
		"region: here\nenvironments: {dev: {}}\n":                                          "1: region: must be a region",
		"prefix: X\nregion: eu-west-1\nenvironments: {dev: {}}\n":                          "1: prefix: must be 2 to 20",
		"region: eu-west-1\nenvironments: {Dev_: {}}\n":                                    "environments.Dev_: must be up to 31",
		"region: eu-west-1\nparameters: {SubnetId: x}\nenvironments: {dev: {}}\n":          "parameters.SubnetId: is no parameter",
		"region: eu-west-1\nparameters: {NamePrefix: x}\nenvironments: {dev: {}}\n":        "parameters.NamePrefix: is no parameter",
		"region: eu-west-1\nparameters: {ImageUri: x}\nenvironments: {dev: {}}\n":          "parameters.ImageUri: is no parameter",
		"region: eu-west-1\nenvironments: {dev: {KeyArn: x}}\n":                            "environments.dev.KeyArn: is no parameter",
		"region: eu-west-1\nenvironments: {dev: {Environment: x}}\n":                       "environments.dev.Environment: is no parameter",
		"region: eu-west-1\nenvironments: {dev: {RolePath: /x/}}\n":                        "environments.dev.RolePath: is one for all stacks: set it under parameters",
		"region: eu-west-1\nenvironments: {server: {}}\n":                                  "environments.server: is where the server's own secrets are",
		"region: eu-west-1\nenvironment: {dev: {}}\n":                                      "environment: is not a key",
		"region: eu-west-1\nenvironments: {dev: {PlanRoleArns: [a, b]}}\nparameters: {}\n": "environments.dev.PlanRoleArns: must be",
	} {
		_, err := Read("stacks.yml", []byte(text))
		if problems, ok := errors.AsType[yamlfile.Problems](err); !ok || !strings.Contains(problems.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Whoever may not make service-linked roles has them already, or hears of it.
func TestWithoutTheRightToMakeServiceLinkedRoles(t *testing.T) {
	w := newWorld(t)
	w.Inject(t, awstest.Fault{Match: map[string]string{"principal": "deployer", "service": "iam", "action": "CreateServiceLinkedRole"}, Times: 100, Kind: "error", Status: 403, Code: "AccessDenied"})
	said, err := w.up(repository+"@sha256:"+strings.Repeat("1", 64), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	w.wants(said, "of ecs.amazonaws.com: you may not make it", "of batch.amazonaws.com: you may not make it", "the role server has the policy")
}

// What is not in the file any more stays what it is in the stack: the server, too.
func TestAServerThatIsNotInTheFileAnyMoreKeepsItsPolicy(t *testing.T) {
	w := newWorld(t)
	image := repository + "@sha256:" + strings.Repeat("1", 64)
	if said, err := w.up(image, nil); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	delete(w.settings.Parameters, "ServerPrincipalArn")
	said, err := w.up(image, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.wants(said, "the role server has the policy")
}

// Jobs could not read it, and each would end for that.
func TestAnImageOfAnotherRepositoryIsRefused(t *testing.T) {
	w := newWorld(t)
	said, err := w.up(strings.Replace(repository, "lockkeeper", "another", 1)+"@sha256:"+strings.Repeat("1", 64), nil)
	if err == nil || strings.Contains(said, "engine ") {
		t.Fatalf("%v\n%s", err, said)
	}
	w.wants(err.Error(), "is not in the repository "+repository)
}

// The server's role of before still reads what the policy allows.
func TestWhoElseHasTheServersPolicyIsNamed(t *testing.T) {
	w := newWorld(t)
	image := repository + "@sha256:" + strings.Repeat("1", 64)
	if said, err := w.up(image, nil); err != nil || strings.Contains(said, "has that policy, too") {
		t.Fatalf("%v\n%s", err, said)
	}
	if _, err := iam.NewFromConfig(w.Config("deployer")).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("newer")}); err != nil {
		t.Fatal(err)
	}
	w.settings.Parameters["ServerPrincipalArn"] = "arn:aws:iam::" + awstest.Account + ":user/newer"
	said, err := w.up(image, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	w.wants(said, "the user newer has the policy", "the role server has that policy, too")
}

// An upgrade that broke off at prod leaves two images. The next up without one would
// change an environment without a word, whichever it took.
func TestEnvironmentsOfDifferentImagesAreAskedAbout(t *testing.T) {
	w := newWorld(t)
	first, second := repository+"@sha256:"+strings.Repeat("1", 64), repository+"@sha256:"+strings.Repeat("2", 64)
	if said, err := w.up(first, nil); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	prod := w.settings.Environments["prod"]
	delete(w.settings.Environments, "prod")
	if said, err := w.up(second, nil); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	w.settings.Environments["prod"] = prod
	said, err := w.up("", nil)
	if err == nil || said != "" {
		t.Fatalf("%v\n%s", err, said)
	}
	w.wants(err.Error(), "environment-dev has the image "+second, "environment-prod has "+first, "--image or --source")
	if said, err := w.up(second, nil); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// A removal that broke off goes on, although what it asked about is gone.
func TestARemovalThatBrokeOffGoesOn(t *testing.T) {
	w := newWorld(t)
	if said, err := w.up(repository+"@sha256:"+strings.Repeat("1", 64), nil); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	_, err := w.do(func(ctx context.Context, r *Rollout) error {
		known, err := r.known(ctx)
		if err != nil {
			return err
		}
		out := outputs(known["lockkeeper-engine"])
		if _, err := r.steps.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: aws.String(out["StateMachine"])}); err != nil {
			return err
		}
		if err := r.detach(ctx, out["ServerPolicy"]); err != nil {
			return err
		}
		_, err = r.roles.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(out["ServerPolicy"])})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	said, err := w.do(func(ctx context.Context, r *Rollout) error {
		known, err := r.known(ctx)
		if err != nil {
			return err
		}
		if err := r.idle(ctx, known["lockkeeper-engine"]); err != nil {
			return err
		}
		return r.detach(ctx, outputs(known["lockkeeper-engine"])["ServerPolicy"])
	})
	if err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

// Stacks whose names begin alike are another server's, or nobody's.
func TestOnlyStacksOfThePrefixAreRemoved(t *testing.T) {
	w := newWorld(t)
	stacks := cloudformation.NewFromConfig(w.Config("deployer"))
	const other = `{"Parameters": {"NamePrefix": {"Type": "String", "Default": "lockkeeper-environment-x"}}, "Resources": {"Q": {"Type": "AWS::SNS::Topic", "Properties": {}}}}`
	for _, name := range []string{"lockkeeper-environment-x-base", "lockkeeper-environment-y"} {
		if _, err := stacks.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(other)}); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := w.do(func(ctx context.Context, r *Rollout) error { return r.Down(ctx) }); err != nil || said != "" {
		t.Errorf("%v\n%s", err, said)
	}
	list, err := stacks.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{})
	if err != nil || len(list.Stacks) != 2 {
		t.Errorf("%d stacks are left, %v", len(list.Stacks), err)
	}
}

// What is no digest is refused before anything is made.
func TestAnImageIsNamedByDigest(t *testing.T) {
	w := newWorld(t)
	for _, image := range []string{repository, repository + ":latest", repository + "@sha256:1", "debian@sha256:" + strings.Repeat("1", 64), "sha256:" + strings.Repeat("1", 64)} {
		if said, err := w.up(image, nil); err == nil || !strings.Contains(err.Error(), "by digest") || said != "" {
			t.Errorf("%s: %v\n%s", image, err, said)
		}
	}
}

// `aws cloudformation deploy` leaves a stack with nothing in it when its change set is
// refused or not carried out. It never gets another state by itself.
func TestAStackThatIsOnlyAChangeSetIsMade(t *testing.T) {
	w := newWorld(t)
	_, err := cloudformation.NewFromConfig(w.Config("deployer")).CreateChangeSet(t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String("lockkeeper-base"), ChangeSetName: aws.String("by-hand"), ChangeSetType: types.ChangeSetTypeCreate,
		TemplateBody: aws.String(`{"Resources": {"Q": {"Type": "AWS::SNS::Topic", "Properties": {}}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	said, err := w.do(func(ctx context.Context, r *Rollout) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute) // it waited for ever
		defer cancel()
		return r.Up(ctx, repository+"@sha256:"+strings.Repeat("1", 64), nil)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	w.wants(said, "base                     removed", "base                     made")
}

// An update that was rolled back leaves a stack that works; one whose roll-back failed,
// or whose removal, needs a person, who is told what to do.
func TestWhatAStateAsksFor(t *testing.T) {
	for status, want := range map[types.StackStatus]string{
		types.StackStatusCreateComplete: "", types.StackStatusUpdateComplete: "", types.StackStatusUpdateRollbackComplete: "",
		types.StackStatusUpdateRollbackFailed: "aws cloudformation continue-update-rollback --stack-name s",
		types.StackStatusDeleteFailed:         "aws cloudformation delete-stack --stack-name s",
		types.StackStatusCreateFailed:         "aws cloudformation delete-stack --stack-name s",
		types.StackStatusUpdateFailed:         "aws cloudformation rollback-stack --stack-name s",
	} {
		err := usable(&stack{StackName: aws.String("s"), StackStatus: status, StackStatusReason: aws.String("because")})
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "because")) {
			t.Errorf("%s: %v, want %q", status, err, want)
		}
	}
}
