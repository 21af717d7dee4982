package github

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestErrorsAreMarkedAtTheirLinesOnce(t *testing.T) {
	b, d, number := doubled(t)
	view, err := d.Pull("acme/infra", number)
	if err != nil {
		t.Fatal(err)
	}
	marked := func() (out []string) {
		t.Helper()
		v, err := d.Pull("acme/infra", number)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range v.Checks {
			for _, a := range c.Annotations {
				out = append(out, strings.Join([]string{c.Name, a["path"].(string), a["annotation_level"].(string), a["title"].(string), a["message"].(string)}, " "))
			}
		}
		return out
	}
	r := b.planned(number)
	r.HeadSHA = view.HeadSHA
	failed := r
	failed.State, failed.Jobs = run.StateFailed, slices.Clone(r.Jobs)
	failed.Jobs[0].State, failed.Jobs[0].Result = run.JobFailed, &run.Result{Outcome: run.OutcomeFailed, Problem: &viewtest.InvalidReference, Diagnostics: []run.Diagnostic{
		{Title: "Reference to undeclared\x1b[31m input variable", Message: "An input variable", Path: "live/dev/main.tf", Line: 4}, {Title: "elsewhere"},
	}}
	failed.Mistakes = []run.Diagnostic{{Title: "projects[0].after", Message: "no project is named nosuch", Path: "lockkeeper.yml", Line: 13}}
	b.store.setRun(started(failed), run.RefreshCheck(failed))
	b.drain()
	b.store.setRun(failed, atEnd(failed)...)
	b.drain()
	want := []string{
		"lockkeeper/plan lockkeeper.yml failure projects[0].after no project is named nosuch",
		"lockkeeper/plan live/dev/main.tf failure Reference to undeclared input variable An input variable",
	}
	if diff := cmp.Diff(want, marked()); diff != "" {
		t.Error(diff)
	}
	failed.Notes = []string{"Something else is to be said."}
	b.store.setRun(failed, atEnd(failed)...)
	b.drain()
	if diff := cmp.Diff(want, marked()); diff != "" { // GitHub would show them twice
		t.Errorf("when the check is brought up to date: %s", diff)
	}
	b.store.setRun(started(r), run.RefreshCheck(r))
	b.drain()
	b.store.setRun(r, atEnd(r)...)
	b.drain()
	if got := marked(); len(got) != 0 {
		t.Errorf("after a plan without errors there are %q", got)
	}
	if view, err = d.Pull("acme/infra", number); err != nil || len(view.Checks) != 2 {
		t.Errorf("checks %+v, %v", view.Checks, err)
	}
}

// Found in use: each answer to /why stayed for ever.
func TestAReplyFoldsTheOneBeforeAboutTheSame(t *testing.T) {
	b, d, number := doubled(t)
	say := func(key, about string) {
		n := run.ReplyTo(viewtest.Repository, number, key, "answer "+key)
		n.About = about
		b.store.put(n)
		b.drain()
	}
	folded := func() (out []string) {
		view, err := d.Pull("acme/infra", number)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range view.Timeline {
			if m.Comment != nil {
				body, _, _ := strings.Cut(m.Comment.Body, "\n")
				out = append(out, strings.TrimSpace(body+" "+m.Comment.Minimized))
			}
		}
		return out
	}
	say("1", "why")
	say("2", "status")
	say("3", "")
	say("4", "why")
	say("5", "")
	want := []string{"answer 1 outdated", "answer 2", "answer 3", "answer 4", "answer 5"}
	if diff := cmp.Diff(want, folded()); diff != "" {
		t.Error(diff)
	}
	if got := d.Requests()["POST /graphql"]; got != 1 {
		t.Errorf("%d calls of GraphQL, want one", got)
	}
	for key, fault := range map[string]int{"6": 500, "7": 403} {
		d.Faults().FailNext(1, fault, "POST /graphql")
		say(key, "why")
	}
	if got := folded(); len(got) != 7 || strings.Contains(strings.Join(got[3:], " "), "outdated") {
		t.Errorf("when folding fails: %q", got)
	}
}
