package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// T15: a machine with a person's account that answers each answer.
func TestT15AnEndlessConversationEnds(t *testing.T) {
	now := noon.Add(-floodWindow - time.Second)
	f := newFixture(t, func(b *Base) { b.Now = func() time.Time { return now } })
	next := 0
	say := func(line string) {
		next++
		f.deliver(fmt.Sprint(next), "issue_comment", comment(t, line, func(e m) { e["comment"].(m)["id"] = 1000 + next }))
		f.settle()
	}
	for range mostCommands + 20 {
		say("/paln")
	}
	answers := slices.DeleteFunc(f.said(), func(said string) bool { return !strings.HasPrefix(said, string(run.NoticeReply)) })
	if last := answers[len(answers)-1]; len(answers) != mostCommands+1 || !strings.HasSuffix(last, tooManyCommands) {
		t.Errorf("%d answers, want %d; the last is %s", len(answers), mostCommands+1, last)
	}
	say("/plan")
	if len(f.pullRuns()) != 0 {
		t.Error("a command after too many is carried out")
	}
	now = noon
	say("/plan")
	if len(f.pullRuns()) != 1 {
		t.Error("no command is carried out when it was quiet")
	}
}

func TestPlacesOfCommands(t *testing.T) {
	var r rateLimiter
	for i, tt := range []struct {
		who     string
		comment string
		after   time.Duration
		want    int
	}{
		{"a", "1", 0, 1},
		{"a", "2", time.Minute, 2},
		{"a", "1", time.Minute, 1}, // again
		{"b", "3", time.Minute, 1},
		{"a", "4", floodWindow, 3},
		{"a", "5", floodWindow + 30*time.Second, 3}, // the first is too old
		{"a", "6", 3 * floodWindow, 1},
	} {
		if got := r.count(tt.who, tt.comment, noon.Add(tt.after)); got != tt.want {
			t.Errorf("%d: comment %s of %s is number %d, want %d", i, tt.comment, tt.who, got, tt.want)
		}
	}
	if len(r.comments) != 1 {
		t.Errorf("remembers %v", r.comments)
	}
}
