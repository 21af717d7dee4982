package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// seen is what a status would show, in words.
func seen(_ run.Subject, runs []run.Run, locks run.Locks, _ time.Time) string {
	var words []string
	for _, r := range runs {
		var names []string
		for _, j := range r.Jobs {
			names = append(names, j.Document.Project.Name)
		}
		words = append(words, fmt.Sprintf("%s %v %v", r.ID, names, r.Unchanged))
	}
	for _, l := range locks.Locks {
		words = append(words, fmt.Sprintf("%s@%d", l.Project, l.Holder.PullRequest))
	}
	for _, w := range locks.Waiters {
		for _, p := range w.Projects {
			words = append(words, fmt.Sprintf("%s waits %d", p.Project, w.Holder.PullRequest))
		}
	}
	return strings.Join(words, ", ")
}

func TestStatusOfNamedProjects(t *testing.T) {
	about := func(id string, r run.Run, projects ...string) run.Run {
		r.ID, r.Key, r.Kind, r.State, r.CreatedAt = id, id, run.KindPlan, run.StateSucceeded, noon
		r.Repository, r.PullRequest = locked("", 3).Holder.Repository, 3
		for _, p := range projects {
			r.Jobs = append(r.Jobs, run.Job{Document: run.JobDocument{Project: run.JobProject{Name: p, Dir: "live/" + p}}})
		}
		return r
	}
	refused := func(id string, selectors ...string) run.Run { return about(id, run.Run{Selectors: selectors}) }
	runs := []run.Run{ // oldest first
		about("r1", run.Run{}, "net-dev", "net-prod", "app"),
		about("r2", run.Run{Unchanged: []string{"app"}}, "net-dev"),
		refused("r3"), refused("r4", "net-*"), refused("r5", "app"),
	}
	locks := run.Locks{
		Locks: []run.Lock{locked("net-dev", 3), locked("app", 3), locked("old", 3), locked("net-prod", 12)},
		Waiters: []run.Waiter{
			{ID: 1, Holder: locked("", 3).Holder, Projects: []run.Claimed{{Project: "net-prod"}, {Project: "dns"}}},
			{ID: 2, Holder: locked("", 12).Holder, Projects: []run.Claimed{{Project: "app"}}},
		},
	}
	const others = "net-prod@12"
	for _, tt := range []struct{ line, want string }{
		{"/status net-dev", "eyes | r4 [] [], r3 [] [], r2 [net-dev] [], r1 [net-dev] [], net-dev@3, " + others + ", app waits 12"},
		{"/status net-*", "eyes | r4 [] [], r3 [] [], r2 [net-dev] [], r1 [net-dev net-prod] [], net-dev@3, " + others + ", net-prod waits 3, app waits 12"},
		{"/status live/net-dev/", "eyes | r4 [] [], r3 [] [], r2 [net-dev] [], r1 [net-dev] [], net-dev@3, " + others + ", app waits 12"},
		{"/status live/net-*", "eyes | r4 [] [], r3 [] [], r2 [net-dev] [], r1 [net-dev net-prod] [], net-dev@3, " + others + ", net-prod waits 3, app waits 12"},
		{"/status app dns", "eyes | r5 [] [], r3 [] [], r2 [] [app], r1 [app] [], app@3, " + others + ", dns waits 3, app waits 12"},
		{"/status", "eyes | r5 [] [], r4 [] [], r3 [] [], r2 [net-dev] [app], r1 [net-dev net-prod app] [], net-dev@3, app@3, old@3, " + others +
			", net-prod waits 3, dns waits 3, app waits 12"},
		{"/status nope net-dev x*", "confused | @rui This pull request has no plan, apply or lock of `nope`, `x*`; `/plan` with the name of a project makes a plan of it. " +
			"It has some of `app`, `dns`, `net-dev`, `net-prod`, `old`."},
	} {
		t.Run(tt.line, func(t *testing.T) {
			f := newFixture(t, func(b *Base) { b.Service.Describe = seen })
			*f.locks = locks
			for _, r := range runs {
				if _, err := f.store.CreateRun(t.Context(), r, nil); err != nil {
					t.Fatal(err)
				}
			}
			f.deliver("g", "issue_comment", comment(t, tt.line))
			f.settle()
			reaction, reply, _ := strings.Cut(tt.want, " | ")
			if got := f.said(); len(got) != 2 || got[0] != "reaction "+reaction || got[1] != "reply "+reply {
				t.Errorf("said %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestStatusOfANamedProjectBeforeAnythingWasPlanned(t *testing.T) {
	f := newFixture(t)
	f.deliver("g", "issue_comment", comment(t, "/status net"))
	f.settle()
	if got := strings.Join(f.said(), " | "); got != "reaction eyes | reply 0 runs" {
		t.Errorf("said %q", got)
	}
}
