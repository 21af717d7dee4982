package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// onSmallDisk gives the server, when it is launched, a disk of its own for its
// data, which nobody else sees. As long as the file full is in the stage's
// directory, something else fills that disk once.
func (s *stage) onSmallDisk(size string) {
	s.attributes = ownMounts()
	s.wrapper = []string{"sh", "-c", `mount -t tmpfs -o mode=0711,size=` + size + ` none "$0/server" || exit 1
while kill -0 $$ 2> /dev/null; do
	if [ ! -e "$0/full" ]; then
		rm -f "$0/server/other"
	elif [ ! -e "$0/server/other" ]; then
		cat /dev/zero > "$0/server/other" 2> /dev/null
	fi
	sleep 0.05
done &
exec "$@"`, s.dir}
}

// terraformThatFills is a terraform whose plan writes until there is no room
// left, and again, whatever it is told, in projects with the file fill.txt.
func (s *stage) terraformThatFills() string {
	s.Helper()
	real, err := exec.LookPath("terraform")
	s.check(err)
	shim := filepath.Join(s.dir, "terraform")
	s.check(os.WriteFile(shim, []byte(fmt.Sprintf(`#!/bin/sh
if [ "$1" = plan ] && [ -e fill.txt ]; then
	trap '' INT TERM
	n=0
	while :; do
		n=$((n + 1))
		cat /dev/zero > "$HOME/fill$n" 2> /dev/null
	done
fi
exec '%s' "$@"
`, real)), 0o755))
	return shim
}

// Finding 6b: a plan that fills the disk stopped the server for good. Now every
// webhook is taken meanwhile, the plan ends with a sentence, and what others want
// goes on without a person.
func TestAPlanThatFillsTheDiskEndsAndNothingElseDoes(t *testing.T) {
	s := newStage(t, func(c map[string]any) {
		c["terraform"] = map[string]any{"binaries": []string{filepath.Join(filepath.Dir(c["data_dir"].(string)), "terraform")}}
	})
	s.terraformThatFills()
	s.onSmallDisk("192m")
	s.launch()
	defer s.kill()

	author := s.world.GitHub.As(demo.Author)
	first := len(s.world.GitHub.Deliveries())
	full := s.propose("fill", github.Files{"live/dev/network/fill.txt": "all of it\n"})
	s.poll("the plan to end with a sentence", func() bool {
		before := len(s.world.GitHub.Deliveries())
		_, err := author.Comment(sandbox.Repository, full, "What a day.")
		s.check(err)
		s.until("a webhook to be answered", func() bool {
			all := s.world.GitHub.Deliveries()
			return len(all) > before && all[len(all)-1].Done
		})
		return s.hasSaid(full, "The disk of the server was nearly full")
	})
	for _, d := range s.world.GitHub.Deliveries()[first:] {
		if d.Done && d.StatusCode/100 != 2 {
			t.Errorf("a webhook (%s %s) was answered with %d %s after %s while the disk was full: %s", d.Event, d.Action, d.StatusCode, d.Status, d.Duration, d.ResponseBody)
		}
	}

	other := s.propose("small", github.Files{"live/dev/network/notes.tf": "# a comment\n"})
	s.until("a plan of somebody else", func() bool { return len(s.plans(other)) == 1 && strings.Contains(s.plans(other)[0].Body, "No changes") })
	if s.dead() {
		t.Error("the server is gone")
	}
}

// What else may fill the disk: jobs wait and say why, webhooks are kept, and
// everything goes on when there is room.
func TestJobsWaitForRoomOnTheDisk(t *testing.T) {
	s := newStage(t)
	s.onSmallDisk("192m")
	s.launch()
	defer s.kill()
	full := filepath.Join(s.dir, "full")
	s.check(os.WriteFile(full, nil, 0o600))
	s.poll("the server to notice", func() bool { return strings.Contains(s.log(), "the disk is short of room") })

	number := s.propose("small", github.Files{"live/dev/network/notes.tf": "# a comment\n"})
	checks := func() (text string) {
		for _, c := range s.pull(number).Checks {
			text += c.Summary
		}
		return text
	}
	s.until("the check to say why it waits", func() bool { return strings.Contains(checks(), app.WaitsForRoom) })
	_, err := s.world.GitHub.As(demo.Author).Comment(sandbox.Repository, number, "/status")
	s.check(err)
	s.until("the status to say why", func() bool { return s.hasSaid(number, app.WaitsForRoom) })

	s.check(os.Remove(full))
	s.until("the plan", func() bool { return s.hasSaid(number, "No changes") && !strings.Contains(checks(), app.WaitsForRoom) })
}

// propose opens a pull request of the author.
func (s *stage) propose(branch string, files github.Files) (number int) {
	s.Helper()
	author := s.world.GitHub.As(demo.Author)
	_, err := author.Push(sandbox.Repository, branch, branch, files)
	s.check(err)
	number, err = author.OpenPull(sandbox.Repository, branch, demo.DefaultBranch, branch, "", false)
	s.check(err)
	return number
}

// hasSaid reports whether a comment of Lockkeeper on a pull request has a text.
func (s *stage) hasSaid(number int, text string) bool {
	return slices.ContainsFunc(s.said(number), func(c github.CommentView) bool { return strings.Contains(c.Body, text) })
}
