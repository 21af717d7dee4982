package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// all does something for each of n numbers at once and waits.
func all(n int, do func(i int)) {
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() { do(i) })
	}
	g.Wait()
}

func TestT16CommentsAtOnceAllEnd(t *testing.T) {
	s := newStory(t)
	people := []string{ana, rui, "p-three", "p-four", "p-five"}
	for _, p := range people[2:] {
		s.check(s.world.GitHub.SetPermission(sandbox.Repository, p, "write"))
	}
	pulls := []int{s.planned("a"), s.planned("b"), s.planned("c")}
	const everyPlan = 8
	comments := 100
	if longtest.On() {
		comments = 200
	}
	wantRuns, wantHelps := map[int]int{}, map[int]int{}
	for i := range comments {
		if n := pulls[i%3]; i%everyPlan == 0 {
			wantRuns[n]++
		} else {
			wantHelps[n]++
		}
	}
	all(comments, func(i int) {
		body := "/help"
		if i%everyPlan == 0 {
			body = "/plan"
		}
		if _, err := s.world.GitHub.As(people[i%len(people)]).Comment(sandbox.Repository, pulls[i%3], body); err != nil {
			t.Error(err)
		}
	})
	s.quiet()

	for _, n := range pulls {
		runs := s.runs(n)
		asked := 0 // for a run, or for what one does that waits
		for _, r := range runs {
			asked += 1 + len(r.Joined)
		}
		if want := wantRuns[n] + 1; asked != want {
			t.Errorf("%d commands on pull request %d have a run, want %d", asked, n, want)
		}
		for _, r := range runs {
			if r.State != run.StateSucceeded {
				t.Errorf("a run of %s is %s", r.Actor, r.State)
			}
		}
		if got, want := len(s.said(n)), wantHelps[n]+1; got != want {
			t.Errorf("%d comments of ours on pull request %d, want an answer to each /help and one plan: %d", got, n, want)
		}
		// They change one project, so one of them holds its lock.
		if first := s.said(n)[0]; !strings.HasPrefix(first.Body, "### Plan for") && !strings.HasPrefix(first.Body, "### Speculative plan for") {
			t.Errorf("the first comment on pull request %d is not its plan:\n%s", n, first.Body)
		}
	}
	s.noErrorToGitHub()
}

// noErrorToGitHub checks that every webhook which was sent was taken.
func (s *story) noErrorToGitHub() {
	s.Helper()
	for _, d := range s.world.GitHub.Deliveries() {
		if d.RepositoryID != 0 && d.Event != "installation" && d.StatusCode != 200 {
			s.Errorf("%s %s was answered %d %s", d.Event, d.Action, d.StatusCode, d.Status)
		}
	}
}

func TestT15OurOwnWordsCauseNothing(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	s.says(rui, n, "/help")
	s.says(rui, n, "/paln")
	s.says(rui, n, "/plan nope")
	said, runs := s.said(n), len(s.runs(n))
	if len(said) != 4 {
		t.Fatalf("%d comments to repeat:\n%s", len(said), s.conversation(n))
	}
	const bot = "lockkeeper[bot]"
	s.check(s.world.GitHub.SetPermission(sandbox.Repository, bot, "write"))
	want := len(s.pull(n).Comments())
	repeat := func(who, body string) {
		_, err := s.world.GitHub.As(who).Comment(sandbox.Repository, n, body)
		s.check(err)
		want++
	}
	for _, c := range said {
		repeat(rui, c.Body) // somebody copies it
		repeat(bot, c.Body)
	}
	for _, command := range []string{"/plan", "/help", "/cancel", "/plan nope", "/paln"} {
		repeat(bot, command)
	}
	s.quiet()
	if got := len(s.runs(n)); got != runs {
		t.Errorf("%d runs, want %d", got, runs)
	}
	if got := len(s.pull(n).Comments()); got != want {
		t.Errorf("%d comments, want %d:\n%s", got, want, s.conversation(n))
	}
}

// counting is a terraform that notes how many of it run at once.
const counting = `
mkdir -p "$dir/active"
: > "$dir/active/$$"
ls "$dir/active" | wc -l >> "$dir/counts"
"$terraform" "$@"
status=$?
rm "$dir/active/$$"
exit $status
`

func TestPullRequestsAtOnceKeepTheCapOfProcesses(t *testing.T) {
	const processes = 2
	pulls := 4
	if longtest.On() {
		pulls = 20
	}
	s := newScriptStory(t, counting, func(c map[string]any) { c["limits"] = map[string]any{"terraform_processes": processes} })
	numbers := make([]int, pulls)
	all(pulls, func(i int) {
		branch := fmt.Sprintf("change-%d", i)
		author := s.world.GitHub.As(ana)
		if _, err := author.Push(sandbox.Repository, branch, branch, aChange(branch)); err != nil {
			t.Error(err)
			return
		}
		var err error
		if numbers[i], err = author.OpenPull(sandbox.Repository, branch, demo.DefaultBranch, branch, "", false); err != nil {
			t.Error(err)
		}
	})
	s.quiet()
	for i, n := range numbers {
		v := s.pull(n)
		if got := len(s.plans(n)); got != 1 {
			t.Errorf("pull request %d has %d plan comments", n, got)
			continue
		}
		s.wants(s.last(n), v.HeadSHA[:7], "1 to add", fmt.Sprintf("change-%d", i))
		if c := check(v, "lockkeeper/plan"); c.Conclusion != "success" {
			t.Errorf("pull request %d: %+v", n, c)
		}
	}
	counts, err := os.ReadFile(filepath.Join(s.dir, "counts"))
	s.check(err)
	started, most := strings.Fields(string(counts)), 0
	for _, c := range started {
		var n int
		if _, err := fmt.Sscan(c, &n); err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
	}
	if most > processes || most == 0 {
		t.Errorf("%d terraform processes at once, want at most %d", most, processes)
	}
	if len(started) < pulls { // not all need an init or a show
		t.Errorf("terraform started %d times for %d plans", len(started), pulls)
	}
}

func check(v github.PullView, name string) (out github.CheckView) {
	for _, c := range v.Checks {
		if c.Name == name {
			out = c
		}
	}
	return out
}
