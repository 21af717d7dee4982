package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const (
	ana = demo.Author
	rui = demo.Reviewer
	sam = demo.Outsider
)

// story is a stage with a server and the means to tell what people do.
type story struct{ *stage }

// newStory makes a stage and serves it, beside the stories of other tests. It is for
// what is not about terraform: with LOCKKEEPER_TEST_LONG terraform does the work all
// the same.
func newStory(t *testing.T, change ...func(map[string]any)) *story {
	t.Helper()
	t.Parallel()
	s := &story{newStage(t, change...)}
	s.standIn()
	t.Cleanup(s.serve())
	return s
}

// terraformStory is newStory with terraform and all that is around it.
func terraformStory(t *testing.T, change ...func(map[string]any)) *story {
	t.Helper()
	t.Parallel()
	return storyAlone(t, change...)
}

// storyAlone is terraformStory for a test that changes what is this process's, such as its
// environment, so that no other runs beside it.
func storyAlone(t *testing.T, change ...func(map[string]any)) *story {
	t.Helper()
	s := &story{newStage(t, change...)}
	t.Cleanup(s.serve())
	return s
}

// open pushes a branch and opens a pull request.
func (s *story) open(branch string, files github.Files) int {
	s.Helper()
	author := s.world.GitHub.As(ana)
	_, err := author.Push(sandbox.Repository, branch, "Change "+branch, files)
	s.check(err)
	n, err := author.OpenPull(sandbox.Repository, branch, demo.DefaultBranch, "Change "+branch, "", false)
	s.check(err)
	return n
}

// planned opens a pull request that changes one project and waits for its plan.
func (s *story) planned(branch string) int {
	s.Helper()
	n := s.open(branch, aChange(branch))
	s.quiet()
	// A plan that is over is judged once more, and its comment changes with that.
	s.poll("a verdict about the plan", func() bool { r := s.runs(n)[0]; return !r.GatePreviewed() })
	s.quiet()
	if len(s.plans(n)) != 1 {
		s.Fatalf("not planned:\n%s", s.conversation(n))
	}
	return n
}

// aChange touches exactly the project network-dev.
func aChange(text string) github.Files {
	return github.Files{"live/dev/network/extra.tf": "resource \"terraform_data\" \"extra\" {\n  input = \"" + text + "\"\n}\n"}
}

// says comments as somebody and waits until everything that follows is done.
func (s *story) says(who string, number int, body string) (id int64) {
	s.Helper()
	id, err := s.world.GitHub.As(who).Comment(sandbox.Repository, number, body)
	s.check(err)
	s.quiet()
	return id
}

// reactions to a comment.
func (s *story) reactions(number int, comment int64) (out []string) {
	s.Helper()
	for _, c := range s.pull(number).Comments() {
		if c.ID == comment {
			for _, r := range c.Reactions {
				out = append(out, r.Content)
			}
		}
	}
	return out
}

// last is the newest thing that Lockkeeper wrote.
func (s *story) last(number int) string {
	s.Helper()
	said := s.said(number)
	if len(said) == 0 {
		s.Fatal("Lockkeeper said nothing")
	}
	return said[len(said)-1].Body
}

func (s *story) wants(text string, parts ...string) {
	s.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			s.Errorf("missing %q in:\n%s", p, text)
		}
	}
}

func (s *story) check1(number int, name string) github.CheckView {
	s.Helper()
	for _, c := range s.pull(number).Checks {
		if c.Name == name {
			return c
		}
	}
	s.Fatalf("no check %s:\n%s", name, s.conversation(number))
	return github.CheckView{}
}

func TestAPullRequestIsPlannedWhenItIsOpened(t *testing.T) {
	s := terraformStory(t)
	n, err := s.world.OpenFirst()
	s.check(err)
	s.quiet()
	if got := len(s.said(n)); got != 1 {
		t.Errorf("%d comments, want one:\n%s", got, s.conversation(n))
	}
	s.wants(s.last(n), "2 to add", "5 to change", "1 to replace", "1 to destroy", "[!CAUTION]")
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "success" || c.Status != "completed" {
		t.Errorf("plan check %+v", c)
	}
	if c := s.check1(n, "lockkeeper/apply"); c.Status != "queued" {
		t.Errorf("apply check %+v", c)
	}
}

func TestPlanByCommentReactsAndEditsTheOneComment(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	before := s.plans(n)[0]
	id := s.says(rui, n, "/plan")
	if got := s.reactions(n, id); len(got) != 1 || got[0] != "eyes" {
		t.Errorf("reactions %v", got)
	}
	plans := s.plans(n)
	if len(plans) != 1 || plans[0].ID != before.ID {
		t.Errorf("%d plan comments, want the first one edited", len(plans))
	}
	if len(s.runs(n)) != 2 {
		t.Errorf("%d runs", len(s.runs(n)))
	}
}

