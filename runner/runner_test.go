package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/policy/rego"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// The test binary is the runner and the evaluator, too.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "lockkeeper-evaluator" {
		os.Exit(rego.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if err := backendtest.BuildRunner(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// setup is a job to be run.
type setup struct {
	options   Options
	doc       run.JobDocument
	env       []string
	artifacts *artifact.Dir
	files     []*os.File // that the runner inherits
}

func newSetup(t testing.TB, files map[string]string) *setup {
	t.Helper()
	terraform, err := exec.LookPath("terraform")
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	s := &setup{
		options: Options{
			Dir: filepath.Join(base, "job"), Artifacts: filepath.Join(base, "artifacts"),
			Terraform: terraform, TerraformName: "Terraform", Providers: filepath.Join(base, "providers"),
			Grace: time.Second,
		},
		env: []string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}, // its default of a second is too long
	}
	if err := os.Mkdir(s.options.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if s.artifacts, err = artifact.OpenDir(s.options.Artifacts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.artifacts.Close() })
	s.doc = backendtest.Document("run-0", backendtest.Source(t, s.artifacts, files))
	return s
}

// shared is a directory that terraform may write and that stays.
func (s *setup) shared(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	s.options.Write = append(s.options.Write, dir)
	return dir
}

// planFile is backendtest.PlanFile where terraform may read it.
func (s *setup) planFile(t testing.TB, module map[string]string) string {
	t.Helper()
	plan := backendtest.PlanFile(t, module)
	s.options.Read = append(s.options.Read, plan)
	return plan
}

// script makes a shell script the terraform of the job.
func (s *setup) script(t testing.TB, text string) {
	t.Helper()
	s.options.Terraform = filepath.Join(t.TempDir(), "terraform")
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err := os.WriteFile(s.options.Terraform, []byte("#!/bin/sh\n[ \"$1\" != state ] || exit 0 # an apply asks for the state, and there is none\n"+text), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
}

// start runs the runner as an engine does and returns its exit code.
func (s *setup) start(t testing.TB) int {
	t.Helper()
	content, err := json.Marshal(s.doc)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.options.Dir, DocumentFile), content, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(backendtest.Runner(), s.options.Args()...)
	cmd.Env, cmd.ExtraFiles = s.env, s.files
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, out)
	}
	return cmd.ProcessState.ExitCode()
}

