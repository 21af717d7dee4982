package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/hostile/attack"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

// What they try is part of TestHostileConfigurationsAsRoot, and of the tests of
// forged webhooks and changed plan files; here it comes one after the other.
func TestAttacksAsRoot(t *testing.T) {
	long(t)
	inside(t, root, attacks)
}

func TestAttacksAsTheImagesUser(t *testing.T) {
	long(t)
	inside(t, imageUser, attacks)
}

// attacks are those that were seen to succeed against a server without a jail.
// They share a world; the last one would end it. What is judged first waits for
// the batch, whose daemons are nobody else's.
func attacks(t *testing.T, program string) {
	w := newHostileWorld(t, program, rules("dev", map[string]any{"apply": []string{rui}}))
	approved := w.plan("approved", "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"approved\" {}\n") // what everybody read
	w.begin()
	batch := w.openBatch()
	for _, tt := range []struct {
		name string
		do   func(w *hostileWorld)
	}{
		{"a provider reads the server's environment", func(w *hostileWorld) { w.inBatch(batch, "environ-of-others", "own-environ", "files-of-others") }},
		{"the language alone reads the private key", (*hostileWorld).languageAlone},
		{"a provider reads keys, the database and other jobs", func(w *hostileWorld) { w.inBatch(batch, "read-secrets", "list-directories", "walk-the-machine") }},
		{"a provider reads the server's memory", func(w *hostileWorld) { w.inBatch(batch, "proc-mem", "process-vm-readv", "ptrace") }},
		{"t_forge: a stolen secret signs a press of the apply button", func(w *hostileWorld) { w.forge(approved) }},
		{"t_daemon: a plan leaves processes behind", func(w *hostileWorld) { w.inBatch(batch, daemons()...) }},
		{"t_poison: a plan changes the provider that others run", func(w *hostileWorld) { w.inBatch(batch, "poison-providers") }},
		{"N1: a plan file is changed after the plan", (*hostileWorld).changedPlan},
		{"t_swap: another pull request's approved plan is exchanged", func(w *hostileWorld) { w.swap(approved) }},
		{"t_kill: a plan kills the server", func(w *hostileWorld) { w.inBatch(batch, "kill-others", "kill-all") }},
	} {
		ok := t.Run(tt.name, func(t *testing.T) { tt.do(w.of(t)) })
		t.Logf("%s: %t", tt.name, ok)
		if w.dead() {
			t.Fatal("the server is dead")
		}
	}
	w.endInnocent()
}

// of is the same world for a subtest.
func (w *hostileWorld) of(t *testing.T) *hostileWorld {
	other := *w
	s := w.stage.of(t)
	s.process = w.process
	other.story = &story{s}
	return &other
}

// plan has the attacker plan one configuration.
func (w *hostileWorld) plan(dir, configuration string) int {
	w.Helper()
	n := w.opens(map[string]string{dir: configuration})
	w.settles(n)
	return n
}

func (w *hostileWorld) languageAlone() {
	n := w.plan("language", w.requires()+w.expressions())
	printed := w.printed(n, w.project("language"))
	for _, e := range hostile.Expressions {
		if !e.Holding(printed) {
			w.Errorf("%s (%s): it does not hold that %s", e.Name, e.Tries, e.Holds)
		}
	}
	w.unharmed(n)
}

// carriedOut has a provider carry out attacks at plan time.
func (w *hostileWorld) carriedOut(names ...string) (number int, printed string) {
	w.Helper()
	dir := names[0]
	n := w.plan(dir, w.attacking(w.target, names...))
	printed = w.printed(n, w.project(dir))
	for _, a := range attack.All() {
		if slices.Contains(names, a.Name) {
			w.judgeOne(a, printed)
		}
	}
	w.unharmed(n)
	return n, printed
}

// daemons are the attacks that leave a process behind.
func daemons() (names []string) {
	for _, a := range attack.All() {
		if strings.HasPrefix(a.Name, "daemon-") {
			names = append(names, a.Name)
		}
	}
	return names
}

