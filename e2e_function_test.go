package main

import (
	"strings"
	"testing"
)

// The same program in a Lambda function: a plan that is short runs there, and
// the apply of it does not.
func TestAPlanRunsInAFunction(t *testing.T) {
	a := newAccount(t)
	a.secret(t, "lockkeeper/plan/token", "a-token-for-plans")
	a.secret(t, "lockkeeper/apply/token", "a-token-for-applies")
	s := newStory(t, a.engine, func(c map[string]any) { c["environments"].(map[string]any)["dev"].(map[string]any)["lambda"] = true })
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
	s.says(ana, n, "/apply")
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s\n%s", s.conversation(n), a.Log())
	}
	if got := queues(); len(got) != 1 || got[0] != a.out["ApplyJobQueue"] {
		t.Errorf("the apply ran in %v", got)
	}
	a.everyCallIsAllowed(t)
}
