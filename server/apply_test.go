package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestAnApplyKeepsWhatWasTypedAndItsComment(t *testing.T) {
	const body = "/apply net-* confirm=net-prod override=policy -- -parallelism=3\r\nthanks"
	f := newFixture(t)
	f.deliver("g", "issue_comment", comment(t, body))
	f.settle()
	r := f.pullRuns()[0]
	digest := sha256.Sum256([]byte(body))
	want := run.Run{
		ID: r.ID, Key: "comment/7/99", Kind: run.KindApply, Trigger: run.TriggerComment, Actor: "rui", CommentID: 99,
		Comment:   hex.EncodeToString(digest[:]),
		Subject:   run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: 3},
		Selectors: []string{"net-*"}, Flags: []string{"-parallelism=3"}, Confirm: "net-prod", Override: true,
		Line:  "/apply net-* confirm=net-prod override=policy -- -parallelism=3",
		State: run.StateAccepted, CreatedAt: noon,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A webhook that comes hours late must not change anything (T29).
func TestT29ACommandThatChangesSomethingIsCarriedOutOnlyWhileItIsFresh(t *testing.T) {
	for _, tt := range []struct {
		line  string
		age   time.Duration
		fresh bool
	}{
		{"/apply", 0, true},
		{"/apply", 14*time.Minute + 59*time.Second, true},
		{"/apply", 15*time.Minute + time.Second, false},
		{"/apply", 24 * time.Hour, false},
		{"/apply", -time.Minute, true}, // GitHub's clock is ahead
		{"/unlock", 14*time.Minute + 59*time.Second, true},
		{"/unlock", 15*time.Minute + time.Second, false},
		{"/cancel", 14*time.Minute + 59*time.Second, true},
		{"/cancel", 15*time.Minute + time.Second, false},
		{"/plan", 24 * time.Hour, true},
		{"/why", 24 * time.Hour, true},
	} {
		t.Run(fmt.Sprintf("%s after %s", tt.line, tt.age), func(t *testing.T) {
			f := newFixture(t)
			f.locks.Locks = []run.Lock{locked("a", 3)}
			at := noon.Add(-tt.age).Format(time.RFC3339)
			f.deliver("g", "issue_comment", comment(t, tt.line, func(e m) { e["comment"].(m)["created_at"] = at }))
			f.settle()
			late := strings.Contains(strings.Join(f.said(), "\n"), "more than 15 minutes after it was written")
			did := len(f.pullRuns()) > 0 || len(f.runs.asked) > 0 || tt.line == "/why"
			if late == tt.fresh || did != tt.fresh {
				t.Errorf("carried out %t, want %t; said %q", did, tt.fresh, f.said())
			}
		})
	}
}

func TestT29ACommandWithoutATimeIsNotCarriedOut(t *testing.T) {
	f := newFixture(t)
	f.deliver("g", "issue_comment", comment(t, "/apply", func(e m) { delete(e["comment"].(m), "created_at") }))
	f.settle()
	if len(f.pullRuns()) > 0 {
		t.Error("carried out")
	}
}

func locked(project string, pull int, change ...func(*run.Lock)) run.Lock {
	l := run.Lock{Key: "dir:7:" + project, Fence: 1, Project: project, TakenAt: noon, UsedAt: noon,
		Holder: run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: pull}}
	for _, c := range change {
		c(&l)
	}
	return l
}