func (s *setup) run(t testing.TB) run.Result {
	t.Helper()
	s.start(t)
	content, err := os.ReadFile(filepath.Join(s.options.Dir, ResultFile))
	if err != nil {
		t.Fatal(err)
	}
	var r run.Result
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (s *setup) read(t testing.TB, ref run.Artifact) string {
	t.Helper()
	content, err := s.artifacts.ReadAll(t.Context(), ref, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (s *setup) summary(t testing.TB, r run.Result) run.Summary {
	t.Helper()
	if r.Outcome != run.OutcomeSucceeded {
		t.Fatalf("problem: %+v", r.Problem)
	}
	var sum run.Summary
	if err := json.Unmarshal([]byte(s.read(t, r.Artifacts[run.ArtifactSummary])), &sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

func wantProblem(t testing.TB, r run.Result, code, detail string) {
	t.Helper()
	if r.Outcome != run.OutcomeFailed || r.Problem == nil || r.Problem.Code != code {
		t.Fatalf("want the problem %s, got %+v, %+v", code, r, r.Problem)
	}
	if !strings.Contains(r.Problem.Detail, detail) || len(r.Problem.Detail) > maxDetail {
		t.Errorf("detail has no %q or is too long: %.2000q", detail, r.Problem.Detail)
	}
	if !strings.HasSuffix(r.Problem.Message, ".") {
		t.Errorf("no sentence: %q", r.Problem.Message)
	}
	if _, there := r.Artifacts[run.ArtifactPlan]; there {
		t.Error("there is a plan in spite of the problem")
	}
}

const resource = "resource \"terraform_data\" \"a\" {\n  input = \"x\"\n}\n"

func TestOptionsAreTheirArguments(t *testing.T) {
	want := Options{
		Dir: "/d", View: "/v", Artifacts: "/a b", Terraform: "/t", TerraformName: "Terraform 1", Providers: "/p", Sources: "/s",
		CLIConfig: "/c", Pass: []string{"A", "B"}, Grace: time.Minute, AliveFD: 3, TurnFD: 4, Threads: 2, Evaluator: "/e", Recover: true, OwnMachine: true,
		Isolation: jail.BestEffort, Read: []string{"/r", "/s"}, Write: []string{"/w"}, Given: []string{"/g"}, Users: jail.Users{First: 5000, Last: 5999}, Cgroup: "/h",
		Limits: jail.Limits{Memory: 1, Processes: 2, Files: 3, FileSize: 4},
	}
	got, err := parseOptions(want.Args())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, args := range [][]string{{"-dir=x"}, {"-nope"}, append(want.Args(), "more"), append(want.Args(), "-isolation=none"), append(want.Args(), "-write=w"), append(want.Args(), "-given=g"), append(want.Args(), "-users=0-9")} {
		if _, err := parseOptions(args); err == nil {
			t.Errorf("accepted %q", args)
		}
	}
}

func TestPlanWithVariablesBackendAndWorkspace(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{
		"app/main.tf": `
terraform {
  backend "local" {}
}
variable "size" {}
resource "terraform_data" "a" {
  input = "${terraform.workspace} ${var.size}"
}
check "always" {
  assert {
    condition     = terraform_data.a.input == ""
    error_message = "Not empty."
  }
}`,
		"shared/a.tfvars": "size = 4\n",
	})
	s.doc.Project.VarFiles = []string{"../shared/a.tfvars"}
	s.doc.Project.BackendConfig = map[string]string{"path": filepath.Join(s.shared(t), "a b.tfstate")}
	s.doc.Project.Workspace = "not-there-yet"
	r := s.run(t)
	sum := s.summary(t, r)
	if d := sum.Changes[0].Diff; d[1].After != `"not-there-yet 4"` {
		t.Errorf("diff: %+v", d)
	}
	if diff := cmp.Diff([]string{"Check block assertion failed"}, sum.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(sum.Checks) != 1 || sum.Checks[0].Message != "Not empty." {
		t.Errorf("checks: %+v", sum.Checks)
	}
	var steps []string
	for _, step := range r.Steps {
		steps = append(steps, step.Name)
	}
	if !slices.Equal(steps, []string{"init", "plan", "show"}) {
		t.Errorf("terraform ran %v", steps)
	}
}

func TestProblems(t *testing.T) {
	broken := "resource \"terraform_data\" {\n"
	for name, c := range map[string]struct {
		files        map[string]string
		change       func(*setup)
		script       string
		code, detail string
	}{
		"the directory does not exist": {map[string]string{"other/main.tf": resource}, nil, "", "directory_missing", ""},
		"the directory is a file":      {map[string]string{"app": resource}, nil, "", "directory_missing", ""},
		"broken HCL":                   {map[string]string{"app/main.tf": broken}, nil, "", "init_failed", "Error: "},
		"a reference to nothing":       {map[string]string{"app/main.tf": "output \"x\" {\n  value = local.nope\n}\n"}, nil, "", "plan_failed", "local.nope"},
		"a variable without a value":   {map[string]string{"app/main.tf": "variable \"nope\" {}\n"}, nil, "", "plan_failed", "nope"},
		"T03 committed modules.json":   {map[string]string{"app/.terraform/modules/modules.json": "{}"}, nil, "", "source_refused", "app/.terraform"},
		"T03 committed state":          {map[string]string{"app/main.tf": resource, "app/Terraform.tfstate.backup": ""}, nil, "", "source_refused", "app/Terraform.tfstate.backup"},
		"T03 a directory outside":      {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Project.Dir = "../../etc" }, "", "document_refused", ""},
		"T10 a variable file outside":  {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Project.VarFiles = []string{"../../x"} }, "", "document_refused", ""},
		"T10 an absolute file":         {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Project.VarFiles = []string{"/etc/passwd"} }, "", "document_refused", ""},
		"T10 another plan file":        {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Flags = []string{"--out=/tmp/x"} }, "", "document_refused", ""},
		"T10 an argument":              {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Flags = []string{"other.tfplan"} }, "", "document_refused", ""},
		"T10 a backend config file":    {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Project.BackendConfig = map[string]string{"/etc/x": ""} }, "", "document_refused", ""},
		"a source that is not there":   {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Source.Key = "sources/gone" }, "", "source_changed", ""},
		"a document of the future":     {map[string]string{"app/main.tf": resource}, func(s *setup) { s.doc.Version++ }, "", "runner_failed", "version 1"},
		"no such program":              {map[string]string{"app/main.tf": resource}, func(s *setup) { s.options.Terraform = "/nope/terraform" }, "", "runner_failed", "/nope/terraform"},
		"T11 a secret that changes what runs": {map[string]string{"app/main.tf": resource},
			func(s *setup) { s.env = append(s.env, SecretPrefix+"TF_CLI_ARGS_plan=-destroy") }, "", "secret_name", "TF_CLI_ARGS_plan"},
		"killed from outside": {map[string]string{"app/main.tf": resource}, nil, "kill -9 $$\n", "terraform_killed", ""},
		"a plan file that is too large": {map[string]string{"app/main.tf": resource}, nil, `
for arg in "$@"; do case "$arg" in -out=*) head -c 2000000 /dev/zero > "${arg#-out=}" ;; esac; done
`, "plan_too_large", ""},
		"errors in colour": {map[string]string{"app/main.tf": resource}, nil, `
printf 'noise\n\033[31mError: \033[0mnot \033]0;title\007good\n' >&2; exit 1
`, "init_failed", "Error: not good"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t, c.files)
			if c.script != "" {
				s.script(t, c.script)
			}
			if c.change != nil {
				c.change(s)
			}
			wantProblem(t, s.run(t), c.code, c.detail)
		})
	}
}

