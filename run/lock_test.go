package run

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pull is a pull request of one repository.
func pull(number int) Subject {
	return Subject{Repository: Repository{ID: 7, Owner: "acme", Name: "infra"}, PullRequest: number}
}

// project is the document of a project written as "dir" or "dir@state".
func projectDocument(text string, fence int64) JobDocument {
	name, state, _ := strings.Cut(text, "@")
	return JobDocument{RepositoryID: 7, Fence: fence, Project: JobProject{Name: name, Dir: name, Workspace: "default", State: state}}
}

func claimed(projects string) []Claimed {
	var docs []JobDocument
	for _, p := range strings.Fields(projects) {
		docs = append(docs, projectDocument(p, 0))
	}
	return Claims(docs)
}

// lockStory tells operations on locks in words and keeps what was answered.
type lockStory struct {
	Locks
	now    time.Time
	fences map[string]int64 // by pull request and project, as last granted
}

func newStory() *lockStory { return &lockStory{now: noon, fences: map[string]int64{}} }

func (s *lockStory) claim(number int, projects string, whole bool) string {
	fences, blocked := s.Claim(pull(number), claimed(projects), whole, s.now)
	if len(blocked) == 0 {
		for project, fence := range fences {
			s.fences[fmt.Sprint(number, project)] = fence
		}
		return "granted"
	}
	var out []string
	for _, b := range blocked {
		out = append(out, fmt.Sprintf("%s held by %d, place %d", b.Project, b.Holder.PullRequest, b.Place))
	}
	return strings.Join(out, "; ")
}

func (s *lockStory) begin(number int, runID, projects string) string {
	var docs []JobDocument
	for _, p := range strings.Fields(projects) {
		doc := projectDocument(p, 0)
		doc.Fence = s.fences[fmt.Sprint(number, doc.Project.Name)]
		docs = append(docs, doc)
	}
	switch err := s.Begin(pull(number), runID, docs, s.now); {
	case err == nil:
		return "begun"
	case errors.Is(err, ErrFence):
		return "fence"
	case errors.Is(err, ErrSameState):
		return "same state"
	default:
		return err.Error()
	}
}

// do carries out one line, such as "3 plans a b", and returns the answer.
func (s *lockStory) do(line string) string {
	s.now = s.now.Add(time.Minute)
	var number int
	var verb string
	if _, err := fmt.Sscan(line, &number, &verb); err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(line, verb)
	words := strings.Fields(rest)
	switch verb {
	case "plans": // everything that it is about
		return s.claim(number, rest, true)
	case "adds": // the named projects
		return s.claim(number, rest, false)
	case "begins":
		return s.begin(number, words[0], strings.Join(words[1:], " "))
	case "applied":
		s.End(words[0], words[1:], nil, nil, s.now)
	case "failed":
		s.End(words[0], nil, words[1:], nil, s.now)
	case "strays":
		s.End(words[0], nil, words[1:], words[1:], s.now)
	case "idles": // its plan of the projects leaves nothing to apply
		keys := keysOf(claimed(rest))
		s.planning(pull(number), "p", keys)
		s.makeIdle("p", keys)
	case "unlocks":
		released, busy := s.Release(pull(number), words)
		return fmt.Sprintf("freed %v, busy %v", released, busy)
	case "merges":
		s.Close(pull(number), true, s.now)
	case "closes":
		s.Close(pull(number), false, s.now)
	case "reopens":
		return fmt.Sprint(s.Reopen(pull(number), s.now))
	case "turns":
		var out []string
		for _, w := range s.Turns(s.now) {
			out = append(out, fmt.Sprintf("%d: %s", w.Holder.PullRequest, strings.Join(names(w.Projects), " ")))
		}
		return strings.Join(out, "; ")
	default:
		panic(line)
	}
	return ""
}

