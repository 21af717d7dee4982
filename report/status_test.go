package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestStatusOfAppliesAndLocks(t *testing.T) {
	plan := newFixture("r5").planned("vpc-prod", "prod", changes(topic)).planned("network-prod", "prod", changes(database, queue)).
		planned("app-prod", "prod", changes(service))
	runs := plan.apply("r9", "vpc-prod", "network-prod running", "app-prod queued")
	stopping := plan.apply("r9", "vpc-prod", "network-prod running", "app-prod queued")
	stopping.run.CancelledBy = "alice"
	failed := plan.apply("r8", "vpc-prod failed", "network-prod skipped", "app-prod skipped")
	merged := plan.apply("r7", "vpc-prod", "network-prod")
	merged.run.Merged, merged.run.Unchanged = true, []string{"app-prod"}
	turn := newFixture("r2").planned("vpc-prod", "prod", noChange)
	turn.run.Trigger, turn.run.Line, turn.run.Actor = run.TriggerTurn, "", ""
	group := newFixture("r3").planned("vpc-prod", "prod", noChange)
	group.run.Trigger, group.run.Line = run.TriggerQueue, ""

	locks := locking{}.held(12, "vpc-prod", "network-prod", "app-prod").wants(4015, "network-prod", "app-prod").wants(4017, "app-prod")
	locks.each(func(l *run.Lock) {
		switch l.Project {
		case "network-prod":
			l.Busy = "r9"
		case "vpc-prod":
			l.Dirty = true
		case "app-prod":
			l.Dirty, l.Astray = true, true
		}
	})
	waits := locking{}.held(4012, "network-prod").wants(4011, "app-prod").wants(12, "app-prod", "network-prod")

	now := noon.Add(time.Hour + 65*time.Second)
	for name, text := range map[string]string{
		"applying": statusOf([]run.Run{runs.run, plan.run}, locks.Locks, now),
		"stopping": statusOf([]run.Run{stopping.run, plan.run}, locks.Locks, now),
		"applied":  statusOf([]run.Run{merged.run, failed.run, turn.run, group.run, plan.run}, run.Locks{}, now.Add(time.Hour)),
		"waiting":  statusOf([]run.Run{plan.run}, waits.Locks, now),
	} {
		golden(t, "status_"+name, text)
		judge(t, text)
	}
}

// A refusal of /apply lists what is missing for many projects, and says when it
// had to stop.
func TestRefusalOfAnApply(t *testing.T) {
	refused := func(message string) string {
		r := newFixture("rr").run
		r.Kind, r.State, r.Line = run.KindApply, run.StateRefused, "/apply"
		r.Problem = &run.Problem{Code: "not_allowed", Message: message}
		return Refusal(r)
	}
	golden(t, "refusal_apply", refused("3 things block this:\n\n"+
		"- 0 of 2 approvals of `3f2c1ab`: ask 2 people with write access who wrote none of its commits to approve it.\n"+
		"- `network-prod`: `main` has 3 commits that touch `modules/vpc`: update the branch.\n"+
		"- `app-prod`: Plan policy denies its plan (`@acme/admins said so`): change the code and push."))
	var long strings.Builder
	for i := range 900 {
		fmt.Fprintf(&long, "- `project-%03d`: It is not planned at this commit: comment `/plan`.\n", i)
	}
	text := refused(long.String())
	shown := strings.Count(text, "\n- ")
	if len(text) > commentBudget || !strings.Contains(text, fmt.Sprintf("\n%s more lines are left out", number(900-shown))) || shown < 200 {
		t.Errorf("%d bytes, %d lines shown:\n%s", len(text), shown, text[len(text)-300:])
	}
	judge(t, strings.TrimPrefix(text, "@alice"))
}

func TestACellAnnouncesNoList(t *testing.T) {
	for message, want := range map[string]string{
		"Not now. Wait.\nMore.":                           "Not now. Wait.",
		"2 things block this:\n\n- a":                     "2 things block this",
		"No project is called `x`. There are 8:\n- `a`":   "No project is called `x`.",
		"`database-prod`: 0 of 1 approval: ask somebody.": "`database-prod`: 0 of 1 approval: ask somebody.",
		"": "", ":": "",
	} {
		if got := inCell(message); got != want {
			t.Errorf("inCell(%q) = %q, want %q", message, got, want)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 102: "102nd", 111: "111th", 1_003: "1,003rd"} {
		if got := ordinal(n); got != want {
			t.Errorf("ordinal(%d) = %q, want %q", n, got, want)
		}
	}
}
