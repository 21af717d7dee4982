package runner

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

const local = "terraform {\n  backend \"local\" {}\n}\n"

// elsewhere is a plan file whose backend has another path, as long as the first.
func elsewhere(t *testing.T, plan, path, other string) string {
	t.Helper()
	changed := false
	evil := exchanged(t, []byte(plan), func(name, content string) string {
		if name != "tfplan" {
			return content
		}
		changed = strings.Contains(content, path)
		return strings.ReplaceAll(content, path, other)
	})
	if !changed {
		t.Fatal("the path is not in the plan")
	}
	return string(evil)
}

// What runs in a plan exchanges the backend inside of the plan file: the apply
// would change the state of another project.
func TestAPlanThatPointsAtAnotherStateIsThrownAway(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": local + resource})
	dir := s.shared(t)
	mine, theirs := filepath.Join(dir, "mine.tfstate"), filepath.Join(dir, "them.tfstate")
	s.doc.Project.BackendConfig = map[string]string{"path": mine}
	honest := s.run(t)
	s.summary(t, honest)
	file := filepath.Join(dir, "evil.tfplan")
	evil := elsewhere(t, s.read(t, honest.Artifacts[run.ArtifactPlan]), mine, theirs)
	if err := os.WriteFile(file, []byte(evil), 0o600); err != nil {
		t.Fatal(err)
	}
	real := s.options.Terraform
	s.options.Read = append(s.options.Read, real)
	s.script(t, "export TF_CLI_CONFIG_FILE=/dev/null\n"+real+` "$@" || exit 1
if [ "$1" = plan ]; then
	for a in "$@"; do case "$a" in -out=*) cp `+file+` "${a#-out=}" ;; esac; done
fi`)
	s.options.Dir = filepath.Join(t.TempDir(), "job")
	if err := os.Mkdir(s.options.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r := s.run(t)
	wantProblem(t, r, "plan_mismatch", "another state")
	if _, stored := r.Artifacts[run.ArtifactPlan]; stored {
		t.Errorf("stored: %v", r.Artifacts)
	}
}

// An apply that runs an init compares once more, before it claims the plan.
func TestAStoredPlanOfAnotherStateIsNotApplied(t *testing.T) {
	t.Parallel()
	dir, _ := gitModule(t)
	a := plans(t, map[string]string{"app/main.tf": local + "module \"m\" {\n  source = \"" + serveGit(t, dir) + "\"\n}\n"})
	other := strings.TrimSuffix(a.state, "terraform.tfstate") + "different.tfstate"
	evil := elsewhere(t, a.read(t, a.doc.Plan.File), a.state, other)
	ref, err := a.artifacts.Put(t.Context(), a.doc.Plan.File.Key, strings.NewReader(evil))
	if err != nil {
		t.Fatal(err)
	}
	a.doc.Plan.File = ref
	r := a.run(t)
	wantProblem(t, r, "plan_mismatch", "another state")
	if _, err := os.Stat(other); err == nil || r.Began {
		t.Errorf("the other state: %v; began %v", err, r.Began)
	}
}

func TestHonestPlansAreOfTheirState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		main, workspace string
		config          map[string]string
	}{
		"no backend":                 {resource, "default", nil},
		"no backend, a workspace":    {resource, "blue", nil},
		"no workspace is default":    {resource, "", nil},
		"a whole block":              {"terraform {\n  backend \"local\" {\n    path = \"x.tfstate\"\n  }\n}\n" + resource, "default", nil},
		"an empty block":             {local + resource, "default", nil},
		"partial configuration":      {local + resource, "default", map[string]string{"path": "é \"x\".tfstate"}},
		"a workspace and its places": {local + resource, "blue", map[string]string{"path": "x.tfstate", "workspace_dir": "there"}},
		"numbers and truth": {"terraform {\n  backend \"http\" {\n    address = \"http://127.0.0.1:1/\"\n    retry_max = 0\n    skip_cert_verification = true\n  }\n}\n" +
			resource, "default", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if slices.Contains([]string{"no backend, a workspace", "no workspace is default", "an empty block"}, name) {
				longtest.Only(t) // like the one before it
			}
			t.Parallel()
			s := newSetup(t, map[string]string{"app/main.tf": c.main})
			if strings.Contains(c.main, "http://") {
				h := newHTTPState(t)
				c.config = map[string]string{"address": h.URL}
			}
			s.doc.Project.Workspace, s.doc.Project.BackendConfig = c.workspace, c.config
			s.summary(t, s.run(t))
		})
	}
}

