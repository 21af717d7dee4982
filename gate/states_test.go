package gate

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// code is what a commit wants of the projects that it changes.
type code map[string]backendtest.Resources

// What is there, and what pull requests want.
var (
	there     = backendtest.Resources{"a": "1", "b": "1"}
	more      = backendtest.Resources{"a": "2", "b": "1", "c": "1"}
	less      = backendtest.Resources{"a": "1"}
	lessOfAny = backendtest.Resources{"a": backendtest.Anything}
)

// states are those that a pull request can be in, each told by the steps that lead
// to it.
var states = []struct {
	name  string
	steps func(s *subject)
}{
	{"touches no project", func(s *subject) { s.opens(code{}) }},
	{"being planned", func(s *subject) { s.holds(run.KindPlan); s.opens(code{freely: more}) }},
	{"planned whole", func(s *subject) { s.opens(code{freely: more}) }},
	{"planned whole, no changes", func(s *subject) { s.opens(code{freely: there}) }},
	{"planned whole, and needs an approval", func(s *subject) { s.opens(code{guard: less}) }},
	{"planned and approved", func(s *subject) { s.opens(code{guard: less}); s.approves() }},
	{"one project may go, the other needs an approval", func(s *subject) { s.opens(code{freely: more, guard: less}) }},
	{"only one of two projects was planned again", func(s *subject) { s.opens(code{freely: more, guard: less}); s.says("/plan open") }},
	{"planned in part: -target", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -target=a") }},
	{"planned in part: -refresh-only", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -refresh-only") }},
	{"planned in part: no change in it", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -target=b") }},
	{"planned without looking: -refresh=false", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -refresh=false") }},
	{"planned with -replace", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -replace=b") }},
	{"the plan failed", func(s *subject) { s.w.infra.FailNext(freely, run.KindPlan); s.opens(code{freely: more}) }},
	{"stale: pushed, and the new plan is being made", func(s *subject) {
		s.opens(code{freely: more})
		s.holds(run.KindPlan)
		s.pushes(s.number, "HEAD2", code{freely: less})
	}},
	{"stale: the base moved on", func(s *subject) { s.opens(code{freely: more}); s.moves() }},
	{"stale: pushed where nothing plans by itself", func(s *subject) {
		s.opens(code{freely: more})
		s.quiet = true
		s.pushes(s.number, "HEAD2", code{freely: less})
	}},
	{"the same, after an apply", func(s *subject) {
		s.opens(code{freely: more})
		s.says("/apply")
		s.quiet = true
		s.pushes(s.number, "HEAD2", code{freely: less})
	}},
	{"the same, and planned", func(s *subject) {
		s.opens(code{freely: more})
		s.quiet = true
		s.pushes(s.number, "HEAD2", code{freely: less})
		s.says("/plan")
	}},
	{"approved at an earlier commit", func(s *subject) {
		s.opens(code{guard: more})
		s.approves()
		s.pushes(s.number, "HEAD2", code{guard: less})
	}},
	{"approved, planned again with the same changes", func(s *subject) { s.opens(code{guard: less}); s.approves(); s.says("/plan") }},
	{"approved for less: the next plan destroys more", func(s *subject) { s.opens(code{guard: less}); s.approves(); s.drifts("d"); s.says("/plan") }},
	{"approved for more: the next plan destroys less", func(s *subject) {
		s.drifts("d")
		s.opens(code{guard: less})
		s.approves()
		s.w.infra.Reset(guard, there)
		s.says("/plan")
	}},
	{"approved, and then something changed outside of Terraform that the apply writes to the state", func(s *subject) {
		s.opens(code{guard: lessOfAny})
		s.approves()
		s.w.infra.Drift(guard, func(has backendtest.Resources) { has["a"] = "9" })
		s.says("/plan")
	}},
	{"approved before anything was shown", func(s *subject) {
		s.holds(run.KindPlan)
		s.opens(code{guard: less})
		s.approves()
		s.letGo()
	}},
	{"approved, and the approval dismissed", func(s *subject) { s.opens(code{guard: less}); s.approves(); s.reviews("DISMISSED") }},
	{"changes requested", func(s *subject) { s.opens(code{freely: more}); s.reviews("CHANGES_REQUESTED") }},
	{"another holds the lock", func(s *subject) { s.another(code{freely: less}); s.opens(code{freely: more}) }},
	{"unlocked", func(s *subject) { s.opens(code{freely: more}); s.unlocks() }},
	{"unlocked, and another holds the lock", func(s *subject) { s.opens(code{freely: more}); s.another(code{freely: less}); s.unlocks() }},
	{"into a base that nothing is planned for", func(s *subject) { s.opens(code{freely: there}); s.retargets("unlisted") }},
	{"into another base", func(s *subject) { s.opens(code{guard: less}); s.approves(); s.retargets("release") }},
	{"being applied", func(s *subject) { s.opens(code{freely: more}); s.holds(run.KindApply); s.says("/apply") }},
	{"being applied, and a plan was asked for", func(s *subject) {
		s.opens(code{freely: more})
		s.holds(run.KindApply)
		s.says("/apply")
		s.says("/plan")
	}},
	{"applied", func(s *subject) { s.opens(code{freely: more}); s.says("/apply") }},
	{"applied, and planned again", func(s *subject) { s.opens(code{freely: more}); s.says("/apply"); s.says("/plan") }},
	{"applied, and a plan saw drift", func(s *subject) {
		s.opens(code{guard: less})
		s.approves()
		s.says("/apply")
		s.drifts("d")
		s.says("/plan")
	}},
	{"applied what was planned in part", func(s *subject) { s.opens(code{freely: more}); s.says("/plan -- -target=a"); s.says("/apply") }},
	{"applied one of two projects", func(s *subject) { s.opens(code{freely: more, guard: less}); s.says("/apply open") }},
	{"the apply failed", func(s *subject) {
		s.opens(code{freely: more})
		s.w.infra.FailNext(freely, run.KindApply)
		s.says("/apply")
	}},
	{"the apply failed, and it was planned again", func(s *subject) {
		s.opens(code{freely: more})
		s.w.infra.FailNext(freely, run.KindApply)
		s.says("/apply")
		s.says("/plan")
	}},
	{"applied and unlocked", func(s *subject) { s.opens(code{freely: more}); s.says("/apply"); s.unlocks() }},
	{"another would undo what was applied (this is the other)", func(s *subject) {
		s.another(code{freely: more})
		s.saysOn(s.other, "/apply")
		s.unlocksOn(s.other)
		s.opens(code{freely: less})
	}},
	{"applied, and undone by another", func(s *subject) {
		s.opens(code{freely: more})
		s.says("/apply")
		s.unlocks()
		s.another(code{freely: less})
		s.saysOn(s.other, "/apply")
	}},
	{"applied and merged", func(s *subject) { s.opens(code{freely: more}); s.says("/apply"); s.ends(true) }},
	{"merged, not applied", func(s *subject) { s.opens(code{freely: more}); s.ends(true) }},
	{"merged, never planned", func(s *subject) { s.quiet = true; s.opens(code{freely: more}); s.ends(true) }},
	{"merged, planned only at an earlier commit", func(s *subject) {
		s.opens(code{freely: more})
		s.quiet = true
		s.pushes(s.number, "HEAD2", code{freely: more, guard: less})
		s.ends(true)
	}},
	{"merged, and nobody could find out what it changed", func(s *subject) {
		s.opens(code{freely: more})
		s.quiet = true
		s.pushes(s.number, "HEAD2", code{freely: more, guard: less})
		s.blind = true
		s.ends(true)
	}},
	{"merged, never planned, and nothing to plan", func(s *subject) { s.quiet = true; s.opens(code{}); s.ends(true) }},
	{"applied and closed", func(s *subject) { s.opens(code{freely: more}); s.says("/apply"); s.ends(false) }},
	{"names a project that the base does not, which is listed", func(s *subject) { s.namesOne(policy.NewNone); s.opens(code{freely: there, fresh: more}) }},
	{"names a project that the base does not, which is planned", func(s *subject) { s.namesOne(policy.NewPlan); s.opens(code{freely: more, fresh: more}) }},
	{"names a project that the base does not, which is planned, and the other applied", func(s *subject) {
		s.namesOne(policy.NewPlan)
		s.opens(code{freely: more, fresh: more})
		s.says("/apply")
	}},
	{"names nothing but a project that the base does not, which is planned", func(s *subject) { s.namesOne(policy.NewPlan); s.opens(code{fresh: more}) }},
	{"the same, and merged", func(s *subject) { s.namesOne(policy.NewPlan); s.opens(code{fresh: more}); s.ends(true) }},
	{"names a project that the base does not, which may be applied", func(s *subject) { s.namesOne(policy.NewApply); s.opens(code{freely: there, fresh: more}) }},
	{"names a project that the base does not, which was applied", func(s *subject) {
		s.namesOne(policy.NewApply)
		s.opens(code{freely: there, fresh: more})
		s.says("/apply")
	}},
	{"brings a lockkeeper.yml with a mistake", func(s *subject) { s.breaks = true; s.opens(code{freely: more}) }},
	{"brings a lockkeeper.yml with a mistake, and changes no project", func(s *subject) { s.breaks = true; s.opens(code{}) }},
	{"the lockkeeper.yml of the base has a mistake", func(s *subject) { s.w.base = true; s.opens(code{freely: more}) }},
	{"planned, and then the lockkeeper.yml of the base got a mistake", func(s *subject) {
		s.opens(code{freely: more})
		s.w.mu.Lock()
		s.w.base = true
		s.w.mu.Unlock()
		s.says("/apply")
	}},
	{"closed, not applied", func(s *subject) { s.opens(code{freely: more}); s.ends(false) }},
}

// TestWhatIsSaidInEachState writes down what every place says in every state: a
// person reads it and asks of each, is that true, and what would I do next?
func TestWhatIsSaidInEachState(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What is said in each state\n\nOne pull request for each. The project `open` needs no approval, `guarded` needs one. `make update` rewrites this.\n")
	inProofWorld(t, func(w *proofWorld) {
		for _, state := range states {
			s := &subject{w: w, number: 1, other: 2}
			w.begin()
			s.allows(policy.NewNone)
			for _, project := range []string{freely, guard, fresh} {
				w.infra.Reset(project, there)
			}
			s.named(w.tips["main"], "BASE")
			state.steps(s)
			fmt.Fprintf(&b, "\n## %s\n\n%s", state.name, s.tells())
			s.letGo()
		}
	})
	const golden = "testdata/states.md"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		t.Errorf("what is said is not what %s says; make update and read the difference:\n%s", golden, differing(string(want), got))
	}
}

// differing lists the lines that differ, below the state that they are of.
func differing(want, got string) string {
	a, b := strings.Split(want, "\n## "), strings.Split(got, "\n## ")
	var out []string
	for i := range max(len(a), len(b)) {
		x, y := strings.Join(a[min(i, len(a)):min(i+1, len(a))], ""), strings.Join(b[min(i, len(b)):min(i+1, len(b))], "")
		if x != y {
			out = append(out, "- ## "+x+"\n+ ## "+y)
		}
	}
	return strings.Join(out, "\n")
}

// subject is the pull request whose state is told.
type subject struct {
	w             *proofWorld
	number, other int
	names         []string // commits and what they are called here, in pairs
	held          []func() // lets go of jobs
	quiet         bool     // nothing is planned by itself
	breaks        bool     // its lockkeeper.yml has a mistake
	blind         bool     // GitHub and git do not answer when it is merged
	own           bool     // its lockkeeper.yml names a project that the base does not
}

// named gives a commit a name that is the same each time.
func (s *subject) named(sha, name string) { s.names = append(s.names, sha, name, sha[:7], name) }

// settle lets everything happen that follows. Where approvals are asked for, the gate
// is judged again at the end: a server compares a plan with what was approved before
// it shows it, and does not race with that.
func (s *subject) settle() {
	for range 2 {
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if pr := s.w.pulls[s.number]; pr != nil && slices.Contains(pr.touches, guard) {
			s.judges()
		}
	}
}

func (s *subject) judges() {
	s.w.check(nil, s.w.worker.Judge(s.w.Context(), s.w.repo.ID, s.number))
	synctest.Wait()
}

func (s *subject) opens(c code) {
	s.w.open(s.number)
	s.w.pulls[s.number].names, s.w.pulls[s.number].broken = s.own, s.breaks
	s.pushes(s.number, "HEAD", c)
}

// allows says what may become of a project that only a head names.
func (s *subject) allows(mode policy.NewProjects) {
	rules := s.w.keeper.Rules["dev"]
	rules.NewProjects = mode
	s.w.keeper.Rules["dev"] = rules
}

func (s *subject) namesOne(mode policy.NewProjects) {
	s.own = true
	s.allows(mode)
}

func (s *subject) another(c code) { s.w.open(s.other); s.pushes(s.other, "OTHER", c) }

func (s *subject) pushes(n int, name string, c code) {
	s.w.mu.Lock()
	pr := s.w.pulls[n]
	pr.HeadSHA, pr.from, pr.touches = s.w.commit(), s.w.tips[pr.BaseRef], nil
	sha := pr.HeadSHA
	for _, project := range []string{freely, guard, fresh} {
		wants := there
		if c[project] != nil {
			wants = c[project]
			pr.touches = append(pr.touches, project)
		}
		s.w.infra.Code(sha, project, wants)
	}
	s.w.mu.Unlock()
	s.named(sha, name)
	s.w.check(s.w.worker.Supersede(s.w.Context(), s.w.repo.ID, n, sha))
	if s.quiet {
		s.w.check(nil, s.w.worker.Pushed(s.w.Context(), s.w.repo, n, sha))
		s.settle()
		return
	}
	s.submit(run.Run{Subject: run.Subject{PullRequest: n}, Kind: run.KindPlan, Trigger: run.TriggerPush, Actor: "ana", HeadSHA: sha})
}

func (s *subject) submit(r run.Run) {
	r.ID, r.Repository, r.State, r.CreatedAt = run.NewID(time.Now()), s.w.repo, run.StateAccepted, time.Now().UTC()
	r.Key = r.ID
	s.w.check(s.w.worker.Submit(s.w.Context(), r))
	s.settle()
}

func (s *subject) says(line string) { s.saysOn(s.number, line) }

// saysOn gives a command as the author, who may apply.
func (s *subject) saysOn(n int, line string) {
	words, flags, _ := strings.Cut(line, " -- ")
	name, projects, _ := strings.Cut(strings.TrimPrefix(words, "/"), " ")
	s.submit(run.Run{Subject: run.Subject{PullRequest: n}, Kind: run.Kind(name), Trigger: run.TriggerComment, Actor: "ana", Line: line,
		Selectors: strings.Fields(projects), Flags: strings.Fields(flags)})
}

func (s *subject) approves() { s.reviews("APPROVED") }

func (s *subject) reviews(state string) {
	s.w.mu.Lock()
	pr := s.w.pulls[s.number]
	pr.reviews = append(pr.reviews, pull.Review{Login: "rui", ID: 2, State: state, Commit: pr.HeadSHA, At: time.Now().Truncate(time.Second)})
	s.w.mu.Unlock()
	s.judges()
	s.settle()
}

// drifts adds a resource to the guarded project behind terraform's back.
func (s *subject) drifts(address string) {
	s.w.infra.Drift(guard, func(has backendtest.Resources) { has[address] = "1" })
}

func (s *subject) moves() {
	s.w.mu.Lock()
	s.w.tips["main"] = s.w.commit()
	s.named(s.w.tips["main"], "BASE2")
	s.w.mu.Unlock()
}

func (s *subject) retargets(base string) {
	s.w.mu.Lock()
	pr := s.w.pulls[s.number]
	pr.BaseRef, pr.from = base, s.w.tips[base]
	s.named(pr.from, "BASE2")
	sha := pr.HeadSHA
	s.w.mu.Unlock()
	s.submit(run.Run{Subject: run.Subject{PullRequest: s.number}, Kind: run.KindPlan, Trigger: run.TriggerPush, Actor: "ana", HeadSHA: sha})
}

func (s *subject) unlocks() { s.unlocksOn(s.number) }

func (s *subject) unlocksOn(n int) {
	_, _, err := s.w.worker.Unlock(s.w.Context(), run.Subject{Repository: s.w.repo, PullRequest: n}, nil)
	if err != nil {
		s.w.Fatal(err)
	}
	s.settle()
}

func (s *subject) ends(merged bool) {
	s.w.mu.Lock()
	pr := s.w.pulls[s.number]
	pr.Open, pr.Merged = false, merged
	over := run.Over{Merged: merged, HeadSHA: pr.HeadSHA, BaseRef: pr.BaseRef}
	s.w.mu.Unlock()
	if merged && !s.blind {
		var err error
		over.Unplanned, err = s.w.worker.Unplanned(s.w.Context(), s.w.repo, s.number, over)
		s.w.check(nil, err)
	}
	if err := s.w.worker.Close(s.w.Context(), s.w.repo, s.number, over); err != nil {
		s.w.Fatal(err)
	}
	if merged && s.blind {
		s.w.check(nil, s.w.worker.NotKnown(s.w.Context(), s.w.repo, s.number, ""))
	}
	s.settle()
}

func (s *subject) holds(command run.Kind) { s.held = append(s.held, s.w.infra.Hold(command)) }

func (s *subject) letGo() {
	for _, f := range s.held {
		f()
	}
	s.held = nil
	s.settle()
}

func (w *proofWorld) check(_ any, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// tells is what each place says now.
func (s *subject) tells() string {
	var b strings.Builder
	line := func(where, text string) { fmt.Fprintf(&b, "%-10s %s\n", where, s.steady(text)) }
	headline, next := s.comment()
	line("comment", headline)
	line("next", next)
	for _, reply := range s.w.hub.replies(s.w.repo.Name, fmt.Sprint(s.number)) {
		if strings.HasPrefix(reply, "**Merged") || strings.HasPrefix(reply, "**Closed") {
			line("reply", strings.ReplaceAll(reply, "\n\n", " "))
		}
	}
	for _, name := range []string{report.CheckPlan, report.CheckApply} {
		text := "none"
		if c := s.w.hub.check(s.w.pulls[s.number].HeadSHA, name); c.Name != "" {
			text = strings.TrimSpace(c.Status+" "+c.Conclusion) + ": " + c.Output.GetTitle()
		}
		line(strings.TrimPrefix(name, "lockkeeper/"), text)
	}
	line("automerge", s.automerge())
	line("/why", s.why())
	line("/status", s.status())
	return b.String()
}

// comment is the heading of the one comment with its bold lines, and what is next.
func (s *subject) comment() (headline, next string) {
	headline, next = "none", "none"
	var said []string
	folded := false
	for line := range strings.Lines(s.w.hub.comment(s.w.repo.Name, fmt.Sprint(s.number))) {
		line = strings.TrimSpace(line)
		folded = folded && line != "</details>" || strings.HasPrefix(line, "<details>")
		switch {
		case folded:
		case strings.HasPrefix(line, "**Next**: "):
			next, _, _ = strings.Cut(strings.TrimPrefix(line, "**Next**: "), " · all commands")
		case strings.HasPrefix(line, "### "), strings.HasPrefix(line, "**"), strings.HasPrefix(line, "> **"), strings.HasPrefix(line, "- "):
			said = append(said, strings.TrimPrefix(strings.TrimPrefix(line, "### "), "> "))
		}
	}
	if len(said) > 0 {
		headline = strings.Join(said, " | ")
	}
	return headline, next
}

func (s *subject) runs() []run.Run {
	runs, err := s.w.store.PullRuns(s.w.Context(), s.w.repo.ID, s.number, 100)
	s.w.check(nil, err)
	return runs
}

// automerge is what a server that merges what is applied does at the end of an
// apply: it looks at what the check says.
func (s *subject) automerge() string {
	if !slices.ContainsFunc(s.runs(), func(r run.Run) bool { return r.Kind == run.KindApply && r.State == run.StateSucceeded }) {
		return "not asked: no apply succeeded"
	}
	locks, err := s.w.store.Locks(s.w.Context())
	s.w.check(nil, err)
	c, ok := report.ApplyCheck(report.CheckView{Input: view.Input{Runs: s.runs(), Locks: locks}, HeadSHA: s.w.pulls[s.number].HeadSHA})
	if ok && c.Conclusion == "success" {
		return "merges"
	}
	return "does not merge"
}

// why is the first reason that /why gives the author.
func (s *subject) why() string {
	rd, behind := s.w.reads(run.Run{Subject: run.Subject{Repository: s.w.repo, PullRequest: s.number}, Kind: run.KindApply, Trigger: run.TriggerComment, Actor: "ana"})
	c, err := s.w.load(s.w.Context(), rd, behind)
	if err != nil {
		return "refused: " + err.Error()
	}
	v := policy.Apply(c.facts)
	missing := regexp.MustCompile(`(?m)^- (✗ .*)$`).FindAllStringSubmatch(v.Why(), -1)
	switch {
	case v.Allowed:
		return "allowed"
	case len(missing) == 1:
		return missing[0][1]
	}
	return fmt.Sprintf("%s (and %d more)", missing[0][1], len(missing)-1)
}

// status is what runs, what is locked, and how the newest run ended.
func (s *subject) status() string {
	locks, err := s.w.store.Locks(s.w.Context())
	s.w.check(nil, err)
	var out []string
	ended := false
	for line := range strings.Lines(report.Status(run.Subject{Repository: s.w.repo, PullRequest: s.number}, s.runs(), locks, time.Now())) {
		line = strings.TrimSpace(line)
		switch cells := strings.Split(line, " | "); {
		case line == "" || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| ended") || strings.HasPrefix(line, "**Next"):
		case strings.HasPrefix(line, "| ") && ended:
		case strings.HasPrefix(line, "| "):
			ended = true
			out = append(out, "last: "+cells[1]+" of "+cells[2]+": "+strings.TrimSuffix(cells[3], " |"))
		default:
			out = append(out, strings.TrimPrefix(line, "- "))
		}
	}
	return strings.Join(out, " · ")
}

var passing = regexp.MustCompile(`\b\d+ (second|minute)s?\b`)

// steady replaces what differs each time.
func (s *subject) steady(text string) string {
	text = strings.NewReplacer(s.names...).Replace(text)
	text = strings.Replace(text, "queued: Planning 1 project: 1 queued", "in_progress: Planning 1 project: 1 running", 1) // whichever is first, it or the check
	text = strings.Replace(text, "**Planning 1 project: 1 queued**", "**Planning 1 project: 1 running**", 1)
	text = strings.Replace(text, "in dev: waiting**", "in dev: applying**", 1) // whichever is first, the job's start or the comment
	return passing.ReplaceAllString(text, "a moment")
}

// replies are all others, in their order.
func (h *hub) replies(repo, pull string) (bodies []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(h.comments)) {
		if c := h.comments[id]; c.repo == repo && c.pull == pull && !strings.Contains(c.Body, "<!-- lockkeeper:comment -->") {
			text, _, _ := strings.Cut(c.Body, "<!--")
			bodies = append(bodies, strings.TrimSpace(text))
		}
	}
	return bodies
}

// comment is the one that is kept up to date; empty when there is none.
func (h *hub) comment(repo, pull string) (body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.comments {
		if c.repo == repo && c.pull == pull && strings.Contains(c.Body, "<!-- lockkeeper:comment -->") {
			body = c.Body
		}
	}
	return body
}
