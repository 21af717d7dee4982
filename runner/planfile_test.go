package runner

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// entries are what a plan file holds, in order.
type entries [][2]string

func (e entries) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, entry := range e {
		f, err := w.Create(entry[0])
		if err == nil {
			_, err = io.WriteString(f, entry[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// module is a module in a plan file, with its files.
type module struct {
	savedModule
	content map[string]string
}

func planOf(modules ...module) entries {
	out := entries{{"tfplan", localPlan}, {"tfstate", `{"version":4}`}, {"tfstate-prev", `{"version":4}`}}
	var list []savedModule
	for _, m := range modules {
		list = append(list, m.savedModule)
		for _, name := range slices.Sorted(maps.Keys(m.content)) {
			out = append(out, [2]string{"tfconfig/m-" + m.Key + "/" + name, m.content[name]})
		}
	}
	manifest, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return append(out, [2]string{"tfconfig/modules.json", string(manifest)})
}

// localPlan is a plan of a project without a backend: TFPlan with its nulls.
const localPlan = "\x6a\x2a\x0a\x05local\x12\x18\x0a\x16\x82\xa4path\xc0\xadworkspace_dir\xc0\x1a\x07default"

// committed is a job whose commit has these files.
func committed(files map[string]string) *job {
	j := &job{options: Options{TerraformName: "Terraform 1.11.4"}}
	j.doc.Project.Dir = "app"
	n := noting{commit: &j.commit, lock: "app/" + lockFile, digests: map[string]hash.Hash{}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if w := n.note(name, 0o644); w != nil {
			_, _ = io.WriteString(w, files[name])
		}
	}
	if err := n.done(nil); err != nil {
		panic(err) // there are no links
	}
	return j
}

type texts = map[string]string

func root(content texts) module { return module{savedModule{Dir: "."}, content} }

func call(key, source, dir string, content texts) module {
	return module{savedModule{Key: key, Source: source, Dir: dir}, content}
}

const awsLock = `# This file is maintained automatically by "terraform init".

provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.1.0"
  constraints = "~> 5.0"
  hashes = [
    "h1:abc=",
    "zh:00",
  ]
}
`

// N1: an apply runs the configuration inside of the plan file. It has to be the
// one of the commit, by its place, its files and their bytes.
func TestAPlanOfAnotherConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	net := texts{"main.tf": "net"}
	commit := texts{
		"app/main.tf": "root", "modules/net/main.tf": "net", "modules/net/sub/main.tf": "sub", "modules/evil/main.tf": "evil",
		"app/README.md": "no", "app/.hidden.tf": "no", "app/x.tf~": "no", "app/#x.tf#": "no", "app/x.tftest.hcl": "no", "app/own.tofu": "no",
		"app/terraform.tfvars": "no",
	}
	whole := func(more ...module) entries {
		return planOf(append([]module{root(texts{"main.tf": "root"})}, more...)...)
	}
	with := func(more texts) texts {
		out := maps.Clone(commit)
		maps.Copy(out, more)
		return out
	}
	for name, c := range map[string]struct {
		commit  texts
		plan    entries
		program string
		change  func(*job)
		want    string // empty is right
	}{
		"the same": {commit, whole(call("net", "../modules/net", "../modules/net", net)), "", nil, ""},
		"a module called several times": {commit, whole(
			call("a", "../modules/net", "../modules/net", net), call("b", "../modules/net", "../modules/net", net)), "", nil, ""},
		"nested modules": {commit, whole(call("net", "../modules/net", "../modules/net", net),
			call("net.sub", "./sub", "../modules/net/sub", texts{"main.tf": "sub"})), "", nil, ""},
		"other spellings of a directory": {commit, whole(call("net", "../modules/net", "./../modules/evil/../net", net)), "", nil, ""},
		"JSON syntax and overrides":      {with(texts{"app/a.tf.json": "{}", "app/override.tf": "o"}), planOf(root(texts{"main.tf": "root", "a.tf.json": "{}", "override.tf": "o"})), "", nil, ""},
		"names with odd characters":      {with(texts{"app/a b\n\\'\"é.tf": "odd"}), planOf(root(texts{"main.tf": "root", "a b\n\\'\"é.tf": "odd"})), "", nil, ""},
		"tofu":                           {commit, planOf(root(texts{"main.tf": "root", "own.tofu": "no"})), "OpenTofu 1.10.6", nil, ""},
		"a tofu file hides another":      {with(texts{"app/main.tofu": "t"}), planOf(root(texts{"own.tofu": "no", "main.tofu": "t"})), "OpenTofu 1.8.0", nil, ""},
		"a JSON tofu file hides another": {with(texts{"app/j.tofu.json": "t", "app/j.tf.json": "h"}), planOf(root(texts{"main.tf": "root", "own.tofu": "no", "j.tofu.json": "t"})), "OpenTofu 1.8.0", nil, ""},
		"tofu before it had its files":   {commit, planOf(root(texts{"main.tf": "root"})), "OpenTofu 1.7.9", nil, ""},
		"the locks of the commit":        {with(texts{"app/.terraform.lock.hcl": awsLock}), append(whole(), [2]string{lockFile, awsLock}), "", nil, ""},
		"more hashes than the commit":    {with(texts{"app/.terraform.lock.hcl": strings.Replace(awsLock, "    \"h1:abc=\",\n", "", 1)}), append(whole(), [2]string{lockFile, awsLock}), "", nil, ""},

		"other bytes in the root":            {commit, planOf(root(texts{"main.tf": "root provisioner"})), "", nil, `the file "main.tf" of the plan is another one`},
		"other bytes in a module":            {commit, whole(call("net", "../modules/net", "../modules/net", texts{"main.tf": "evil"})), "", nil, `module "net": the file "main.tf"`},
		"a file more":                        {commit, planOf(root(texts{"main.tf": "root", "x.tf": "evil"})), "", nil, `a file "x.tf", which is not in the source`},
		"an override more":                   {commit, planOf(root(texts{"main.tf": "root", "override.tf": "evil"})), "", nil, `"override.tf"`},
		"a hidden file more":                 {commit, planOf(root(texts{"main.tf": "root", ".hidden.tf": "no"})), "", nil, `".hidden.tf"`},
		"a file of tofu":                     {commit, planOf(root(texts{"main.tf": "root", "own.tofu": "no"})), "", nil, `"own.tofu"`},
		"a file less":                        {with(texts{"app/rules.tf": "r"}), whole(), "", nil, `the file "rules.tf" is not in the plan`},
		"a file of tofu less":                {commit, whole(), "OpenTofu 1.10.6", nil, `"own.tofu" is not in the plan`},
		"no files at all":                    {commit, planOf(root(nil)), "", nil, `"main.tf" is not in the plan`},
		"no root":                            {commit, planOf(call("net", "../modules/net", "../modules/net", net)), "", nil, "no root module"},
		"a root elsewhere":                   {commit, planOf(module{savedModule{Dir: "../modules/evil"}, texts{"main.tf": "evil"}}), "", nil, "the root module lies in"},
		"another directory of the commit":    {commit, whole(call("net", "../modules/net", "../modules/evil", texts{"main.tf": "evil"})), "", nil, "does not lead to"},
		"out of the repository":              {commit, whole(call("net", "../../../etc", "../../../etc", nil)), "", nil, "is outside of the repository"},
		"an absolute directory":              {commit, whole(call("net", "../modules/net", "/etc", nil)), "", nil, "init did not put it"},
		"a Windows path":                     {commit, whole(call("net", `..\modules\net`, `..\modules\net`, net)), "", nil, "does not lead to"},
		"a parent that is not there":         {commit, whole(call("gone.sub", "./sub", "../modules/net/sub", texts{"main.tf": "sub"})), "", nil, "does not lead to"},
		"a module that init did not install": {commit, whole(call("reg", "registry.terraform.io/a/b/c", ".terraform/modules/reg", texts{"main.tf": "evil"})), "", nil, "init did not put it"},
		"an installed module elsewhere": {commit, whole(call("reg", "registry.terraform.io/a/b/c", ".terraform/modules/reg/examples", texts{"main.tf": "r"})), "", func(j *job) {
			j.initial = initialModules{map[string]savedModule{"reg": {Source: "registry.terraform.io/a/b/c", Dir: ".terraform/modules/reg"}}, nil}
		}, "init did not put it"},
		"an installed module with another file": {commit, whole(call("reg", "registry.terraform.io/a/b/c", ".terraform/modules/reg", texts{"main.tf": "r", "x.tf": "evil"})), "", func(j *job) {
			j.initial = initialModules{
				map[string]savedModule{"reg": {Source: "registry.terraform.io/a/b/c", Dir: ".terraform/modules/reg"}},
				map[string]moduleFiles{".terraform/modules/reg": {"main.tf": sha256.Sum256([]byte("r"))}},
			}
		}, `a file "x.tf"`},
		"from_module, as init made it": {texts{}, whole(call("s", "./sub", "sub", texts{"main.tf": "s"})), "", func(j *job) { fromModule(j) }, ""},
		"from_module, changed":         {texts{}, planOf(root(texts{"main.tf": "evil"})), "", func(j *job) { fromModule(j) }, `"main.tf" of the plan is another one`},

		"an entry twice":            {commit, append(whole(), [2]string{"tfconfig/m-/main.tf", "evil"}), "", nil, "it is there twice"},
		"a manifest twice":          {commit, append(whole(), [2]string{"tfconfig/modules.json", "[]"}), "", nil, "it is there twice"},
		"no list of modules":        {commit, planOf()[:3], "", nil, "no list of modules"},
		"a key twice":               {commit, entries{{"tfplan", localPlan}, {"tfconfig/modules.json", `[{"Key":"","Dir":"."},{"Key":"","Dir":"x"}]`}}, "", nil, "twice"},
		"files of no listed module": {commit, append(whole(), [2]string{"tfconfig/m-other/main.tf", "evil"}), "", nil, "does not list"},
		"a file below a file":       {commit, append(whole(), [2]string{"tfconfig/m-/sub/main.tf", "evil"}), "", nil, "does not list"},
		"an entry without a module": {commit, append(whole(), [2]string{"tfconfig/m-main.tf", "evil"}), "", nil, "belongs to no module"},
		"an unknown entry":          {commit, append(whole(), [2]string{"tfconfig/extra", "evil"}), "", nil, "no such entry"},
		"an escaping entry":         {commit, append(whole(), [2]string{"../../evil", "evil"}), "", nil, "no such entry"},
		"a bomb":                    {commit, append(whole(), [2]string{"tfconfig/m-/zero.tf", strings.Repeat("\x00", maxPlanConfiguration+1)}), "", nil, "is larger than"},
		"other locks": {with(texts{"app/.terraform.lock.hcl": awsLock}), append(whole(), [2]string{lockFile, strings.Replace(awsLock, "5.1.0", "5.0.1", 1)}), "", nil,
			"the lock file has registry.terraform.io/hashicorp/aws 5.1.0, the plan has 5.0.1"},
		"a hash less": {with(texts{"app/.terraform.lock.hcl": awsLock}), append(whole(), [2]string{lockFile, strings.Replace(awsLock, "abc", "evil", 1)}), "", nil, "lacks a hash"},
		"locks in another spelling": {with(texts{"app/.terraform.lock.hcl": awsLock}), append(whole(), [2]string{lockFile, strings.Replace(awsLock, `provider "`, `provider  "`, 1)}), "", nil,
			"not written as terraform writes it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := committed(c.commit)
			if c.program != "" {
				j.options.TerraformName = c.program
			}
			if c.change != nil {
				c.change(j)
			}
			content := c.plan.zip(t)
			got := ""
			plan, err := readPlan(bytes.NewReader(content), int64(len(content)))
			if err != nil {
				got = err.Error()
			} else {
				got = j.differs(plan, func(savedModule) bool { return true })
			}
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func fromModule(j *job) {
	j.doc.Project.FromModule = "git::https://example.com/app.git"
	j.initial = initialModules{
		map[string]savedModule{"": {Dir: "."}, "s": {Source: "./sub", Dir: "sub"}},
		map[string]moduleFiles{".": {"main.tf": sha256.Sum256([]byte("root"))}, "sub": {"main.tf": sha256.Sum256([]byte("s"))}},
	}
}

func FuzzReadPlan(f *testing.F) {
	f.Add(planOf(root(texts{"main.tf": "root"})).zip(f))
	f.Add([]byte("no archive"))
	f.Fuzz(func(t *testing.T, content []byte) {
		plan, err := readPlan(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		// What is read is of this commit, or it differs.
		j := committed(texts{"app/main.tf": "root"})
		if j.differs(plan, func(savedModule) bool { return true }) != "" {
			return
		}
		for _, m := range plan.modules {
			if m.Key == "" && (len(m.files) != 1 || m.files["main.tf"] != sha256.Sum256([]byte("root"))) {
				t.Errorf("taken: %+v", m)
			}
		}
	})
}

// exchanged is a plan file with other content in one entry.
func exchanged(t testing.TB, plan []byte, change func(name, content string) string) []byte {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(plan), int64(len(plan)))
	if err != nil {
		t.Fatal(err)
	}
	var out entries
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, [2]string{f.Name, change(f.Name, string(content))})
	}
	return out.zip(t)
}

// N1: a provisioner in the configuration inside of a plan does not show in
// terraform show, and runs at apply.
func TestAProvisionerPutIntoAStoredPlanDoesNotRun(t *testing.T) {
	t.Parallel()
	a := plans(t, map[string]string{"app/main.tf": "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"a\" {\n}\n"})
	ran := filepath.Join(a.shared(t), "ran")
	evil := exchanged(t, []byte(a.read(t, a.plan.Artifacts[run.ArtifactPlan])), func(name, content string) string {
		if name == "tfconfig/m-/main.tf" {
			return strings.Replace(content, "\"a\" {\n", fmt.Sprintf("\"a\" {\n  provisioner \"local-exec\" {\n    command = \"touch %s\"\n  }\n", ran), 1)
		}
		return content
	})
	ref, err := a.artifacts.Put(t.Context(), a.doc.Plan.File.Key, bytes.NewReader(evil))
	if err != nil {
		t.Fatal(err)
	}
	a.doc.Plan.File = ref
	r := a.run(t)
	if _, err := os.Stat(ran); err == nil {
		t.Errorf("the provisioner ran; outcome %s", r.Outcome)
	}
	wantProblem(t, r, "plan_mismatch", `"main.tf"`)
	a.nothingMade(t)
	if r.Began || len(r.Steps) > 0 {
		t.Errorf("terraform ran: %+v", r)
	}
}

// N1: what runs in a plan exchanges the plan file before the runner takes it.
func TestAPlanThatExchangesItsFileIsThrownAway(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	other := s.planFile(t, map[string]string{"main.tf": resource + "# more\n"})
	real := s.options.Terraform
	s.options.Read = append(s.options.Read, real)
	for name, c := range map[string]struct{ does, code, detail string }{
		"another plan":         {"cp " + other + ` "$out"`, "plan_mismatch", `"main.tf"`},
		"no plan":              {`echo '{"meta":{"key_provider.pbkdf2.p":"e30="},"encrypted_data":"AAAA"}' > "$out"`, "plan_unreadable", "zip"},
		"a link":               {`ln -sf /etc/hostname "$out"`, "plan_mismatch", "no plain file"},
		"a FIFO":               {`rm "$out"; mkfifo "$out"`, "plan_mismatch", "no plain file"},
		"a directory":          {`rm "$out"; mkdir "$out"`, "plan_mismatch", "no plain file"},
		"a large sparse file":  {`truncate -s 60M "$out"`, "plan_too_large", ""},
		"nothing":              {`rm "$out"`, "runner_failed", ""},
		"a file in the source": {`echo '# more' >> main.tf`, "", ""}, // after it was read
	} {
		t.Run(name, func(t *testing.T) {
			if (name == "a FIFO" || name == "a directory") && !longtest.On() {
				t.Skip("make test-long runs this")
			}
			s.options.Dir = filepath.Join(t.TempDir(), "job")
			if err := os.Mkdir(s.options.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			s.script(t, "export TF_CLI_CONFIG_FILE=/dev/null\n"+real+` "$@" || exit 1
if [ "$1" = plan ]; then
	for a in "$@"; do case "$a" in -out=*) out=${a#-out=} ;; esac; done
	`+c.does+`
fi`)
			r := s.run(t)
			if c.code == "" {
				s.summary(t, r)
				return
			}
			wantProblem(t, r, c.code, c.detail)
			if len(r.Artifacts) > 1 {
				t.Errorf("stored: %v", r.Artifacts)
			}
		})
	}
}