func TestAPushIsPlannedAndEndsPlansOfOlderCommits(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	sha, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "third", aChange("third"))
	s.check(err)
	s.quiet()
	s.wants(s.last(n), sha[:7])
	newest := s.runs(n)[0]
	if newest.State != run.StateSucceeded || newest.HeadSHA != sha {
		t.Errorf("the newest run is %s of %s", newest.State, newest.HeadSHA)
	}
	for _, c := range s.pull(n).Checks {
		if c.Status != "completed" && c.Name != "lockkeeper/apply" { // that one waits for a person
			t.Errorf("check %s is %s", c.Name, c.Status)
		}
	}
}

func TestHelpStatusAndCommandsThatAreNotThereYet(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	s.says(sam, n, "/help")
	s.wants(s.last(n), "/plan", "/apply", "/status", "/cancel")
	s.says(rui, n, "/status")
	s.wants(s.last(n), "plan")
	s.says(rui, n, "/cancel")
	s.wants(s.last(n), "Nothing is running")
	s.says(rui, n, "/destroy")
	s.wants(s.last(n), "not available")
}

func TestBadInputGetsOneClearAnswer(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	for _, tt := range []struct{ name, who, comment, answer string }{
		{"a wrong project", rui, "/plan nope", "No project is called `nope`"},
		{"the status of a wrong project", rui, "/status nope", "no plan, apply or lock of `nope`"},
		{"a slip of the pen", rui, "/paln", "/plan"},
		{"an unknown argument", rui, "/plan colour=red", "/plan"},
		{"a forbidden flag", rui, "/plan -- -destroy", "destroy"},
		{"two commands", rui, "/plan\n/plan", "one command"},
		{"an outsider", sam, "/plan", "Only people with write access"},
		{"an outsider who cancels", sam, "/cancel", "Only people with write access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, runs := len(s.said(n)), s.plans(n)[0].Body
			s.says(tt.who, n, tt.comment)
			if got := len(s.said(n)) - before; got != 1 {
				t.Errorf("%d answers:\n%s", got, s.conversation(n))
			}
			s.wants(strings.ToLower(s.last(n)), strings.ToLower(tt.answer))
			if s.plans(n)[0].Body != runs {
				t.Error("the plan's comment changed")
			}
		})
	}
}

func TestSilenceWhereNobodyAskedUs(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	before := s.conversation(n)
	silent := func(name string, do func() error) {
		t.Helper()
		s.check(do())
		s.quiet()
		if got := len(s.said(n)); got != 1 {
			t.Errorf("%s: Lockkeeper spoke:\n%s", name, s.conversation(n))
		}
		if got := len(s.runs(n)); got != 1 {
			t.Errorf("%s: %d runs", name, got)
		}
	}
	var id int64
	silent("prose", func() (err error) {
		id, err = s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "nice, /plan is next")
		return err
	})
	silent("an edited comment", func() error { return s.world.GitHub.As(rui).EditComment(sandbox.Repository, id, "/plan") })
	silent("a deleted comment", func() error { return s.world.GitHub.As(rui).DeleteComment(sandbox.Repository, id) })
	silent("a quoted command", func() error { _, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "> /plan"); return err })
	silent("a bot", func() error {
		if err := s.world.GitHub.AddUser("helper[bot]", "Bot"); err != nil {
			return err
		}
		if err := s.world.GitHub.SetPermission(sandbox.Repository, "helper[bot]", "write"); err != nil {
			return err
		}
		_, err := s.world.GitHub.As("helper[bot]").Comment(sandbox.Repository, n, "/plan")
		return err
	})
	silent("another bot's command", func() error { _, err := s.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/retest"); return err })
	if before == "" {
		t.Error("no conversation")
	}
}

func TestT07AForkIsNeverPlannedAndAskingIsAnswered(t *testing.T) {
	s := newStory(t)
	g := s.world.GitHub
	fork, err := g.As(sam).Fork(sandbox.Repository)
	s.check(err)
	_, err = g.As(sam).Push(fork, "evil", "evil", aChange("evil"))
	s.check(err)
	n, err := g.As(sam).OpenPull(sandbox.Repository, sam+":evil", demo.DefaultBranch, "Help", "", false)
	s.check(err)
	s.quiet()
	if said := s.said(n); len(said) > 0 {
		t.Errorf("Lockkeeper spoke by itself: %v", said)
	}
	s.says(rui, n, "/plan")
	s.wants(s.last(n), "fork")
	if entries, err := os.ReadDir(filepath.Join(s.dir, "server", "mirrors")); err == nil && len(entries) > 0 {
		t.Error("something was fetched for a fork")
	}
}

func TestAClosedPullRequestIsNotPlanned(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, n))
	s.quiet()
	s.says(rui, n, "/plan")
	s.wants(s.last(n), "closed")
	s.check(s.world.GitHub.As(ana).ReopenPull(sandbox.Repository, n))
	s.quiet()
	if got := s.runs(n)[0]; got.State != run.StateSucceeded || got.Trigger != run.TriggerPush {
		t.Errorf("after reopening the newest run is %s by %s", got.State, got.Trigger)
	}
}