func TestWhatUnlockReleases(t *testing.T) {
	elsewhere := func(l *run.Lock) { l.Holder.Repository = run.Repository{ID: 8, Owner: "acme", Name: "other"} }
	free := func(l *run.Lock) { l.Holder = run.Subject{} }
	world := run.Locks{
		Locks: []run.Lock{locked("a-1", 3), locked("a-2", 3), locked("b", 12), locked("c", 12), locked("free", 1, free),
			locked("far", 5, elsewhere), locked("theirs", 6, elsewhere)},
		Waiters: []run.Waiter{{ID: 1, Holder: locked("", 3).Holder, Projects: []run.Claimed{{Project: "ours", Keys: []string{"x", "dir:7:theirs"}}}}},
	}
	for _, tt := range []struct {
		name, who, line string
		asked           string // what the worker was requested
		said            string
	}{
		{"all of its own", "rui", "/unlock", "unlock 7/3 a-1 a-2", "Released `a-1`, `a-2`, which this pull request held."},
		{"its own by a writer who may not take others'", "eve", "/unlock a-1", "unlock 7/3 a-1", "Released `a-1`"},
		{"its own by pattern", "rui", "/unlock a-*", "unlock 7/3 a-1 a-2", "Released"},
		{"another one's by name", "rui", "/unlock b reason=left", "unlock 7/12 b", "Reason: `left`."},
		{"its own and another one's", "rui", `/unlock a-1 b c reason="left the company"`, "unlock 7/3 a-1,unlock 7/12 b c", "Released `b`, `c`, which #12 held."},
		{"what it waits for in another repository", "rui", "/unlock ours reason=stale", "unlock 8/6 theirs", "Released `theirs`, which acme/other#6 held."},
		{"T33 another one's without a reason", "rui", "/unlock a-1 b", "", "`/unlock a-1 b reason=\"…\"`"},
		{"T33 another one's by somebody who may not", "eve", "/unlock b", "", "reply "},
		{"T33 a part that is not allowed refuses all", "eve", "/unlock a-1 b", "", "reply "},
		{"T33 a stranger", "sam", "/unlock", "", "reply "},
		{"T33 a pattern takes nothing from others", "rui", "/unlock ?", "", "Nobody holds a lock of `?`"},
		{"T33 another repository's by its name", "rui", "/unlock far", "", "Nobody holds a lock of `far`"},
		{"T17 a prefix is no name", "rui", "/unlock a", "", "Nobody holds a lock of `a`"},
		{"T17 one unknown name refuses all", "rui", "/unlock a-1 nope", "", "Nobody holds a lock of `nope`"},
		{"a free one", "rui", "/unlock free", "", "Nobody holds a lock of `free`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			*f.locks = world
			f.deliver("g", "issue_comment", comment(t, tt.line, func(e m) {
				e["comment"].(m)["user"], e["sender"] = user(tt.who), user(tt.who)
			}))
			f.settle()
			if got := strings.Join(f.runs.asked, ","); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			said := strings.Join(f.said(), "\n")
			if !strings.Contains(said, tt.said) {
				t.Errorf("said %q, want %q", said, tt.said)
			}
			if reaction := map[bool]string{true: "reaction +1", false: "reaction confused"}[tt.asked != ""]; !strings.Contains(said, reaction) {
				t.Errorf("said %q, want %s", said, reaction)
			}
		})
	}
}

