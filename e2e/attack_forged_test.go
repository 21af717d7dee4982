package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// commented is the event of a comment, as GitHub sent it.
func (s *story) commented(id int64) map[string]any {
	s.Helper()
	for _, d := range s.world.GitHub.Deliveries() {
		if d.Event == "issue_comment" && d.Action == "created" && bytes.Contains(d.Payload, []byte(fmt.Sprintf(`"id":%d,`, id))) {
			var e map[string]any
			s.check(json.Unmarshal(d.Payload, &e))
			return e
		}
	}
	s.Fatalf("GitHub sent no event of comment %d", id)
	return nil
}

// sentOf is the event of a pull request, as GitHub sent it.
func (s *story) sentOf(repository, event, action string, number int) map[string]any {
	s.Helper()
	for _, d := range s.world.GitHub.Deliveries() {
		var e map[string]any
		if d.Event != event || d.Action != action || json.Unmarshal(d.Payload, &e) != nil {
			continue
		}
		if e["repository"].(map[string]any)["full_name"] == repository && e["pull_request"].(map[string]any)["number"] == float64(number) {
			return e
		}
	}
	s.Fatalf("GitHub sent no %s %s of %s#%d", event, action, repository, number)
	return nil
}

// forges posts an event as somebody does who knows the webhook secret, and waits
// until everything that follows is done.
func (s *story) forges(event string, e map[string]any) {
	s.Helper()
	body, err := json.Marshal(e)
	s.check(err)
	if status := s.post(event, fmt.Sprintf("00000000-0000-0000-0001-%012d", time.Now().UnixNano()%1e12), body); status != http.StatusOK {
		s.Fatalf("answered %d: the signature is good, so it should be taken", status)
	}
	s.quiet()
}

// A comment of somebody who may apply, of long ago and on another pull request,
// is told again with another number and time. It is at GitHub, unedited, and the
// server has forgotten it.
func TestForgeAnOldCommentOfAnotherPullRequestAppliesNothing(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"approvals": 0, "apply": []string{rui}}))
	first := s.planned("a")
	apply := s.commented(s.says(rui, first, "/apply"))
	unlock := s.commented(s.says(rui, first, "/unlock"))
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, first))
	s.quiet()
	s.check(s.store.Sweep(t.Context(), time.Now().Add(time.Hour))) // as after 30 days
	second := s.planned("b")
	for _, e := range []map[string]any{apply, unlock} {
		e["issue"].(map[string]any)["number"] = second
		e["comment"].(map[string]any)["created_at"] = time.Now().UTC().Format(time.RFC3339)
		s.forges("issue_comment", e)
	}
	s.holds(second)
	if s.applied("b") || len(s.applies(second)) != 1 {
		t.Errorf("%d applies:\n%s", len(s.applies(second)), s.conversation(second))
	}
	s.wants(s.last(second), "edited or deleted")
}

// evil is a repository of somebody else on which the App is installed, as on
// all repositories of an owner.
const evil = "mallory/evil"

func (s *story) evil(files github.Files) {
	s.Helper()
	g := s.world.GitHub
	for _, who := range []string{"mallory", "mallet"} {
		s.check(g.AddUser(who, "User"))
	}
	s.check(g.AddRepository("mallory", "evil", "main"))
	s.check(g.SetPermission(evil, "mallory", "admin"))
	s.check(g.SetPermission(evil, "mallet", "write"))
	_, err := g.Commit(evil, "main", "mallory", "Begin", files)
	s.check(err)
	_, err = g.Install(evil)
	s.check(err)
}

// evilComment comments there, and returns the event with the id of the
// sandbox's repository, from an event about it.
func (s *story) evilComment(n int, body string, victim map[string]any) map[string]any {
	s.Helper()
	id, err := s.world.GitHub.As("mallory").Comment(evil, n, body)
	s.check(err)
	s.quiet()
	return withIDOf(s.commented(id), victim)
}

func withIDOf(e, victim map[string]any) map[string]any {
	e["repository"].(map[string]any)["id"] = victim["repository"].(map[string]any)["id"]
	return e
}

// The event names a repository where the forger may do everything, and has the
// id of another one: what is asked of GitHub by name would be answered for it.
func TestForgeTheRepositoryIDReleasesNothing(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	victim := s.sentOf(sandbox.Repository, "pull_request", "opened", n)
	s.evil(github.Files{"README.md": "x\n"})
	for k := 1; k <= n; k++ {
		branch := fmt.Sprintf("b%d", k)
		_, err := s.world.GitHub.As("mallory").Push(evil, branch, "x", github.Files{branch: "x\n"})
		s.check(err)
		_, err = s.world.GitHub.As("mallory").OpenPull(evil, branch, "main", "x", "", false)
		s.check(err)
	}
	s.quiet()
	for _, body := range []string{"/unlock", "/unlock network-dev reason=x", "/cancel"} {
		s.forges("issue_comment", s.evilComment(n, body, victim))
		s.holds(n)
	}
	s.check(s.world.GitHub.As("mallory").ClosePull(evil, n))
	s.quiet()
	s.forges("pull_request", withIDOf(s.sentOf(evil, "pull_request", "closed", n), victim))
	s.holds(n)
	for _, r := range s.runs(n) {
		if r.CancelledBy != "" || r.Closed {
			t.Errorf("ended: %+v", r)
		}
	}
}

// The same with an apply: who approves and who asks are people of the forger's own
// repository, which has the same commits.
func TestForgeTheRepositoryIDAppliesNothing(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	victim := s.sentOf(sandbox.Repository, "pull_request", "opened", n)
	s.evil(github.Files{"README.md": "x\n"})
	g := s.world.GitHub
	git := map[string]string{}
	s.check(filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		for _, name := range []string{sandbox.Repository, evil} {
			if err == nil && d.IsDir() && strings.HasSuffix(path, name+".git") {
				git[name] = path
			}
		}
		return nil
	}))
	out, err := exec.CommandContext(t.Context(), "git", "-C", git[evil], "fetch", git[sandbox.Repository], "refs/heads/*:refs/tmp/*").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for from, to := range map[string]string{demo.DefaultBranch: "main", "a": "a"} {
		tip, err := g.Tip(sandbox.Repository, from)
		s.check(err)
		s.check(g.As("mallory").MoveBranch(evil, to, tip))
	}
	for m := 0; m < n; {
		m, err = g.As("mallory").OpenPull(evil, "a", "main", "x", "", false)
		s.check(err)
		if m < n {
			s.check(g.As("mallory").ClosePull(evil, m))
		}
	}
	s.quiet()
	_, err = g.As("mallet").Review(evil, n, "APPROVE", "")
	s.check(err)
	s.quiet()
	for _, body := range []string{"/apply", "/plan"} {
		s.forges("issue_comment", s.evilComment(n, body, victim))
	}
	runs, err := s.store.PullRuns(t.Context(), int64(victim["repository"].(map[string]any)["id"].(float64)), n, 100)
	s.check(err)
	refused := 0
	for _, r := range runs {
		switch {
		case r.Repository.FullName() == sandbox.Repository:
		case r.State == run.StateRefused && r.Problem != nil && r.Problem.Code == "other_repository":
			refused++
		default:
			t.Errorf("%s by %s for %s is %s: %+v", r.Kind, r.Actor, r.Repository.FullName(), r.State, r.Problem)
		}
	}
	if refused != 2 {
		t.Errorf("%d runs are refused, want both:\n%s", refused, s.conversation(n))
	}
}