func TestADraftIsPlannedWhenItIsReady(t *testing.T) {
	s := newStory(t)
	author := s.world.GitHub.As(ana)
	_, err := author.Push(sandbox.Repository, "d", "draft", aChange("draft"))
	s.check(err)
	n, err := author.OpenPull(sandbox.Repository, "d", demo.DefaultBranch, "Draft", "", true)
	s.check(err)
	s.quiet()
	if len(s.runs(n)) != 0 {
		t.Error("a draft was planned by itself")
	}
	s.check(author.ReadyForReview(sandbox.Repository, n))
	s.quiet()
	if len(s.plans(n)) != 1 {
		t.Errorf("not planned:\n%s", s.conversation(n))
	}
}

func TestTheButtonPlansAgain(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	c := s.check1(n, "lockkeeper/plan")
	if len(c.Actions) == 0 {
		t.Fatal("no button")
	}
	s.check(s.world.GitHub.As(rui).Press(sandbox.Repository, c.ID, c.Actions[0].Identifier))
	s.quiet()
	if got := s.runs(n); len(got) != 2 || got[0].Trigger != run.TriggerButton || got[0].Actor != rui {
		t.Errorf("runs %+v", got)
	}
	s.check(s.world.GitHub.As(rui).RerequestCheck(sandbox.Repository, s.check1(n, "lockkeeper/plan").ID))
	s.quiet()
	if got := s.runs(n); len(got) != 3 {
		t.Errorf("%d runs after Re-run", len(got))
	}
}

func TestAPlanThatFailsSaysWhy(t *testing.T) {
	s := terraformStory(t)
	n := s.open("broken", github.Files{"live/dev/network/broken.tf": "resource \"terraform_data\" \"x\" {\n  input = no_such.thing\n}\n"})
	s.quiet()
	s.wants(s.last(n), "network-dev", "no_such", "broken.tf")
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "failure" {
		t.Errorf("plan check %+v", c)
	}
}

func TestBrokenHCLSaysWhere(t *testing.T) {
	long(t) // a runner says it, too
	s := terraformStory(t)
	n := s.open("broken", github.Files{"live/dev/network/broken.tf": "resource \"terraform_data\" {\n"})
	s.quiet()
	s.wants(s.last(n), "network-dev", "broken.tf")
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "failure" {
		t.Errorf("plan check %+v", c)
	}
}

func TestADirectoryThatNoLongerExistsIsSaid(t *testing.T) {
	s := newStory(t)
	files := github.Files{}
	for path := range demo.Files() {
		if strings.HasPrefix(path, "live/dev/orders/") {
			files[path] = github.Deleted
		}
	}
	n := s.open("gone", files)
	s.quiet()
	s.wants(s.last(n), "`orders-dev` is not planned", "no longer exists")
}

func TestMistakesInTheConfigAreAllNamed(t *testing.T) {
	s := newStory(t)
	_, err := s.world.GitHub.Commit(sandbox.Repository, demo.DefaultBranch, ana, "config", github.Files{
		"lockkeeper.yml": "version: 1\nprojekts: []\nprojects:\n  - {name: a, dir: ../x}\n  - {name: a, dir: live/dev/network, colour: red}\n"})
	s.check(err)
	n := s.open("a", aChange("a"))
	s.quiet()
	s.wants(s.last(n), "lockkeeper.yml:2", "projekts", "lockkeeper.yml:4", "lockkeeper.yml:5", "colour")
}

func TestAnUntouchedRepositoryIsNoWork(t *testing.T) {
	s := newStory(t)
	n := s.open("docs", github.Files{"docs.md": "hello\n"})
	s.quiet()
	// Neutral, which a branch protection takes for passed.
	if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "neutral" {
		t.Errorf("plan check %+v", c)
	}
	if said := s.said(n); len(said) > 0 {
		t.Errorf("nobody asked, and Lockkeeper said %q", said[0].Body)
	}
	s.says(ana, n, "/plan")
	s.wants(s.last(n), "No project")
}