// openBatch begins to carry out attacks that do not disturb each other in one pull request,
// which is much faster than one for each; those that may end their job have one of
// their own.
func (w *hostileWorld) openBatch() int {
	w.Helper()
	together := slices.Concat([]string{
		"environ-of-others", "own-environ", "files-of-others", "read-secrets", "list-directories", "walk-the-machine", "proc-mem", "process-vm-readv", "ptrace", "poison-providers",
	}, daemons())
	return w.opens(map[string]string{
		"together": w.attacking(w.target, together...), "kill-others": w.attacking(w.target, "kill-others"), "kill-all": w.attacking(w.target, "kill-all"),
	})
}

// inBatch judges attacks of the batch.
func (w *hostileWorld) inBatch(number int, names ...string) {
	w.Helper()
	w.settles(number)
	for _, a := range attack.All() {
		switch {
		case slices.Contains(names, a.Name) && a.Alone:
			w.judgeOne(a, w.printed(number, w.project(a.Name)))
		case slices.Contains(names, a.Name):
			w.judgeOne(a, w.printed(number, w.project("together")))
		}
	}
	w.unharmed(number)
}

// forge lets a plan sign the press of somebody who may apply.
func (w *hostileWorld) forge(approved int) {
	c := w.check1(approved, "lockkeeper/plan")
	before := len(w.runs(approved))
	w.check(w.world.GitHub.As(rui).Press(sandbox.Repository, c.ID, c.Actions[0].Identifier))
	w.poll("the press", func() bool { return len(w.runs(approved)) > before })
	w.settles(approved)
	for _, d := range w.world.GitHub.Deliveries() {
		if d.Event == "check_run" && d.Action == "requested_action" {
			w.target.Forged = string(bytes.ReplaceAll(d.Payload, []byte(`"identifier":"`+c.Actions[0].Identifier+`"`), []byte(`"identifier":"apply"`)))
		}
	}
	if !strings.Contains(w.target.Forged, `"identifier":"apply"`) {
		w.Fatalf("the forged press is none: %s", w.target.Forged)
	}
	w.carriedOut("forge-a-webhook")
	if len(w.applies(approved)) > 0 {
		w.Errorf("a forged press began an apply:\n%s", w.conversation(approved))
	}
}

// swap aims at the plan that was approved, and at the database that has its
// digest.
func (w *hostileWorld) swap(approved int) {
	file := w.planFile(approved, w.project("approved"))
	w.target.Files = append(slices.Clone(w.target.Files), file)
	w.target.Secrets = append(slices.Clone(w.target.Secrets), file)
	w.carriedOut("overwrite", "plant", "replace", "remove", "read-by-hard-link")
	_, err := w.world.GitHub.As(rui).Comment(sandbox.Repository, approved, "/apply")
	w.check(err)
	w.poll("the apply", func() bool { a := w.applies(approved); return len(a) > 0 && a[0].State.Final() })
	state, err := os.ReadFile(filepath.Join(w.dir, statesOfDev, w.project("approved")+".tfstate"))
	if err != nil || !strings.Contains(string(state), `"approved"`) {
		w.Errorf("what was approved was not applied:\n%s", w.conversation(approved))
	}
}

// changedPlan leaves a daemon behind that adds a command to the stored plan, which
// then is applied.
func (w *hostileWorld) changedPlan() {
	n := w.plan("changed", w.attacking(w.target, "exchange-the-plan")+"resource \"terraform_data\" \"a\" {\n  provisioner \"local-exec\" { command = \"echo harmless\" }\n}\n")
	_, err := w.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/apply")
	w.check(err)
	w.poll("the apply", func() bool { a := w.applies(n); return len(a) > 0 && a[0].State.Final() })
	printed := w.printed(n, w.project("changed"))
	if strings.Contains(printed, "echo "+w.mark) {
		w.Errorf("a command ran that nobody read:\n%s", printed)
	}
	if !strings.Contains(printed, "harmless") && !strings.Contains(printed, "plan_mismatch") {
		w.Errorf("neither was it applied, nor was it said why not:\n%s\n%s", printed, w.conversation(n))
	}
	w.unharmed(n)
}