// held is who holds what, such as "a=3#1 b=4#2busy".
func (s *lockStory) held() string {
	var out []string
	for _, l := range s.Locks.Locks {
		if l.Free() {
			continue
		}
		text := fmt.Sprintf("%s=%d#%d", strings.NewReplacer("dir:7:", "", "//default", "").Replace(l.Key), l.Holder.PullRequest, l.Fence)
		for mark, set := range map[string]bool{"busy": l.Busy != "", "idle": l.Idle, "closing": l.Closing, "dirty": l.Dirty, "astray": l.Astray, "applied": l.Applied} {
			if set {
				text += "," + mark
			}
		}
		parts := strings.Split(text, ",")
		slices.Sort(parts[1:])
		out = append(out, strings.Join(parts, ","))
	}
	return strings.Join(out, " ")
}

// told is a story: each line is carried out and compared with the answer after
// "->"; a line that begins with "=" compares who holds what.
func told(t *testing.T, story string) {
	t.Helper()
	s := newStory()
	for i, line := range strings.Split(strings.TrimSpace(story), "\n") {
		line = strings.TrimSpace(line)
		if want, isState := strings.CutPrefix(line, "="); isState {
			if got := s.held(); got != strings.TrimSpace(want) {
				t.Errorf("line %d: held %q, want %q", i+1, got, strings.TrimSpace(want))
			}
			continue
		}
		line, want, _ := strings.Cut(line, "->")
		if got := s.do(strings.TrimSpace(line)); got != strings.TrimSpace(want) {
			t.Errorf("line %d: %s -> %s, want %s", i+1, strings.TrimSpace(line), got, strings.TrimSpace(want))
		}
	}
}

