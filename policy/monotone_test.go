package policy

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/plandiff"
	"github.com/lockkeeper/lockkeeper/run"
)

// worsening takes a good fact away or adds a bad one. None of them lifts
// anything.
var worsening = map[string]func(random *rand.Rand, f *Facts, p *Project){
	"close":             func(_ *rand.Rand, f *Facts, _ *Project) { f.Open = false },
	"fork":              func(_ *rand.Rand, f *Facts, _ *Project) { f.Fork = true },
	"draft":             func(_ *rand.Rand, f *Facts, _ *Project) { f.Draft = true },
	"conflict":          func(_ *rand.Rand, f *Facts, _ *Project) { f.Conflicts = true },
	"edit the comment":  func(_ *rand.Rand, f *Facts, _ *Project) { f.CommentChanged = true },
	"lose the actor":    func(_ *rand.Rand, f *Facts, _ *Project) { f.Actor = "" },
	"lose permission":   func(_ *rand.Rand, f *Facts, _ *Project) { f.Permission = "read" },
	"fall behind":       func(_ *rand.Rand, f *Facts, _ *Project) { f.Behind++ },
	"add a contributor": func(r *rand.Rand, f *Facts, _ *Project) { f.Contributors = append(f.Contributors, approverOf(r)) },
	"add a pusher": func(r *rand.Rand, f *Facts, _ *Project) {
		f.Pushers = append(f.Pushers, approverOf(r))
	},
	"add a stray commit": func(_ *rand.Rand, f *Facts, _ *Project) { f.Unattributed++ },
	"object": func(r *rand.Rand, f *Facts, _ *Project) {
		f.review(approverOf(r), "CHANGES_REQUESTED", headSHA, "write")
	},
	"lose a reviewer": func(r *rand.Rand, f *Facts, _ *Project) {
		login := approverOf(r)
		objects := slices.ContainsFunc(f.Reviews, func(v Review) bool { return v.Login == login && v.State != "APPROVED" })
		if !objects {
			f.Reviews = slices.DeleteFunc(f.Reviews, func(v Review) bool { return v.Login == login })
		}
	},
	"lose a member": func(r *rand.Rand, f *Facts, _ *Project) {
		login := approverOf(r)
		for team, members := range f.Members {
			f.Members[team] = slices.DeleteFunc(slices.Clone(members), func(m string) bool { return strings.EqualFold(m, login) })
		}
	},
	"lose a check": func(_ *rand.Rand, f *Facts, _ *Project) { f.Checks = nil },
	"fail a check": func(_ *rand.Rand, f *Facts, _ *Project) {
		f.Checks = append(f.Checks, Check{Name: "build", Status: "completed", Conclusion: "failure"})
	},
	"another project":   func(_ *rand.Rand, f *Facts, _ *Project) { f.Projects = append(f.Projects, Project{Name: "unknown"}) },
	"lose the owners":   func(_ *rand.Rand, _ *Facts, p *Project) { p.Owners = nil },
	"no longer touched": func(_ *rand.Rand, _ *Facts, p *Project) { p.Touched = false },
	"change the base":   func(_ *rand.Rand, _ *Facts, p *Project) { p.BaseChanged = append(p.BaseChanged, "modules/vpc") },
	"lose the plan":     func(_ *rand.Rand, _ *Facts, p *Project) { p.Plan = nil },
	"spoil the plan":    func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().Complete = false },
	"use the plan":      func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().Used = true },
	"age the plan":      func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().At = time.Time{} },
	"deny the plan":     func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().Denied = []string{"no"} },
	"plan with flags": func(_ *rand.Rand, f *Facts, p *Project) {
		p.plan().Flags = []string{"-refresh-only"}
		for i := range f.Reviews {
			f.Reviews[i].At = p.plan().At.Add(-time.Hour)
		}
	},
	"destroy":           func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().Changes = destroysDatabase },
	"lose the lock":     func(_ *rand.Rand, _ *Facts, p *Project) { p.Held = false },
	"begin an apply":    func(_ *rand.Rand, _ *Facts, p *Project) { p.Busy = true },
	"begin a plan":      func(_ *rand.Rand, _ *Facts, p *Project) { p.Running = []string{"/plan"} },
	"lose the state":    func(_ *rand.Rand, _ *Facts, p *Project) { p.Keeping = NoBackend },
	"plan a lost state": func(_ *rand.Rand, _ *Facts, p *Project) { p.plan().Keeping = StateLost },
	"leave a state":     func(_ *rand.Rand, _ *Facts, p *Project) { p.Astray = true },
	"plan more than was seen": func(r *rand.Rand, _ *Facts, p *Project) {
		p.Seen = maps.Clone(p.Seen)
		p.Seen[approverOf(r)] = Seen{Sight: SawOther, Difference: plandiff.Difference{Added: []plandiff.Entry{{Address: "a", Is: run.ActionDestroy}}}}
	},
	"forget what comes first":    func(_ *rand.Rand, _ *Facts, p *Project) { p.Unplanned = []string{"vpc-prod"} },
	"be named by the head alone": func(_ *rand.Rand, _ *Facts, p *Project) { p.HeadOnly = true },
	"want more approval":         func(_ *rand.Rand, _ *Facts, p *Project) { p.Rules.Approvals++ },
}

// plan is the project's plan to change, or one that nobody looks at.
func (p *Project) plan() *StoredPlan {
	if p.Plan == nil {
		return &StoredPlan{}
	}
	return p.Plan
}

func approverOf(r *rand.Rand) string { return []string{"cleo", "dora", "eve"}[r.IntN(3)] }

// TestNothingWorseTurnsDeniedIntoAllowed takes good facts away, one after the
// other, in random orders.
func TestNothingWorseTurnsDeniedIntoAllowed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	names := slices.Sorted(maps.Keys(worsening))
	longest := 0 // of the ways that ended in a denial, by steps that were still allowed
	ways := 5_000
	if longtest.On() {
		ways = 100_000
	}
	for range ways {
		f := applicable()
		f.review("eve", "APPROVED", headSHA, "write")
		f.Projects = append(f.Projects, applicableProject("app"))
		allowed, way := true, []string{}
		for step := range 8 {
			name := names[random.IntN(len(names))]
			way = append(way, name)
			worsening[name](random, &f, &f.Projects[random.IntN(2)])
			now := Apply(f).Allowed
			if now && !allowed {
				t.Fatalf("allowed after %q", way)
			}
			if !now && allowed {
				longest = max(longest, step)
			}
			allowed = now
		}
	}
	if longest < 2 {
		t.Errorf("every way was denied within %d steps, so this shows nothing", longest+1)
	}
}
