package gate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestT32WhatTheLocksSayOfAProject(t *testing.T) {
	us := run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 1}
	them := run.Subject{Repository: run.Repository{ID: 7}, PullRequest: 2}
	doc := run.JobDocument{RepositoryID: 7, Fence: 5, Project: run.JobProject{Name: "net", Dir: "a", Workspace: "default", State: "s3:x"}}
	keys := run.LockKeys(doc)
	dir, state := run.Lock{Key: keys[0], Fence: 2, Holder: us}, run.Lock{Key: keys[1], Fence: 3, Holder: us}
	with := func(l run.Lock, change func(*run.Lock)) run.Lock { change(&l); return l }
	held := policy.Project{Name: "net", Held: true}
	for name, c := range map[string]struct {
		locks   []run.Lock
		fence   int64
		atApply bool
		want    policy.Project
	}{
		"both are ours, as at the plan":     {[]run.Lock{dir, state}, 5, false, held},
		"one was given anew":                {[]run.Lock{dir, with(state, func(l *run.Lock) { l.Fence++ })}, 5, false, policy.Project{Name: "net"}},
		"one is free, and the fences agree": {[]run.Lock{with(dir, func(l *run.Lock) { l.Fence = 5 }), {Key: keys[1]}}, 5, false, policy.Project{Name: "net"}},
		"none was ever taken":               {nil, 0, false, policy.Project{Name: "net"}},
		"ours, and the pull request ends":   {[]run.Lock{dir, with(state, func(l *run.Lock) { l.Closing = true })}, 5, false, policy.Project{Name: "net"}},
		"one is theirs":                     {[]run.Lock{dir, with(state, func(l *run.Lock) { l.Holder = them })}, 5, false, policy.Project{Name: "net", HeldBy: 2}},
		"one is busy": {[]run.Lock{dir, with(state, func(l *run.Lock) { l.Busy = "r" })}, 5, false,
			policy.Project{Name: "net", Held: true, Busy: true}},
		"others' locks do not matter": {[]run.Lock{dir, state, {Key: "dir:7:b//default", Holder: them, Busy: "r"}}, 5, false, held},
		"at the apply, all free":      {nil, 0, true, held},
		"at the apply, one is theirs": {[]run.Lock{with(state, func(l *run.Lock) { l.Holder = them })}, 0, true, policy.Project{Name: "net", HeldBy: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			got, doc := policy.Project{Name: "net"}, doc
			doc.Fence = c.fence
			s := stored{holder: us, locks: run.Locks{Locks: c.locks}}
			s.lockFacts(&got, doc, c.atApply)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestT23WhatMakesAPlanAnew(t *testing.T) {
	job := func(project string, s run.JobState) run.Job {
		return run.Job{State: s, Document: run.JobDocument{Project: run.JobProject{Name: project}}}
	}
	for name, c := range map[string]struct {
		run  run.Run
		want bool
	}{
		"a plan that was accepted":            {run.Run{Kind: run.KindPlan, State: run.StateAccepted}, true},
		"a plan of the merge queue":           {run.Run{Kind: run.KindPlan, State: run.StateAccepted, Subject: run.Subject{PullRequest: 3, Branch: "gh-readonly-queue/main/pr-3-a"}}, false},
		"an apply that was accepted":          {run.Run{Kind: run.KindApply, State: run.StateAccepted}, false},
		"a plan that runs":                    {run.Run{Kind: run.KindPlan, State: run.StateRunning, HeadSHA: "h", Jobs: []run.Job{job("net", run.JobQueued)}}, true},
		"a plan of another commit":            {run.Run{Kind: run.KindPlan, State: run.StateRunning, HeadSHA: "o", Jobs: []run.Job{job("net", run.JobQueued)}}, false},
		"a plan of which this is over":        {run.Run{Kind: run.KindPlan, State: run.StateRunning, HeadSHA: "h", Jobs: []run.Job{job("net", run.JobFailed)}}, false},
		"a plan of others":                    {run.Run{Kind: run.KindPlan, State: run.StateRunning, HeadSHA: "h", Jobs: []run.Job{job("x", run.JobRunning)}}, false},
		"a plan that is over":                 {run.Run{Kind: run.KindPlan, State: run.StateSucceeded, HeadSHA: "h", Jobs: []run.Job{job("net", run.JobSucceeded)}}, false},
		"a plan that was refused at its time": {run.Run{Kind: run.KindPlan, State: run.StateRefused}, false},
	} {
		if got := len((stored{runs: []run.Run{c.run}}).running("net", "h")) > 0; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
