package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// patience bounds one scene; a scene takes well under a second when all is well.
const patience = time.Minute

// scene is one thing that a person does and what must follow.
type scene struct {
	who  string
	does string
	act  func(p *github.Person) error
	// want lists texts that the page must show afterwards: in a comment of
	// Lockkeeper, a reaction ("eyes") or a check ("lockkeeper/plan success").
	want []string
}

// play goes through the demo's story and prints it. It returns an error that
// says what differs from what should have happened.
func play(ctx context.Context, world *sandbox.Sandbox, out io.Writer) error {
	fmt.Fprintf(out, "A sandbox of Lockkeeper: the repository %s, and a pull request on it.\n", sandbox.Repository)
	var number int
	comment := func(body string) func(*github.Person) error {
		return func(p *github.Person) error { _, err := p.Comment(sandbox.Repository, number, body); return err }
	}
	scenes := []scene{
		{demo.Author, "opens the pull request", func(*github.Person) (err error) { number, err = world.OpenFirst(); return err },
			[]string{"2 to add", "5 to change", "1 to replace", "1 to destroy", "lockkeeper/plan success", "lockkeeper/apply queued"}},
		{demo.Reviewer, "comments /plan *-prod", comment("/plan *-prod"), []string{"eyes", "| network-prod |", "lockkeeper/plan success"}},
		{demo.Outsider, "comments /plan", comment("/plan"), []string{"Only people with write access"}},
		{demo.Reviewer, "comments /plan nope", comment("/plan nope"), []string{"No project is called `nope`"}},
		{demo.Reviewer, "comments /help", comment("/help"), []string{"/status"}},
		{demo.Author, "pushes another commit", func(p *github.Person) error {
			_, err := p.Push(sandbox.Repository, demo.FirstChange().Branch, "Explain the change", github.Files{"NOTES.md": "More capacity for orders.\n"})
			return err
		}, []string{"2 to add", "lockkeeper/plan success"}},
		{demo.Author, "comments /apply", comment("/apply"), []string{"eyes", "0 of 1 approval"}},
		{demo.Reviewer, "approves", func(p *github.Person) error {
			_, err := p.Review(sandbox.Repository, number, "APPROVE", "")
			return err
		},
			[]string{"Ready to apply"}},
		{demo.Author, "comments /apply", comment("/apply"), []string{"eyes", "4 projects", "lockkeeper/apply success"}},
		{demo.Reviewer, "comments /status", comment("/status"), []string{"eyes", "Nothing is running"}},
		{demo.Reviewer, "merges the pull request", func(p *github.Person) error { _, err := p.MergePull(sandbox.Repository, number, "merge"); return err },
			[]string{"merged"}},
	}
	for _, s := range scenes {
		began := time.Now()
		before, _ := world.GitHub.Pull(sandbox.Repository, number) // none before the first scene
		fmt.Fprintf(out, "\n── %s %s\n", s.who, s.does)
		if err := s.act(world.GitHub.As(s.who)); err != nil {
			return fmt.Errorf("%s %s: %w", s.who, s.does, err)
		}
		if err := s.await(ctx, world, number, before); err != nil {
			return err
		}
		after, err := world.GitHub.Pull(sandbox.Repository, number)
		if err != nil {
			return err
		}
		show(out, before, after)
		fmt.Fprintf(out, "   ✓ as expected, after %d ms\n", time.Since(began).Milliseconds())
	}
	fmt.Fprintf(out, "\nEverything came out as it should. `lockkeeper sandbox` shows the same with a page to click on.\n")
	return nil
}

// await waits until what Lockkeeper answers is there: something new of its own,
// with every text that the scene wants, and nothing still running.
func (s scene) await(parent context.Context, world *sandbox.Sandbox, number int, before github.PullView) error {
	ctx, cancel := context.WithTimeout(parent, patience)
	defer cancel()
	var missing []string
	err := world.GitHub.Wait(ctx, func() bool {
		now, err := world.GitHub.Pull(sandbox.Repository, number)
		if err != nil {
			return false
		}
		missing = s.missing(before, now)
		return len(missing) == 0
	})
	if interrupted := parent.Err(); interrupted != nil {
		return fmt.Errorf("%s %s: ended before the answer came: %w", s.who, s.does, interrupted)
	}
	if err != nil {
		return fmt.Errorf("%s %s: still missing after %s: %s", s.who, s.does, patience, strings.Join(missing, "; "))
	}
	return nil
}

func (s scene) missing(before, now github.PullView) (out []string) {
	news := news(before, now)
	if news == "" {
		out = append(out, "a new or changed comment of Lockkeeper")
	}
	for _, c := range now.Checks {
		news += fmt.Sprintf("\n%s %s", c.Name, cmp.Or(c.Conclusion, c.Status))
		if c.Status != "completed" && c.Name != report.CheckApply { // that one waits for a person
			out = append(out, "the end of "+c.Name)
		}
	}
	for _, text := range s.want {
		if !strings.Contains(news, text) {
			out = append(out, fmt.Sprintf("%q", text))
		}
	}
	return out
}

// news is what Lockkeeper wrote or changed since before, how it reacted, and
// that the pull request is merged.
func news(before, now github.PullView) string {
	old := map[int64]github.CommentView{}
	for _, c := range before.Comments() {
		old[c.ID] = c
	}
	var b strings.Builder
	for _, c := range now.Comments() {
		if was := old[c.ID]; c.App && (was.Body != c.Body || !was.Updated.Equal(c.Updated)) {
			b.WriteString(c.Body + "\n")
		}
		for _, r := range c.Reactions[min(len(old[c.ID].Reactions), len(c.Reactions)):] {
			b.WriteString("reacts with " + r.Content + "\n")
		}
	}
	if now.Merged && !before.Merged {
		b.WriteString("The pull request is merged.\n")
	}
	return b.String()
}

// show prints what is new, as one would read it on the page: what is folded
// there is left out here.
func show(out io.Writer, before, after github.PullView) {
	folded := false
	for line := range strings.Lines(strings.TrimSpace(news(before, after)) + "\n") {
		if summary, opens := strings.CutPrefix(line, "<details><summary>"); opens {
			folded = true
			line = "▸ " + strings.NewReplacer("<b>", "", "</b>", "", "</summary>", "").Replace(summary)
		} else if folded || strings.HasPrefix(line, "<!--") {
			folded = folded && !strings.HasPrefix(line, "</details>")
			continue
		}
		fmt.Fprint(out, "   │ ", line)
	}
	for _, c := range after.Checks {
		was := slices.IndexFunc(before.Checks, func(b github.CheckView) bool {
			return b.ID == c.ID && b.Conclusion == c.Conclusion && b.Title == c.Title
		})
		if was < 0 {
			fmt.Fprintf(out, "   check %s: %s, %s\n", c.Name, cmp.Or(c.Conclusion, c.Status), c.Title)
		}
	}
}

// lastComment is the newest comment of Lockkeeper on a pull request.
func lastComment(world *sandbox.Sandbox, number int) (body string) {
	view, err := world.GitHub.Pull(sandbox.Repository, number)
	if err != nil {
		return ""
	}
	for _, c := range view.Comments() {
		if c.App {
			body = c.Body
		}
	}
	return body
}
