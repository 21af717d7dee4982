package jail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// namedAttack is an attack with a name.
type namedAttack struct {
	name string
	args []string
}

// everyAttack are the attacks of these tests. Those at the end harm what they are
// made on, which is something of their own, and the last of them takes it away.
func everyAttack(o, harmed *outside, c *cell) []namedAttack {
	return []namedAttack{
		{"read a file", []string{"read", o.file}},
		{"read an environment", []string{"environ", o.pid}},
		{"read memory", []string{"memory", o.pid, o.at}},
		{"trace", []string{"trace", o.pid}},
		{"take an open file", []string{"openfile", o.pid}},
		{"read shared memory", []string{"sharedmemory", fmt.Sprint(o.memory)}},
		{"speak to a socket", []string{"socket", o.listener}},
		{"speak to an abstract", []string{"abstract", o.socket}},
		{"read a private file", []string{"read", o.private}},
		{"make a user namespace", []string{"userspace"}},
		{"read keys", []string{"keys"}},
		{"use io_uring", []string{"iouring"}},
		{"slow a process", []string{"slow", "affinity", o.pid}},
		{"write a file", []string{"write", harmed.file}},
		{"change a mode", []string{"chmod", harmed.file}},
		{"take a file away", []string{"rename", harmed.file, c.own + "/stolen"}},
		{"limit a process", []string{"limit", harmed.pid}},
		{"kill", []string{"kill", harmed.pid}},
	}
}

// succeed lists the attacks that succeed in a jail without some layers.
func succeed(t *testing.T, c Config, without func(*layers)) []string {
	t.Helper()
	o, harmed := newOutside(t), newOutside(t)
	c.Box.Read = append(c.Box.Read, filepath.Dir(o.private))
	jailed := newCell(t, c, without)
	all := everyAttack(o, harmed, jailed)
	var args [][]string
	for _, a := range all {
		args = append(args, a.args)
	}
	var out []string
	for _, i := range jailed.succeeding(t, args) {
		out = append(out, all[i].name)
	}
	slices.Sort(out)
	return out
}

// mutations are what becomes possible when a layer is taken away and all others
// stay: what only that one stops. An empty list would mean that the layer is not
// needed, or that nothing here needs it.
var mutations = map[string]struct {
	without    func(*layers)
	user, root []string
}{
	"nothing":  {func(*layers) {}, nil, nil},
	"mounts":   {func(l *layers) { l.Mount = false }, []string{"speak to a socket"}, []string{"speak to a socket"}},
	"PID, IPC": {func(l *layers) { l.PID = false }, nil, nil},
	"Landlock": {func(l *layers) { l.Landlock = 0 }, []string{"speak to an abstract"}, []string{"speak to an abstract"}},
	"seccomp": {func(l *layers) { l.Seccomp = false },
		[]string{"make a user namespace", "read keys", "use io_uring"}, []string{"make a user namespace", "read keys", "use io_uring"}},
	"user id": {func(l *layers) { l.UID = 0 }, nil, []string{"read a private file"}},
	// What one layer stops has a second one for nearly everything. Two at a time
	// show that.
	"PID, IPC and seccomp": {func(l *layers) { l.PID, l.Seccomp = false, false },
		[]string{"limit a process", "make a user namespace", "read keys", "read shared memory", "slow a process", "use io_uring"},
		[]string{"make a user namespace", "read keys", "use io_uring"}}, // as root the user id stops the others, too
	"PID, IPC and user id": {func(l *layers) { l.PID, l.UID = false, 0 }, nil, []string{"read a private file"}},
	"PID, IPC and Landlock": {func(l *layers) { l.PID, l.Landlock = false, 0 },
		[]string{"kill", "speak to an abstract"}, []string{"speak to an abstract"}},
	"mounts and Landlock": {func(l *layers) { l.Mount, l.Landlock = false, 0 },
		[]string{"read a file", "speak to a socket", "speak to an abstract", "take a file away", "write a file"},
		[]string{"speak to a socket", "speak to an abstract"}},
}