func TestT31AProjectIsFoundAfter3001Files(t *testing.T) {
	s := newStory(t)
	files := aChange("many")
	for i := range 3001 {
		files[fmt.Sprintf("data/%04d.txt", i)] = "x\n"
	}
	n := s.open("many", files)
	s.quiet()
	s.wants(s.last(n), "network-dev", "1 to add")
}

func TestT44APlanOf50MBIsCutNotLost(t *testing.T) {
	long(t)
	s := newStory(t)
	// 400 copies of 128 KiB in the plan of a few lines.
	n := s.open("huge", github.Files{"live/dev/network/huge.tf": `
locals {
  kb = join("", [for i in range(1024) : format("%0128d", i)])
}
resource "terraform_data" "huge" {
  count = 400
  input = "${local.kb}${count.index}"
}
`})
	s.quiet()
	s.wants(s.last(n), "network-dev", "400 to add")
	for _, c := range s.said(n) {
		if len(c.Body) > 65_536 {
			t.Errorf("a comment of %d bytes", len(c.Body))
		}
	}
}

func TestT26EveryWebhookTwiceIsOneEffect(t *testing.T) {
	s := newStory(t)
	s.world.GitHub.Faults().DuplicateWebhooks(1000)
	n := s.planned("a")
	id := s.says(rui, n, "/plan")
	if got := len(s.runs(n)); got != 2 {
		t.Errorf("%d runs, want 2", got)
	}
	if got := s.reactions(n, id); len(got) != 1 {
		t.Errorf("reactions %v", got)
	}
	s.says(rui, n, "/help")
	if got := len(s.said(n)); got != 2 {
		t.Errorf("%d comments, want the plan and the help:\n%s", got, s.conversation(n))
	}
}

func TestT38GitHubTroubleLosesNothing(t *testing.T) {
	for i, tt := range []struct {
		name  string
		fault func(*github.Faults)
	}{
		{"502 on the comment", func(f *github.Faults) { f.FailNext(1, 502, "issues/") }},
		{"502 on reading the pull request", func(f *github.Faults) { f.FailNext(2, 502, "GET /repos/{owner}/{repo}/pulls") }},
		{"502 on the check run", func(f *github.Faults) { f.FailNext(2, 502, "check-runs") }},
		{"a secondary limit as 403", func(f *github.Faults) { f.LimitSecondaryNext(1, 403, 1e9, "POST") }},
		{"a secondary limit as 429", func(f *github.Faults) { f.LimitSecondaryNext(1, 429, 1e9, "PATCH") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if i%4 != 0 {
				long(t)
			}
			s := newStory(t)
			n := s.planned("a")
			tt.fault(s.world.GitHub.Faults())
			_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "more", aChange("more"))
			s.check(err)
			s.quiet()
			if got := len(s.plans(n)); got != 1 {
				t.Errorf("%d plan comments:\n%s", got, s.conversation(n))
			}
			s.wants(s.last(n), s.pull(n).HeadSHA[:7])
			if c := s.check1(n, "lockkeeper/plan"); c.Conclusion != "success" {
				t.Errorf("plan check %+v", c)
			}
		})
	}
}

func TestAPlanCostsEightCallsWhateverTheNumberOfProjects(t *testing.T) {
	s := newStory(t)
	n, err := s.world.OpenFirst()
	s.check(err)
	s.quiet()
	s.world.GitHub.ResetRequests()
	s.says(rui, n, "/plan *")
	total := 0
	for _, count := range s.world.GitHub.Requests() {
		total += count
	}
	if total > 8 {
		t.Errorf("%d calls: %v", total, s.world.GitHub.Requests())
	}
	if jobs := len(s.runs(n)[0].Jobs); jobs != 8 {
		t.Errorf("%d jobs, want all 8 projects", jobs)
	}
}

func TestSensitiveValuesAreNowhere(t *testing.T) {
	const canary = "canary-2f9d7c1b"
	s := terraformStory(t)
	n := s.open("secret", github.Files{"live/dev/network/secret.tf": `
variable "password" {
  type      = string
  default   = "` + canary + `"
  sensitive = true
}
resource "terraform_data" "secret" {
  input = { user = "app", password = var.password }
}
output "password" {
  value     = var.password
  sensitive = true
}
`})
	s.quiet()
	s.wants(s.last(n), "(sensitive value)")
	if strings.Contains(s.conversation(n), canary) {
		t.Error("the conversation holds a sensitive value")
	}
	for _, c := range s.pull(n).Checks {
		if strings.Contains(c.Summary+c.Text, canary) {
			t.Errorf("check %s holds a sensitive value", c.Name)
		}
	}
}