// Where a project's name is typed, its directory does; what a pattern must not take
// from others by names it must not take by directories.
func TestUnlockTakesDirectories(t *testing.T) {
	in := func(key string) func(*run.Lock) { return func(l *run.Lock) { l.Key = "dir:7:" + key } }
	elsewhere := func(l *run.Lock) { l.Holder.Repository.ID, l.Key = 8, "dir:8:infra/far//default" }
	world := run.Locks{
		Locks: []run.Lock{locked("blue", 12, in("infra/net//blue")), locked("db", 12, in("infra/db//default")), locked("far", 5, elsewhere),
			locked("net", 3, in("infra/net//default")), locked("net2", 3, in("infra/net//two")), locked("top", 3, in("top//default"))},
		Waiters: []run.Waiter{{ID: 1, Holder: locked("", 3).Holder, Projects: []run.Claimed{{Project: "db", Keys: []string{"dir:7:infra/db//default"}}}}},
	}
	world.Locks = append(world.Locks, locked("odd1", 3, in("live/odd1//default")), locked("odd[1]", 3, in("live/odd[1]//default")), locked("s1", 3, in("live/s1//default")), locked("s[1]", 12, in("live/s[1]//default")))
	world.Left = []run.Left{{Holder: locked("", 3).Holder, Project: "gone", Merged: true, Keys: []string{"dir:7:old/gone//default"}}}
	for _, tt := range []struct{ name, line, asked, said string }{
		{"what it left behind there", "/unlock old/gone reason=fine", "unlock 7/3 gone", "Reason: `fine`."},
		{"a name before a pattern", "/unlock odd[1]", "unlock 7/3 odd[1]", "Released `odd[1]`, which"},
		{"a directory before a pattern", "/unlock live/odd[1]", "unlock 7/3 odd[1]", "Released `odd[1]`, which"},
		{"another one's name before a pattern of its own", "/unlock s[1] reason=left", "unlock 7/12 s[1]", "Released `s[1]`, which #12 held."},
		{"a pattern", "/unlock odd[12]", "unlock 7/3 odd1", "Released `odd1`, which"},
		{"all of its own that are in it", "/unlock infra/net", "unlock 7/3 net net2", "Released `net`, `net2`"},
		{"as a shell completes it", "/unlock ./infra/net/", "unlock 7/3 net net2", "Released"},
		{"a name first", "/unlock top", "unlock 7/3 top", "Released `top`"},
		{"another one's", "/unlock infra/db reason=left", "unlock 7/12 db", "Released `db`, which #12 held."},
		{"T33 a pattern takes its own", "/unlock infra/*", "unlock 7/3 net net2", "Released"},
		{"T33 a pattern takes nothing from others", "/unlock infra/d*", "", "Nobody holds a lock of `infra/d*`"},
		{"T33 another repository's", "/unlock infra/far", "", "Nobody holds a lock of `infra/far`"},
		{"T17 a directory above is none", "/unlock infra/", "", "Nobody holds a lock of `infra/`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			*f.locks = world
			f.deliver("g", "issue_comment", comment(t, tt.line))
			f.settle()
			if got := strings.Join(f.runs.asked, ","); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			if said := strings.Join(f.said(), "\n"); !strings.Contains(said, tt.said) {
				t.Errorf("said %q, want %q", said, tt.said)
			}
		})
	}
}

func TestT33UnlockSaysThatAnApplyKeepsItsLock(t *testing.T) {
	f := newFixture(t)
	f.locks.Locks, f.runs.busy = []run.Lock{locked("a", 3), locked("b", 3)}, []string{"b"}
	f.deliver("g", "issue_comment", comment(t, "/unlock"))
	f.settle()
	said := strings.Join(f.said(), "\n")
	for _, want := range []string{"Released `a`", "`b` stays locked, because an apply of this pull request is under way"} {
		if !strings.Contains(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}

func TestUnlockOfNothingSaysHowToReleaseAnothers(t *testing.T) {
	f := newFixture(t)
	f.locks.Locks = []run.Lock{locked("b", 12)}
	f.deliver("g", "issue_comment", comment(t, "/unlock"))
	f.settle()
	if said := strings.Join(f.said(), "\n"); len(f.runs.asked) > 0 || !strings.Contains(said, "holds no lock") {
		t.Errorf("asked for %v, said %q", f.runs.asked, said)
	}
}

func TestTheUnlockButtonReleasesThePullRequestsOwn(t *testing.T) {
	for who, want := range map[string]string{"rui": "unlock 7/3 a", "sam": ""} {
		f := newFixture(t)
		before := f.planned()
		f.locks.Locks = []run.Lock{locked("a", 3), locked("b", 12)}
		f.deliver("g", "check_run", checkEvent(t, "requested_action", before, appID, "unlock", func(e m) { e["sender"] = user(who) }))
		f.settle()
		if got := strings.Join(f.runs.asked, ","); got != want {
			t.Errorf("%s: asked for %q, want %q", who, got, want)
		}
		if said := f.said(); len(said) < 2 || !strings.HasPrefix(said[len(said)-1], "reply ") {
			t.Errorf("%s: said %q, want an answer", who, said)
		}
	}
}

func TestRequiredChecksRefreshTheGate(t *testing.T) {
	named := func(name string) func(m) { return func(e m) { e["check_run"].(m)["name"] = name } }
	for _, tt := range []struct {
		name string
		body []byte
		want string
	}{
		{"a required check", checkEvent(t, "completed", "", 1, ""), "judge 7/3"},
		{"another check", checkEvent(t, "completed", "", 1, "", named("lint")), ""},
		{"a required check that began", checkEvent(t, "created", "", 1, ""), ""},
		{"our own check", checkEvent(t, "completed", "", appID, ""), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(b *Base) { b.RequiredChecks = []string{"build"} })
			f.deliver("g", "check_run", tt.body)
			f.settle()
			if got := strings.Join(f.runs.asked, ","); got != tt.want {
				t.Errorf("asked for %q, want %q", got, tt.want)
			}
		})
	}
}