func TestInJailEachLayerStopsWhatOnlyItStops(t *testing.T) {
	machine := os.Getenv(machineVariable)
	inMachine(t)
	if strings.Contains(machine, "without") {
		t.Skip("the whole kernel is needed to take layers away")
	}
	for name, m := range mutations {
		want := m.user
		if os.Getuid() == 0 {
			want = m.root
		} else {
			want = append([]string{"read a private file"}, want...) // it is the caller's own, and given
		}
		want = append(slices.Clone(want), withoutScopes(m.without)...)
		slices.Sort(want)
		got := succeed(t, Config{Mode: BestEffort}, m.without)
		if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
			t.Errorf("without %s (-want +got):\n%s", name, diff)
		}
	}
}

// withoutScopes are the attacks that succeed, too, where Landlock is older than its
// scopes.
func withoutScopes(without func(*layers)) []string {
	left := layers{PID: true, Landlock: landlockVersion()}
	if os.Getuid() == 0 {
		left.UID = image
	}
	without(&left)
	switch {
	case left.Landlock == 0 || left.Landlock >= landlockScopes:
		return nil
	case !left.PID && left.UID == 0:
		return []string{"kill", "speak to an abstract"}
	}
	return []string{"speak to an abstract"}
}

// Attacks that do not succeed without a jail would prove nothing.
func TestInJailAttacksSucceedOutside(t *testing.T) {
	inMachine(t)
	if strings.Contains(os.Getenv(machineVariable), "without") {
		t.Skip("one kernel is enough")
	}
	got := succeed(t, Config{Mode: Off}, nil)
	var want []string
	for _, a := range everyAttack(&outside{}, &outside{}, &cell{}) {
		want = append(want, a.name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Where a layer is alone, it stops what it is there for.
func TestInJailLayersAlone(t *testing.T) {
	inMachine(t)
	if strings.Contains(os.Getenv(machineVariable), "without") {
		t.Skip("the whole kernel is needed to have layers alone")
	}
	all := layers{}
	for name, c := range map[string]struct {
		only  func(l, all *layers)
		stops []string
		root  bool // it needs a caller that is root
	}{
		"mounts": {func(l, all *layers) { l.User, l.Mount = all.User, true },
			[]string{"read a file", "write a file", "change a mode", "take a file away", "read an environment", "speak to a socket"}, false},
		"PID, IPC": {func(l, all *layers) { l.User, l.PID = all.User, true },
			[]string{"read memory", "trace", "take an open file", "kill", "read shared memory", "limit a process", "slow a process"}, false},
		"Landlock": {func(l, all *layers) { l.Landlock = all.Landlock },
			[]string{"read a file", "write a file", "take a file away", "read an environment", "read memory", "trace", "take an open file", "kill", "speak to an abstract"}, false},
		"seccomp": {func(l, _ *layers) { l.Seccomp = true },
			[]string{"read memory", "trace", "take an open file", "make a user namespace", "read keys", "use io_uring", "read shared memory", "limit a process", "slow a process"}, false},
		"user id": {func(l, all *layers) { l.UID = all.UID },
			[]string{"read a file", "write a file", "change a mode", "take a file away", "read an environment", "read memory", "trace", "take an open file", "kill", "read shared memory", "read a private file", "limit a process", "slow a process"}, true},
	} {
		if c.root && os.Getuid() != 0 {
			continue
		}
		got := succeed(t, Config{Mode: BestEffort}, func(l *layers) {
			all, *l = *l, layers{}
			c.only(l, &all)
		})
		for _, attack := range c.stops {
			scoped := name == "Landlock" && landlockVersion() < landlockScopes && (attack == "kill" || attack == "speak to an abstract")
			if slices.Contains(got, attack) && !scoped {
				t.Errorf("%s alone does not stop: %s", name, attack)
			}
		}
	}
}
