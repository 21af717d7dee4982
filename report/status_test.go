package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestStatusOfAppliesAndLocks(t *testing.T) {
	plan := viewtest.New("r5").Planned("vpc-prod", "prod", viewtest.Changes(viewtest.Topic)).Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue)).
		Planned("app-prod", "prod", viewtest.Changes(viewtest.Service))
	runs := plan.Apply("r9", "vpc-prod", "network-prod running", "app-prod queued")
	stopping := plan.Apply("r9", "vpc-prod", "network-prod running", "app-prod queued")
	stopping.Run.CancelledBy = "alice"
	failed := plan.Apply("r8", "vpc-prod failed", "network-prod skipped", "app-prod skipped")
	merged := plan.Apply("r7", "vpc-prod", "network-prod")
	merged.Run.Merged, merged.Run.Unchanged = true, []string{"app-prod"}
	turn := viewtest.New("r2").Planned("vpc-prod", "prod", viewtest.NoChange)
	turn.Run.Trigger, turn.Run.Line, turn.Run.Actor = run.TriggerTurn, "", ""
	group := viewtest.New("r3").Planned("vpc-prod", "prod", viewtest.NoChange)
	group.Run.Trigger, group.Run.Line, group.Run.Branch = run.TriggerQueue, "", viewtest.GroupBranch

	locks := viewtest.Locking{}.Held(12, "vpc-prod", "network-prod", "app-prod").Wants(4015, "network-prod", "app-prod").Wants(4017, "app-prod")
	locks.Each(func(l *run.Lock) {
		switch l.Project {
		case "network-prod":
			l.Busy = "r9"
		case "vpc-prod":
			l.Dirty = true
		case "app-prod":
			l.Dirty, l.Astray = true, true
		}
	})
	waits := viewtest.Locking{}.Held(4012, "network-prod").Wants(4011, "app-prod").Wants(12, "app-prod", "network-prod")

	now := viewtest.Noon.Add(time.Hour + 65*time.Second)
	for name, text := range map[string]string{
		"applying": statusOf([]run.Run{runs.Run, plan.Run}, locks.Locks, now),
		"machine":  statusOf([]run.Run{withoutMachine(running()).Run}, run.Locks{}, viewtest.Noon.Add(8*time.Minute)),
		"stopping": statusOf([]run.Run{stopping.Run, plan.Run}, locks.Locks, now),
		"applied":  statusOf([]run.Run{merged.Run, failed.Run, turn.Run, group.Run, plan.Run}, run.Locks{}, now.Add(time.Hour)),
		"waiting":  statusOf([]run.Run{plan.Run}, waits.Locks, now),
	} {
		golden(t, "status_"+name, text)
		judge(t, text)
	}
}

// A refusal of /apply lists what is missing for many projects, and says when it
// had to stop.
func TestRefusalOfAnApply(t *testing.T) {
	refused := func(message string) string {
		r := viewtest.New("rr").Run
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

// statusOf is what /status says on the pull request that runs are of.
func statusOf(runs []run.Run, locks run.Locks, at time.Time) string {
	var h run.Subject
	if len(runs) > 0 {
		h = runs[0].Pull()
	}
	return Status(h, runs, locks, at)
}