func TestLockStories(t *testing.T) {
	for name, story := range map[string]string{
		"all or none": `
			1 plans a b -> granted
			= a=1#1 b=1#1
			2 plans b c -> b held by 1, place 1
			= a=1#1 b=1#1
			3 plans c -> c held by 0, place 2
			1 plans a -> granted
			= a=1#1
			0 turns -> 2: b c
			= a=1#1 b=2#2 c=2#1`,
		"what leaves nothing to apply is given on, and keeps the place": `
			1 plans a -> granted
			1 idles a
			= a=1#1,idle
			2 plans a -> granted
			= a=2#2
			3 plans a -> a held by 2, place 1
			1 begins r1 a -> fence
			1 plans a -> a held by 2, place 1
			3 plans a -> a held by 2, place 2
			2 merges
			0 turns -> 1: a
			= a=1#3`,
		"who waits is served when the plan before leaves nothing to apply": `
			1 plans a b -> granted
			2 plans a -> a held by 1, place 1
			1 idles a
			0 turns -> 2: a
			= a=2#2 b=1#1
			1 begins r1 b -> begun
			2 idles a
			0 turns ->
			= a=2#2,idle b=1#1,busy
			2 closes
			0 turns -> 1: a
			= a=1#3 b=1#1,busy`,
		"those with nothing to apply do not go round": `
			1 plans a -> granted
			1 idles a
			2 plans a -> granted
			2 idles a
			0 turns ->
			3 plans a b -> granted
			= a=3#3 b=3#1
			3 merges
			0 turns -> 1: a
			1 idles a
			0 turns ->
			= a=1#4,idle`,
		"what is planned again is not given on": `
			1 plans a -> granted
			1 idles a
			1 plans a -> granted
			= a=1#1
			2 plans a -> a held by 1, place 1`,
		"what was applied is never idle": `
			1 plans a -> granted
			1 begins r1 a -> begun
			1 applied r1 a
			1 idles a
			2 plans a -> a held by 1, place 1
			= a=1#1,applied,idle`,
		"who released what was applied holds it as applied again": `
			1 plans a -> granted
			1 begins r1 a -> begun
			1 applied r1 a
			1 unlocks a -> freed [a], busy []
			1 plans a -> granted
			= a=1#2,applied
			1 merges
			2 plans a -> granted
			= a=2#3`,
		"a state that two share is given on with both": `
			1 plans a@s b@s -> granted
			1 idles a@s b@s
			2 plans b@s -> granted
			= b=2#2 state:s=2#2
			2 merges
			0 turns -> 1: a b
			= a=1#2 b=1#3 state:s=1#3`,
		"again is the same lock": `
			1 plans a -> granted
			1 plans a -> granted
			1 adds a -> granted
			= a=1#1`,
		"each grant has the next fence": `
			1 plans a -> granted
			1 unlocks -> freed [a], busy []
			2 plans a -> granted
			2 closes
			3 plans a -> granted
			= a=3#3`,
		"one who waits keeps the place for less and loses it for more": `
			1 plans a b c -> granted
			2 plans a b -> a held by 1, place 1; b held by 1, place 1
			3 plans a -> a held by 1, place 2
			2 plans b -> b held by 1, place 1
			4 plans b -> b held by 1, place 2
			2 plans a b -> a held by 1, place 2; b held by 1, place 2
			2 plans a b -> a held by 1, place 2; b held by 1, place 2`,
		"one who waits for less is still before the others": `
			1 plans a b -> granted
			2 plans a b -> a held by 1, place 1; b held by 1, place 1
			3 plans a b -> a held by 1, place 2; b held by 1, place 2
			2 plans b -> b held by 1, place 1`,
		"naming projects adds to what is waited for": `
			1 plans a b -> granted
			2 adds a -> a held by 1, place 1
			2 adds b -> b held by 1, place 1
			1 unlocks a -> freed [a], busy []
			0 turns ->
			1 closes
			0 turns -> 2: a b
			= a=2#2 b=2#2`,
		"a part may come before the rest": `
			1 plans a b -> granted
			2 plans a b -> a held by 1, place 1; b held by 1, place 1
			1 unlocks a -> freed [a], busy []
			2 adds a -> granted
			1 unlocks -> freed [b], busy []
			0 turns -> 2: b
			= a=2#2 b=2#2`,
		"who waits holds nothing, so that nobody waits in a circle": `
			1 plans a -> granted
			2 plans b -> granted
			1 plans a b -> b held by 2, place 1
			= b=2#1
			2 plans a b -> granted
			1 plans a b -> a held by 2, place 1; b held by 2, place 1
			2 merges
			0 turns -> 1: a b
			= a=1#3 b=1#2`,
		"three who want what the next one has": `
			1 plans a -> granted
			2 plans b -> granted
			3 plans c -> granted
			1 plans a b -> b held by 2, place 1
			2 plans b c -> b held by 0, place 2; c held by 3, place 1
			3 plans c a -> c held by 0, place 2; a held by 0, place 2
			0 turns -> 1: a b
			1 merges
			0 turns -> 2: b c
			2 merges
			0 turns -> 3: c a`,
		"what was applied is kept while waiting, and passes elders who want it": `
			1 plans a -> granted
			1 begins r1 a -> begun
			1 applied r1 a
			2 plans b -> granted
			3 plans a b -> a held by 1, place 1; b held by 2, place 1
			1 plans a b -> b held by 2, place 1
			= a=1#1,applied b=2#1
			2 merges
			0 turns -> 1: a b
			= a=1#1,applied b=1#2
			1 merges
			0 turns -> 3: a b`,
		"an elder does not stand before one for whom it waits": `
			1 plans a -> granted
			2 plans a b -> a held by 1, place 1
			1 plans a b -> granted
			= a=1#1 b=1#1`,
		"an elder with other troubles does": `
			1 plans a -> granted
			2 plans a b -> a held by 1, place 1
			3 plans b -> b held by 0, place 2
			4 plans b c -> b held by 0, place 3
			1 closes
			0 turns -> 2: a b`,
		"T33: what is busy is freed by its end and by nothing else": `
			1 plans a b -> granted
			1 begins r1 a -> begun
			1 unlocks -> freed [b], busy [a]
			1 unlocks a -> freed [], busy [a]
			1 plans -> granted
			2 unlocks a -> freed [], busy []
			2 plans a -> a held by 1, place 1
			= a=1#1,busy
			0 applied r2 a
			= a=1#1,busy
			1 merges
			0 turns ->
			= a=1#1,busy,closing
			0 applied r1 a
			=
			0 turns -> 2: a`,
		"T33: nobody frees what is another's": `
			1 plans a -> granted
			2 unlocks -> freed [], busy []
			2 unlocks a -> freed [], busy []
			2 merges
			2 closes
			2 reopens -> true
			= a=1#1`,
		"an unlock is for the named projects": `
			1 plans a b c -> granted
			1 unlocks a c x -> freed [a c], busy []
			= b=1#1`,
		"an unlock ends waiting": `
			1 plans a b -> granted
			2 plans a b -> a held by 1, place 1; b held by 1, place 1
			2 unlocks a -> freed [], busy []
			1 closes
			0 turns -> 2: b
			2 unlocks -> freed [b], busy []
			0 turns ->`,
		"T32: one state, one holder": `
			1 plans a@s -> granted
			2 plans b@s -> b held by 1, place 1
			= a=1#1 state:s=1#1
			1 closes
			0 turns -> 2: b
			= b=2#1 state:s=2#2`,
		"T32: one run does not change one state twice": `
			1 plans a@s b@s -> granted
			1 begins r1 a@s b@s -> same state
			1 begins r1 a@s -> begun
			1 begins r2 b@s -> fence
			1 applied r1 a
			1 begins r2 b@s -> begun`,
		"T32: a state that was away makes the plan old": `
			1 plans a@s b@s -> granted
			1 unlocks b -> freed [b], busy []
			1 plans b -> granted
			= b=1#2
			1 begins r1 a@s -> fence`,
		"T32: a state that was away and came back makes the plan old": `
			1 adds b@s -> granted
			1 adds a@s -> granted
			1 unlocks a -> freed [a], busy []
			2 adds c@s -> granted
			2 closes
			1 adds a@s -> granted
			1 begins r1 b@s -> fence
			1 begins r1 a@s -> begun`,
		"begin takes all or none": `
			1 plans a b -> granted
			1 unlocks b -> freed [b], busy []
			1 begins r1 a b -> fence
			= a=1#1
			1 adds b -> granted
			1 begins r1 a b -> begun
			= a=1#1,busy b=1#2,busy
			1 begins r2 a -> fence`,
		"begin by somebody else": `
			1 plans a -> granted
			2 begins r1 a -> fence
			2 begins r1 x -> fence`,
		"a lock that was away makes the plan old": `
			1 plans a -> granted
			1 unlocks -> freed [a], busy []
			1 begins r1 a -> fence`,
		"what failed stays locked after the merge": `
			1 plans a b -> granted
			1 begins r1 a b -> begun
			0 failed r1 a
			= a=1#1,dirty b=1#1
			1 merges
			= a=1#1,closing,dirty
			1 closes
			= a=1#1,closing,dirty
			1 unlocks -> freed [a], busy []`,
		"a state that went astray stays locked until a person says otherwise": `
			1 plans a@s b -> granted
			1 begins r1 a@s b -> begun
			0 strays r1 a
			= a=1#1,astray,dirty b=1#1 state:s=1#1,astray,dirty
			1 plans -> granted
			= a=1#1,astray,dirty state:s=1#1,astray,dirty
			1 plans a@s -> granted
			1 begins r2 a@s -> begun
			0 applied r2 a
			1 merges
			= a=1#1,applied,astray,closing,dirty state:s=1#1,applied,astray,closing,dirty
			1 unlocks -> freed [a], busy []
			1 reopens -> true
			1 plans a@s -> granted
			= a=1#2 state:s=1#2`,
		"what failed and was merged is not applied again": `
			1 plans a -> granted
			1 begins r1 a -> begun
			0 failed r1 a
			1 merges
			1 begins r2 a -> fence`,
		"a plan during an own apply waits for its end": `
			1 plans a@s b@s -> granted
			1 begins r1 b@s -> begun
			1 plans a@s b@s -> a held by 1, place 1; b held by 1, place 1
			0 failed r1 b
			= b=1#1,dirty state:s=1#1,dirty`,
		"closing gives up what failed": `
			1 plans a -> granted
			1 begins r1 a -> begun
			0 failed r1 a
			1 closes
			=`,
		"what fails after the close waits for a person": `
			1 plans a -> granted
			1 begins r1 a -> begun
			1 closes
			0 failed r1 a
			1 closes
			= a=1#1,closing,dirty
			1 unlocks -> freed [a], busy []`,
		"success after failure": `
			1 plans a -> granted
			1 begins r1 a -> begun
			0 failed r1 a
			1 begins r2 a -> begun
			0 applied r2 a
			= a=1#1,applied
			1 merges
			=`,
		"a push does not give up what was applied or failed": `
			1 plans a b c -> granted
			1 begins r1 a b -> begun
			0 failed r1 b
			1 begins r2 a -> begun
			0 applied r2 a
			1 plans -> granted
			= a=1#1,applied b=1#1,dirty`,
		"T34: nothing is given after the close": `
			1 plans a -> granted
			2 plans a -> a held by 1, place 1
			2 closes
			1 closes
			0 turns ->
			=
			1 plans a -> a held by 0, place 0
			2 adds a -> a held by 0, place 0
			0 turns ->
			=
			3 plans a -> granted`,
		"T34: a pull request that is open again": `
			1 plans a -> granted
			1 begins r1 a -> begun
			1 closes
			1 begins r2 a -> fence
			1 reopens -> true
			= a=1#1,busy
			1 plans a -> a held by 1, place 1
			0 applied r1 a
			= a=1#1,applied`,
	} {
		t.Run(name, func(t *testing.T) { told(t, story) })
	}
}