func TestABackendOfAPlanThatIsNotThatOfInit(t *testing.T) {
	t.Parallel()
	type config = map[string]any
	const s3 = `{"version": 3, "backend": {"type": "s3", "config": {"bucket": "b", "max_retries": 5, "encrypt": true, "key": null,
		"assume_role": {"role_arn": "r", "tags": null}, "ids": ["1", "2"], "big": 0.1}, "hash": 1}}`
	good := func(change func(c config)) config {
		c := config{"bucket": "b", "max_retries": 5, "encrypt": true, "key": nil, "assume_role": config{"role_arn": "r", "tags": nil},
			"ids": []string{"1", "2"}, "big": "0.1", "not_set": nil}
		if change != nil {
			change(c)
		}
		return c
	}
	plan := func(kind string, c any, workspace string) string { return backendtest.TFPlan(t, kind, c, workspace) }
	for name, c := range map[string]struct {
		record, plan, workspace string
		want                    string
	}{
		"the same":                   {s3, plan("s3", good(nil), "blue"), "blue", ""},
		"no record":                  {"", localPlan, "", ""},
		"a record of nothing":        {`{"version": 3, "backend": null}`, localPlan, "default", ""},
		"a workspace of HCP":         {`{"backend": {"type": "cloud", "config": {"workspaces": {"name": "w"}}}}`, plan("cloud", config{"workspaces": config{"name": "w"}}, "w"), "default", ""},
		"another workspace of HCP":   {`{"backend": {"type": "cloud", "config": {"workspaces": {"name": "w"}}}}`, plan("cloud", config{"workspaces": config{"name": "w"}}, "v"), "default", "workspace"},
		"another type":               {s3, plan("gcs", good(nil), "blue"), "blue", `a backend "gcs"`},
		"another workspace":          {s3, plan("s3", good(nil), "default"), "blue", `workspace "default"`},
		"no workspace":               {"", plan("local", config{}, ""), "", "workspace"},
		"another text":               {s3, plan("s3", good(func(c config) { c["bucket"] = "c" }), "blue"), "blue", "another state"},
		"another number":             {s3, plan("s3", good(func(c config) { c["max_retries"] = 6 }), "blue"), "blue", "another state"},
		"another truth":              {s3, plan("s3", good(func(c config) { c["encrypt"] = false }), "blue"), "blue", "another state"},
		"one more":                   {s3, plan("s3", good(func(c config) { c["endpoint"] = "e" }), "blue"), "blue", "another state"},
		"one less":                   {s3, plan("s3", good(func(c config) { delete(c, "bucket") }), "blue"), "blue", "another state"},
		"null":                       {s3, plan("s3", good(func(c config) { c["bucket"] = nil }), "blue"), "blue", "another state"},
		"no null":                    {s3, plan("s3", good(func(c config) { c["key"] = "k" }), "blue"), "blue", "another state"},
		"another type of value":      {s3, plan("s3", good(func(c config) { c["bucket"] = []string{"b"} }), "blue"), "blue", "another state"},
		"deeper":                     {s3, plan("s3", good(func(c config) { c["assume_role"] = config{"role_arn": "q"} }), "blue"), "blue", "another state"},
		"another order":              {s3, plan("s3", good(func(c config) { c["ids"] = []string{"2", "1"} }), "blue"), "blue", "another state"},
		"nulls of null":              {s3, plan("s3", nil, "blue"), "blue", "another state"},
		"a path without a record":    {"", plan("local", config{"path": "/other.tfstate"}, "default"), "", "another state"},
		"two backends":               {"", localPlan + localPlan, "", "does not have one backend"},
		"a state store":              {"", localPlan + "\xea\x01\x00", "", "does not have one backend"},
		"a backend that is no text":  {"", localPlan + "\x68\x01", "", "does not have one backend"},
		"a type twice":               {"", strings.Replace(localPlan, "j*", "j1", 1) + "\x0a\x05local", "", "where none belongs"},
		"a large backend":            {"", plan("local", config{"path": strings.Repeat("x", maxBackend)}, "default"), "", "too large"},
		"a length that is not there": {"", "j\x12\x0a\x05local\x12\x09\x0a\x07\xdd\xff\xff\xff\xffxx", "", "workspace"},
		"no backend":                 {"", "\x08\x03", "", errNoPlanFile.Error()},
		"nothing":                    {"", "", "", errNoPlanFile.Error()},
		"no message":                 {"", "a plan", "", errNoPlanFile.Error()},
		"an end in the middle":       {"", localPlan[:20], "", errNoPlanFile.Error()},
		"a field with no end":        {"", localPlan + "\x12\xff\xff\xff\xff\x7f", "", errNoPlanFile.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is, err := backendIn([]byte(c.record))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if planned, err := readPlanMessage(strings.NewReader(c.plan)); err != nil {
				got = err.Error()
			} else {
				got = is.differs(planned.backend, c.workspace)
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	for name, packed := range map[string]string{
		"a key twice":            "\x82\xa1a\xa1c\xa1a\xa1b",
		"more after the end":     "\x81\xa1a\xa1b\xc0",
		"claimed to be long":     "\xdf\xff\xff\xff\xff\xa1a\xa1b",
		"unknown":                "\x81\xa1a\xd4\x00\x00",
		"in an extension":        "\xc7\x01\x00\x81\xa1a\xa1b",
		"bytes":                  "\x81\xa1a\xc4\x01b",
		"cut off":                "\x81\xa1a",
		"a list as long as that": "\x81\xa1a\xdd\xff\xff\xff\xff",
	} {
		if isConfig([]byte(packed), config{"a": "b"}) {
			t.Errorf("%s is taken", name)
		}
	}
	if !isConfig([]byte("\x81\xa1a\xa1b"), config{"a": "b"}) {
		t.Error("an honest one is not taken")
	}
}

func FuzzReadBackend(f *testing.F) {
	f.Add([]byte(localPlan))
	f.Add([]byte(backendtest.TFPlan(f, "s3", map[string]any{"a": []any{1, "x", nil}}, "blue")))
	f.Fuzz(func(t *testing.T, content []byte) {
		planned, err := readPlanMessage(bytes.NewReader(content))
		if err != nil {
			return
		}
		if (recordedBackend{Type: "local"}).differs(planned.backend, "") == "" && (planned.backend.kind != "local" || planned.backend.workspace != "default") {
			t.Errorf("taken: %+v", planned)
		}
	})
}
