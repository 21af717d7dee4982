package github

import (
	"fmt"
	"sync"
	"testing"

	gh "github.com/google/go-github/v60/github"
)

// TestManyAtOnce lets people and the App do everything at the same time: nothing may be lost, and nothing may wait for ever.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	const people, rounds = 4, 3
	numbers := make(chan int, people)
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			branch := fmt.Sprint("b", i)
			author := w.As(fmt.Sprint("user", i))
			if err := w.SetPermission(testRepo, author.login, "write"); err != nil {
				t.Error(err)
			}
			if _, err := author.Push(testRepo, branch, "m", Files{branch: "0"}); err != nil {
				t.Error(err)
				return
			}
			n, err := author.OpenPull(testRepo, branch, "main", "t", "", false)
			if err != nil {
				t.Error(err)
				return
			}
			numbers <- n
			bot := w.bot()
			for round := range rounds {
				head, err := author.Push(testRepo, branch, "m", Files{branch: fmt.Sprint(round + 1)})
				if err != nil {
					t.Error(err)
				}
				if _, err := author.Comment(testRepo, n, "/plan"); err != nil {
					t.Error(err)
				}
				if p, _, err := bot.PullRequests.Get(ctx, "acme", "infra", n); err != nil || p.Head.GetSHA() != head {
					t.Errorf("the head is %s, want %s: %v", p.GetHead().GetSHA(), head, err)
				}
				if _, _, err := bot.Checks.CreateCheckRun(ctx, "acme", "infra", gh.CreateCheckRunOptions{Name: "plan", HeadSHA: head}); err != nil {
					t.Error(err)
				}
				if _, err := w.Pull(testRepo, n); err != nil {
					t.Error(err)
				}
			}
			if _, err := author.MergePull(testRepo, n, "merge"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(numbers)
	seen := map[int]bool{}
	for n := range numbers {
		seen[n] = true
	}
	if len(seen) != people {
		t.Errorf("numbers %v", seen)
	}
	for i := range people {
		if _, err := w.ReadFile(testRepo, "main", fmt.Sprint("b", i)); err != nil {
			t.Errorf("b%d is not on main: %v", i, err)
		}
	}
	w.settle()
}