// Who reads Terraform's own error does not learn from it that a project may choose.
func TestAVersionThatTheCodeRefusesNamesTheKey(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": "terraform {\n  required_version = \"< 1.0\"\n}\n"})
	r := s.run(t)
	wantProblem(t, r, "init_failed", "Core version")
	if !strings.Contains(r.Problem.Message, "`terraform` or `tofu` in `lockkeeper.yml`") {
		t.Error(r.Problem.Message)
	}
}

func TestAJobRunsOnce(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	s.run(t)
	name := filepath.Join(s.options.Dir, ResultFile)
	before, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if code := s.start(t); code != 3 {
		t.Errorf("exit code %d", code)
	}
	after, err := os.Stat(name)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the result was written again: %v", err)
	}
}

// T04, T11: exactly these variables, whatever this process has.
func TestEnvironmentOfTerraform(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	seen := filepath.Join(s.shared(t), "env")
	s.script(t, "env | sort > "+seen+".$1\n[ $1 = init ]\n")
	s.doc.Project.Workspace = "blue"
	s.options.Pass = []string{"HTTPS_PROXY", "NOT_SET", "TF_DATA_DIR"}
	s.env = append(s.env,
		"TF_CLI_ARGS=-destroy", "TF_CLI_ARGS_plan=-destroy", "TF_LOG=trace", "TF_DATA_DIR=/elsewhere", "TF_WORKSPACE=prod",
		"TF_CLI_CONFIG_FILE=/etc/x", "GITHUB_TOKEN=ghs_x", "AWS_SECRET_ACCESS_KEY=server", "HTTPS_PROXY=http://proxy",
		SecretPrefix+"TF_VAR_token=t0ken-value", SecretPrefix+"AWS_ACCESS_KEY_ID=id",
	)
	s.run(t)
	dir := s.options.Dir
	want := []string{
		"AWS_ACCESS_KEY_ID=id",
		"CHECKPOINT_DISABLE=1",
		"GOGC=400",
		"GOMEMLIMIT=1GiB",
		"HOME=" + dir + "/home",
		"HTTPS_PROXY=http://proxy",
		"LANG=C.UTF-8",
		"PATH=" + os.Getenv("PATH"),
		"PWD=" + dir + "/source/app", // the shell's own
		"TF_CLI_CONFIG_FILE=" + dir + "/terraform.rc",
		"TF_DATA_DIR=.terraform",
		"TF_INPUT=0",
		"TF_IN_AUTOMATION=1",
		"TF_VAR_token=t0ken-value",
		"TMPDIR=" + dir + "/home",
	}
	for step, only := range map[string]string{"init": "GOMAXPROCS=1", "plan": "TF_WORKSPACE=blue"} {
		content, err := os.ReadFile(seen + "." + step)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSpace(string(content)), "\n")
		want := append(slices.Clone(want), only)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
}