const groupSHA = "0123456789abcdef0123456789abcdef01234567"

func groupEvent(t testing.TB, action string, change ...func(m)) []byte {
	group := m{"head_sha": "aaa", "head_ref": "refs/heads/gh-readonly-queue/release/2/pr-3-" + groupSHA, "base_sha": groupSHA, "base_ref": "refs/heads/release/2"}
	for _, c := range change {
		c(group)
	}
	return payload(t, m{"action": action, "sender": m{"login": "github-merge-queue[bot]", "type": "Bot"}, "merge_group": group})
}

// groupBranch is what a merge queue makes for a group.
const groupBranch = "gh-readonly-queue/main/pr-3-" + groupSHA

func TestTheMergeQueueGetsAPlanOfTheGroup(t *testing.T) {
	f := newFixture(t, func(b *Base) { b.Autoplan = false })
	f.deliver("g", "merge_group", groupEvent(t, "checks_requested"))
	f.settle()
	r := f.pullRuns()[0]
	want := run.Run{
		ID: r.ID, Key: "queue/7/3/aaa", Kind: run.KindPlan, Trigger: run.TriggerQueue, Actor: "github-merge-queue[bot]",
		Subject: run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 5}, PullRequest: 3, Branch: "gh-readonly-queue/release/2/pr-3-" + groupSHA},
		HeadSHA: "aaa", BaseRef: "release/2", BaseSHA: groupSHA, State: run.StateAccepted, CreatedAt: noon,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	f.planned()
	f.deliver("i", "merge_group", groupEvent(t, "destroyed"))
	f.settle()
	if got := strings.Join(f.runs.asked, ","); got != "cancel run queue/7/3/aaa by github-merge-queue[bot]" {
		t.Errorf("asked for %q, want the end of the group's plan and of nothing else", got)
	}
}

func TestButtonsOfAMergeGroupsChecksDoNothing(t *testing.T) {
	f := newFixture(t)
	f.deliver("g", "merge_group", groupEvent(t, "checks_requested"))
	f.settle()
	for i, button := range []string{"plan", "apply", "unlock"} {
		f.deliver(fmt.Sprint(i), "check_run", checkEvent(t, "requested_action", f.pullRuns()[0].ID, appID, button))
		f.settle()
	}
	if runs, said := f.pullRuns(), f.said(); len(runs) != 1 || len(said) > 0 {
		t.Errorf("%d runs, said %q", len(runs), said)
	}
}

func TestOnlyBranchesOfAMergeGroupNameAPullRequest(t *testing.T) {
	for ref, want := range map[string]int{
		"refs/heads/gh-readonly-queue/main/pr-104-" + groupSHA:                  104,
		"gh-readonly-queue/a/b/pr-7-" + groupSHA:                                7,
		"refs/heads/main":                                                       0,
		"refs/heads/gh-readonly-queue/main/pr-0-" + groupSHA:                    0,
		"refs/heads/gh-readonly-queue/main/pr-7-abc":                            0,
		"refs/heads/gh-readonly-queue/main/pr-7-" + groupSHA + "/x":             0,
		"refs/heads/x/gh-readonly-queue/main/pr-7-" + groupSHA:                  0,
		"refs/heads/gh-readonly-queue/main/pr-99999999999999999999-" + groupSHA: 0,
	} {
		if got := pullOfGroup(ref); got != want {
			t.Errorf("%s: %d, want %d", ref, got, want)
		}
	}
}
