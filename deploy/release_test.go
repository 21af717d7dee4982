package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func parsed[T any](t *testing.T, name string) T {
	t.Helper()
	var out T
	if err := yaml.Unmarshal([]byte(read(t, name)), &out); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// A release has the programs of make build, and the files that it names.
func TestTheReleaseHasEveryProgram(t *testing.T) {
	release := parsed[struct {
		Builds []struct {
			Main, Binary string
			Env, Ldflags []string
		}
		Archives []struct{ Files []string }
	}](t, ".goreleaser.yaml")
	made := regexp.MustCompile(`\$\(GO\) build -trimpath -o bin/ (.+)\n`).FindStringSubmatch(read(t, "Makefile"))
	if made == nil {
		t.Fatal("the Makefile builds nothing")
	}
	var programs []string
	for _, b := range release.Builds {
		programs = append(programs, b.Main)
		if want := filepath.Base(b.Main); b.Main != "." && b.Binary != want {
			t.Errorf("%s is called %s", b.Main, b.Binary)
		}
		if !slices.Equal(b.Env, []string{"CGO_ENABLED=0"}) {
			t.Errorf("%s is built with %v", b.Binary, b.Env)
		}
	}
	if want := strings.Fields(made[1]); !slices.Equal(programs, want) {
		t.Errorf("a release has %v, make build makes %v", programs, want)
	}
	if flags := release.Builds[0].Ldflags; !strings.Contains(strings.Join(flags, " "), "-X main.release=") || !strings.Contains(read(t, "main.go"), "\nvar release string\n") {
		t.Errorf("its version is set by %v", flags)
	}
	for _, name := range release.Archives[0].Files {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Error(err)
		}
	}
}

// What the hook of pre-commit runs for is what lockkeeper validate reads.
func TestTheHookRunsForWhatIsValidated(t *testing.T) {
	hooks := parsed[[]struct {
		Entry, Files string
		PassNames    bool `yaml:"pass_filenames"`
	}](t, ".pre-commit-hooks.yaml")
	if len(hooks) != 1 || hooks[0].Entry != "lockkeeper validate" || hooks[0].PassNames {
		t.Fatalf("%+v", hooks)
	}
	files := regexp.MustCompile(hooks[0].Files)
	for name, want := range map[string]bool{
		"lockkeeper.yml": true, "live/lockkeeper.yml": true, "live/main.tf": true, "live/main.tofu": true, "main.tf.json": true, "prod.auto.tfvars": true,
		"prod.tfvars.json": true, "policy/deny.rego": true, "README.md": false, "my-lockkeeper.yml": false, "package.json": false, "live/main.tf.bak": false,
	} {
		if files.MatchString(name) != want {
			t.Errorf("%s: %v, want %v", name, !want, want)
		}
	}
}

// Inputs reach a shell as variables of the environment only: text of a pull request in
// a script would be run (GitHub, "Script injections").
func TestNoScriptOfTheWorkflowsHasAnExpression(t *testing.T) {
	type step struct {
		Uses, Run, Shell string
	}
	scripts := 0
	look := func(name string, steps []step) {
		for _, s := range steps {
			if s.Run != "" {
				scripts++
			}
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s: %s", name, s.Run)
			}
			if s.Uses != "" && s.Uses != "./" && !regexp.MustCompile(`^[\w-]+(/[\w-]+)+@(v\d[\d.]*|[0-9a-f]{40})$`).MatchString(s.Uses) {
				t.Errorf("%s uses %s, which is no version", name, s.Uses)
			}
		}
	}
	action := parsed[struct{ Runs struct{ Steps []step } }](t, "action.yml")
	look("action.yml", action.Runs.Steps)
	for _, name := range []string{".github/workflows/ci.yml", ".github/workflows/release.yml"} {
		for job, of := range parsed[struct {
			Jobs map[string]struct{ Steps []step }
		}](t, name).Jobs {
			look(name+" "+job, of.Steps)
		}
	}
	if scripts < 7 {
		t.Errorf("only %d scripts were looked at", scripts)
	}
}