func TestInitIsToldTheWorkspaceWhereThereMayBeNoDefault(t *testing.T) {
	for text, want := range map[string]bool{
		"terraform {\n  cloud {\n  }\n}": true, "terraform {\n\tbackend \"remote\" {\n  }\n}": true,
		"terraform {\n  backend \"s3\" {}\n}\ndata \"terraform_remote_state\" \"x\" {}": false, "resource \"google_cloud_run\" \"x\" {}": false,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		j := newJob(Options{}, nil)
		j.tree, j.doc.Project = tree, run.JobProject{Dir: ".", Workspace: "blue"}
		if got := len(j.workspace("init")) == 1; got != want || len(j.workspace("plan")) != 1 {
			t.Errorf("%q: %v", text, got)
		}
		_ = tree.Close()
	}
}

// What a job asks of init and of variables is read from the files that its program
// loads: OpenTofu has files of its own, which take the place of Terraform's.
func TestOnlyFilesThatTheProgramLoadsAreRead(t *testing.T) {
	const cloud, plain, ephemeral = "terraform {\n  cloud {\n  }\n}\n", "terraform {\n  backend \"s3\" {}\n}\n", "variable \"x\" {\n  ephemeral = true\n}\n"
	for name, c := range map[string]struct {
		files               map[string]string
		terraform, old, new bool // whether these find it: Terraform, OpenTofu before and since it has files of its own
	}{
		"Terraform's":                  {map[string]string{"main.tf": cloud + ephemeral}, true, true, true},
		"in JSON":                      {map[string]string{"main.tf.json": `{"terraform":{"cloud":{}},"variable":{"x":{"ephemeral":true}}}`}, true, true, true},
		"OpenTofu's":                   {map[string]string{"main.tofu": cloud + ephemeral}, false, false, true},
		"OpenTofu's hides it":          {map[string]string{"main.tf": cloud + ephemeral, "main.tofu": plain}, true, true, false},
		"OpenTofu's has it":            {map[string]string{"main.tf": plain, "main.tofu": cloud + ephemeral}, false, false, true},
		"JSON hides only JSON":         {map[string]string{"main.tf": cloud + ephemeral, "main.tofu.json": "{}"}, true, true, true},
		"JSON hides JSON":              {map[string]string{"main.tf.json": `{"terraform":{"cloud":{}},"variable":{"x":{"ephemeral":true}}}`, "main.tofu.json": "{}"}, true, true, false},
		"what editors left":            {map[string]string{".main.tf": cloud + ephemeral, "main.tf~": cloud}, false, false, false},
		"a link that leads to nothing": {map[string]string{".#main.tf": "-> ana@host.1", "main.tf": cloud + ephemeral}, true, true, true},
	} {
		for program, want := range map[string]bool{"Terraform 1.11.4": c.terraform, "OpenTofu 1.7.9": c.old, "OpenTofu 1.10.6": c.new} {
			dir := t.TempDir()
			for file, content := range c.files {
				err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600)
				if to, isLink := strings.CutPrefix(content, "-> "); isLink {
					err = errors.Join(os.Remove(filepath.Join(dir, file)), os.Symlink(to, filepath.Join(dir, file)))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			tree, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			j := newJob(Options{TerraformName: program}, nil)
			j.tree, j.doc.Project = tree, run.JobProject{Dir: ".", Workspace: "blue"}
			if j.hasNoDefault() != want || j.hasEphemeral() != want {
				t.Errorf("%s, %s: own workspaces %v, ephemeral variables %v, want %v", name, program, j.hasNoDefault(), j.hasEphemeral(), want)
			}
			if _, err := j.initInputs(nil); err != nil {
				t.Errorf("%s, %s: %v", name, program, err)
			}
			_ = tree.Close()
		}
	}
}

// A terraform that had the turn file would keep it open after the runner's end;
// with the alive file it could name another process to be signalled, or unlock it.
func TestFilesOfTerraform(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	seen := filepath.Join(s.shared(t), "files")
	plan := s.planFile(t, map[string]string{"main.tf": resource})
	s.script(t, "for fd in 0 1 2 3 4 5 6 7 8 9; do if ( : <&$fd ) 2>/dev/null || ( : >&$fd ) 2>/dev/null; then echo $fd >> "+seen+"; fi; done\n"+`for arg in "$@"; do case "$arg" in -out=*) cp `+plan+` "${arg#-out=}" ;; esac; done`+"\n")
	dir := t.TempDir()
	for _, name := range []string{"alive", "turn"} { // a pipe is not needed to see what is said
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		s.files = append(s.files, f)
	}
	s.options.AliveFD, s.options.TurnFD = 3, 4
	s.run(t)
	if said, err := os.ReadFile(s.files[1].Name()); err != nil || len(said) != 1 {
		t.Errorf("the runner said %q, %v", said, err)
	}
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(strings.Fields(string(content)), "") != "012012012" {
		t.Errorf("open files of the three steps:\n%s", content)
	}
}

// T09: whatever the document says arrives as one argument.
func TestArgumentsAreNotInterpreted(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"a b$(id)`id`;id/main.tf": resource})
	seen := filepath.Join(s.shared(t), "args")
	made := s.planFile(t, map[string]string{"main.tf": resource})
	s.script(t, `for a in "$@"; do printf '%s\n' "$a"; case "$a" in -out=*) cp `+made+` "${a#-out=}" ;; esac; done >> `+seen+"\n")
	nasty := "x; id $(id) `id` $HOME 'y' \"z\" | & > /tmp/canary"
	s.doc = backendtest.Document("run-0", backendtest.Source(t, s.artifacts, map[string]string{"a b$(id)`id`;id/main.tf": resource, "a b$(id)`id`;id/" + nasty: ""}))
	s.doc.Project.Dir = "a b$(id)`id`;id"
	s.doc.Project.VarFiles = []string{nasty}
	s.doc.Project.BackendConfig = map[string]string{"key": nasty}
	s.doc.Flags = []string{"-var=x=" + nasty}
	s.run(t)
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(s.options.Dir, run.ArtifactPlan)
	want := []string{
		"init", "-input=false", "-no-color", "-backend-config=key=" + nasty,
		"plan", "-input=false", "-no-color", "-lock=false", "-out=" + filepath.Join(s.options.Dir, madePlan), "-var-file=" + nasty, "-var=x=" + nasty,
		"show", "-json", "-no-color", plan, "",
	}
	if diff := cmp.Diff(want, strings.Split(string(content), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// detail is what a problem says beside its sentence.
func detail(r run.Result) string {
	if r.Problem == nil {
		return ""
	}
	return r.Problem.Detail
}
