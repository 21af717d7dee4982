package e2e

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/run"
)

// The same program in a Lambda function: a plan that is short runs there and says
// that nothing kept it apart, and the apply of it does not.
func TestAPlanRunsInAFunction(t *testing.T) {
	a := newAccount(t)
	a.secret(t, "lockkeeper/dev/plan/token", "a-token-for-plans")
	a.secret(t, "lockkeeper/dev/apply/token", "a-token-for-applies")
	s := storyAlone(t, a.engine, func(c map[string]any) { c["environments"].(map[string]any)["dev"].(map[string]any)["lambda"] = true })
	queues := func() (found []string) {
		for _, call := range a.Calls(t) {
			if strings.HasSuffix(call.Path, "/submitjob") {
				queue, _ := call.Params["jobQueue"].(string)
				found = append(found, queue)
			}
		}
		return found
	}
	n := s.planned("a")
	if got := queues(); len(got) != 0 {
		t.Errorf("the plan ran in %v:\n%s", got, a.Log())
	}
	const says = "This ran in a Lambda function"
	s.wants(s.conversation(n), says)
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s\n%s", s.conversation(n), a.Log())
	}
	if got := queues(); len(got) != 1 || got[0] != a.out["ApplyJobQueue"] {
		t.Errorf("the apply ran in %v", got)
	}
	a.everyCallIsAllowed(t)
}

// Plans run in a function only when their environment says so.
func TestOnlyEnvironmentsThatSaySoUseAFunction(t *testing.T) {
	in := func(name string) run.JobDocument { return run.JobDocument{Environment: run.JobEnvironment{Name: name}} }
	environments := map[string]config.Environment{"dev": {Lambda: true}, "prod": {}}
	may := app.InFunction(environments)
	for name, want := range map[string]bool{"dev": true, "prod": false, "": false, "gone": false} {
		if got := may(in(name)); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	if delete(environments, "dev"); app.InFunction(environments) != nil {
		t.Error("the function is used although no environment says so")
	}
}
