package runner

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// T44: a plan that prints 50 MB leaves the beginning and the end.
func TestLargeOutputIsCut(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource})
	plan := s.planFile(t, map[string]string{"main.tf": resource})
	s.script(t, `
case "$1" in
plan)
	echo first
	yes 'a line of which there are very many' | head -c 50000000
	echo last
	for arg in "$@"; do case "$arg" in -out=*) cp `+plan+` "${arg#-out=}" ;; esac; done ;;
show) echo '{"format_version":"1.2"}' ;;
esac
`)
	r := s.run(t)
	s.summary(t, r)
	out := s.read(t, r.Artifacts[run.ArtifactOutput])
	if len(out) > outputHead+2*outputTail+1000 {
		t.Errorf("%d bytes", len(out))
	}
	for _, want := range []string{"first\n", "last\n", "bytes left out here"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestFilesThatGrowTooLargeEndTheStep(t *testing.T) {
	for name, c := range map[string]struct {
		step, file string
		size       int64
		code       string
	}{
		"output":           {"plan", printedFile, maxOutput + 1, "output_too_large"},
		"errors":           {"init", errorsFile, maxOutput + 1, "output_too_large"},
		"JSON of the plan": {"show", printedFile, maxPlanJSON + 1, "plan_too_large"},
		"plan":             {"plan", madePlan, 1001, "plan_too_large"},
		"nothing":          {"plan", madePlan, 1000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{options: Options{Dir: t.TempDir()}}
			j.doc.Limits.PlanBytes = 1000
			if err := os.Mkdir(j.path("home"), 0o700); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(j.path(c.file))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Truncate(c.size), f.Close()); err != nil {
				t.Fatal(err)
			}
			code := ""
			if p := j.tooLarge(c.step); p != nil {
				code = p.Code
			}
			if code != c.code {
				t.Errorf("got %q, want %q", code, c.code)
			}
		})
	}
}