// TestT34AClosedPullRequestTakesNoLocks tries every order of a run that is
// asked for, a close and a claim.
func TestT34AClosedPullRequestTakesNoLocks(t *testing.T) {
	for name, test := range map[string]struct {
		asked, closed time.Time
		want          bool
	}{
		"asked before":                  {noon, noon.Add(time.Second), false},
		"asked in the same millisecond": {noon.Add(900 * time.Microsecond), noon, false},
		"asked after":                   {noon.Add(time.Second), noon, true},
		"asked long before":             {noon.Add(-time.Hour), noon, false},
	} {
		t.Run(name, func(t *testing.T) {
			var l Locks
			l.Close(pull(1), true, test.closed)
			if got := l.Reopen(pull(1), test.asked); got != test.want {
				t.Errorf("may claim: %v, want %v", got, test.want)
			}
			_, blocked := l.Claim(pull(1), claimed("a"), true, noon)
			if got := len(blocked) == 0; got != test.want {
				t.Errorf("claimed: %v, want %v", got, test.want)
			}
			if !l.Reopen(pull(2), noon) {
				t.Error("a pull request that was never closed may not claim")
			}
		})
	}
}

func TestClosesAreForgottenAfterADay(t *testing.T) {
	var l Locks
	for i := range 3 {
		l.Close(pull(i+1), true, noon.Add(time.Duration(i)*20*time.Hour))
	}
	l.Close(pull(3), true, noon.Add(40*time.Hour))
	want := []Closed{{bare(pull(2)), noon.Add(20 * time.Hour)}, {bare(pull(3)), noon.Add(40 * time.Hour)}}
	if d := cmp.Diff(want, l.Closed); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestKeysOfProjects(t *testing.T) {
	keys := func(dir, workspace, state string) []string {
		return LockKeys(JobDocument{RepositoryID: 7, Project: JobProject{Dir: dir, Workspace: workspace, State: state}})
	}
	if d := cmp.Diff([]string{"dir:7:infra/network//default", "state:s3/acme/net"}, keys("infra/network", "default", "s3/acme/net")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if a, b := keys("a:b", "c", ""), keys("a", "b:c", ""); a[0] == b[0] {
		t.Errorf("two projects share %q", a[0])
	}
	if a, b := keys("a", "default", ""), LockKeys(JobDocument{RepositoryID: 8, Project: JobProject{Dir: "a", Workspace: "default"}}); a[0] == b[0] {
		t.Errorf("two repositories share %q", a[0])
	}
}

func TestTheFenceOfAProjectGrowsWithEachOfItsKeys(t *testing.T) {
	keys := []string{"dir:7:a//default", "state:s"}
	seen := map[int64]bool{}
	for _, fences := range [][2]int64{{1, 1}, {2, 1}, {2, 2}, {3, 2}} {
		l := Locks{Locks: []Lock{{Key: keys[0], Fence: fences[0]}, {Key: keys[1], Fence: fences[1]}}}
		if got := l.fence(keys); seen[got] {
			t.Errorf("%v has the fence %d of before", fences, got)
		} else {
			seen[got] = true
		}
	}
}

func TestHeldIsOneLockPerProject(t *testing.T) {
	s := newStory()
	s.do("1 plans b@s a@t c")
	s.do("2 plans x")
	var got []string
	for _, lock := range s.Held(pull(1)) {
		got = append(got, lock.Project+" "+lock.Key)
	}
	if d := cmp.Diff([]string{"a dir:7:a//default", "b dir:7:b//default", "c dir:7:c//default"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPlacesInTheLine(t *testing.T) {
	s := newStory()
	s.do("1 plans a b")
	for _, number := range []string{"2", "3", "4"} {
		s.do(number + " plans a b")
	}
	s.do("3 closes")
	for number, want := range map[int]int{1: 0, 2: 1, 3: 0, 4: 2} {
		if got := s.Place(pull(number), "b"); got != want {
			t.Errorf("%d has place %d, want %d", number, got, want)
		}
	}
	if got := s.Place(pull(4), "x"); got != 0 {
		t.Errorf("place %d in a line that it does not wait in", got)
	}
}

func TestARenamedRepositoryIsTheSameHolder(t *testing.T) {
	s := newStory()
	s.do("1 plans a")
	renamed := pull(1)
	renamed.Repository.Name = "platform"
	if _, blocked := s.Claim(renamed, claimed("a"), true, noon); len(blocked) > 0 {
		t.Fatalf("blocked: %v", blocked)
	}
	if held := s.Held(pull(1)); len(held) != 1 || held[0].Holder.Repository.Name != "platform" || held[0].Fence != 1 {
		t.Errorf("held: %+v", held)
	}
}

func TestLocksExpireWhenIdleAndAfterANotice(t *testing.T) {
	numbers := func(holders []Subject) (out []int) {
		for _, h := range holders {
			out = append(out, h.PullRequest)
		}
		return out
	}
	s := newStory()
	for _, line := range []string{
		"6 plans f", "1 plans a", "2 plans b", "2 begins r2 b", "3 plans c", "3 begins r3 c", "3 failed r3 c",
		"4 plans d", "4 begins r4 d", "4 applied r4 d", "6 adds g",
	} {
		s.do(line)
	}
	last := s.now // 6 used one of its two locks then
	s.do("5 plans e")
	if d := cmp.Diff([]int{1, 6}, numbers(s.Idle(last.Add(time.Second)))); d != "" {
		t.Errorf("idle (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]int{1}, numbers(s.Idle(last))); d != "" {
		t.Errorf("idle, while 6 is not (-want +got):\n%s", d)
	}
	later := last.Add(100 * time.Hour)
	if got := numbers(s.Expired(later, later)); len(got) != 0 {
		t.Errorf("expired without a notice: %v", got)
	}
	for i, lock := range s.Locks.Locks {
		if lock.Holder.PullRequest == 1 {
			s.Locks.Locks[i].WarnedAt = later
		}
	}
	if got := numbers(s.Expired(later, later)); len(got) != 0 {
		t.Errorf("expired in the moment of the notice: %v", got)
	}
	if d := cmp.Diff([]int{1}, numbers(s.Expired(later, later.Add(time.Second)))); d != "" {
		t.Errorf("expired (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]int{5, 6}, numbers(s.Idle(later))); d != "" {
		t.Errorf("to be told (-want +got):\n%s", d)
	}
	s.do("1 plans a") // it is used again, so it is told again before it expires
	if got := numbers(s.Expired(s.now.Add(time.Hour), s.now.Add(time.Hour))); len(got) != 0 {
		t.Errorf("expired after it was used: %v", got)
	}
}
