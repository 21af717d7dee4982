package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/hostile/attack"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestHostileConfigurationsAsRoot(t *testing.T) { inside(t, root, corpus) }

func TestHostileConfigurationsAsTheImagesUser(t *testing.T) { inside(t, imageUser, corpus) }

// A kernel or a container that offers neither namespaces nor Landlock: root has a
// user id for each job instead.
func TestHostileConfigurationsAsRootWithoutNamespacesAndLandlock(t *testing.T) {
	long(t)
	inside(t, root, corpus, "namespaces", "landlock")
}

// Docker's and Kubernetes' default profiles allow no namespaces; older kernels and
// some distributions have no Landlock. With one of them the image's user may run
// jobs, and with neither it does not (TestInJailRequiredIsRefused).
func TestHostileConfigurationsAsTheImagesUserWithoutNamespaces(t *testing.T) {
	long(t)
	inside(t, imageUser, corpus, "namespaces")
}

func TestHostileConfigurationsAsTheImagesUserWithoutLandlock(t *testing.T) {
	long(t)
	inside(t, imageUser, corpus, "landlock")
}

// fillTheDisk has a world of its own: until its job ends, everybody waits for
// room.
const fillTheDisk = "fill-the-disk"

// costly are attacks that take seconds of the machine that runs the tests. What
// stops them is the same for every user, so make test has them as root alone; so it
// has sources of the machine's disk. What an apply carries out is in test-long.
var costly = []string{"memory-bomb", "fill-shared-memory", "take-all-inodes", "open-all-files", "flood-the-output"}

// twins are attacks that end what their job has and that another one tries in nearly the
// same way: make test has them as root alone, too.
var twins = []string{"kill-parents", "stop-others"}

// everything reports that nothing is left out for want of time.
func everything() bool { return os.Geteuid() == root || longtest.On() }

// left are the attacks that are not for this world.
func left(a attack.Attack) bool {
	return a.Name == fillTheDisk || a.Open(os.Getenv(insideWithout), os.Geteuid() == root) || !everything() && slices.Contains(slices.Concat(costly, twins), a.Name)
}

// A disk that a job fills has room again when the job has ended, and what came
// meanwhile is answered.
func TestAFullDiskHealsWhenItsJobEnds(t *testing.T) {
	long(t)
	inside(t, root, func(t *testing.T, program string) {
		w := newHostileWorld(t, program)
		w.begin()
		n, _ := w.carriedOut(fillTheDisk)
		w.wants(w.conversation(n), "failed")
		w.plan("after", "terraform {\n  backend \"local\" {}\n}\n")
		w.endInnocent()
	})
}

// corpus plans every hostile configuration in one pull request, while an innocent
// job runs.
func corpus(t *testing.T, program string) {
	w := newHostileWorld(t, program)
	w.begin()
	var together []string
	configurations := map[string]string{"language": w.requires() + w.expressions()}
	for _, a := range attack.All() {
		if left(a) {
			continue
		}
		if a.Alone {
			configurations[a.Name] = w.attacking(w.target, a.Name)
		} else {
			together = append(together, a.Name)
		}
	}
	configurations["program"] = w.attacking(w.target, together...)
	n := w.opens(configurations)
	var sources []int
	if everything() {
		sources = w.openSources()
	}
	w.settles(n)
	w.judge(n)
	w.unharmed(n)
	if everything() {
		w.judgeSources(sources)
	}
	if longtest.On() {
		w.atApply(together)
	}
	w.endInnocent()
}

// sources are those that are planned: each in a long test, and every second one else.
func sources() (out []hostile.Source) {
	for i, s := range hostile.Sources {
		if i%2 == 0 || longtest.On() {
			out = append(out, s)
		}
	}
	return out
}

// openSources has sources and states of the machine's own disk planned, each in a
// pull request: one that is refused refuses all of it.
func (w *hostileWorld) openSources() (opened []int) {
	w.Helper()
	for _, s := range sources() {
		opened = append(opened, w.opens(map[string]string{s.Name: s.Configuration(w.dir)}))
	}
	return opened
}

// judgeSources wants none of them to be planned.
func (w *hostileWorld) judgeSources(opened []int) {
	w.Helper()
	for i, s := range sources() {
		w.settles(opened[i])
		for _, r := range w.runs(opened[i]) {
			if r.State == run.StateSucceeded {
				w.Errorf("%s (%s): it does not hold that %s:\n%s", s.Name, s.Tries, s.Holds, w.conversation(opened[i]))
			}
		}
		w.unharmed(opened[i])
	}
}

// ofEveryKind are attacks of every kind that is not tried alone, for worlds of make
// test: those of a plan were all carried out there.
var ofEveryKind = []string{"read-secrets", "environ-of-others", "process-vm-readv", "take-files-of-others", "overwrite", "plant", "replace", "own-job-files", "poison-providers", "forge-a-webhook", "daemon-setsid", "gain-rights"}

// holders hold the output of what ran them. Terraform waits for who holds that of a
// provisioner, here for minutes; in a plan they hold that of a provider.
var holders = []string{"daemon-holds-output", "daemon-holds-files"}

// atApply carries out attacks by local-exec: when something is applied, and when it
// is destroyed.
func (w *hostileWorld) atApply(names []string) {
	w.Helper()
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(holders, name) })
	if !longtest.On() {
		names = ofEveryKind
	}
	const dir = "apply"
	n := w.open("hostile-"+dir, github.Files{"hostile/" + dir + "/main.tf": w.executing("first", names)})
	w.settles(n)
	for times := 1; times <= 2; times++ { // the second one destroys what the first one made
		_, err := w.world.GitHub.As(rui).Comment(sandbox.Repository, n, "/apply")
		w.check(err)
		w.poll("the apply", func() bool { return len(w.applies(n)) == times })
		w.settles(n)
		printed := w.printed(n, w.project(dir))
		for _, a := range attack.All() {
			if !slices.Contains(names, a.Name) {
				continue
			}
			w.judgeOne(a, printed)
			if made := strings.Count(printed, attack.Ended(a.Name)); made < times {
				w.Errorf("%s was carried out %d times, want %d:\n%s", a.Name, made, times, printed)
			}
		}
		w.unharmed(n)
		if times == 1 {
			_, err := w.world.GitHub.As(ana).Push(sandbox.Repository, "hostile-"+dir, "Replace", github.Files{"hostile/" + dir + "/main.tf": w.executing("second", names)})
			w.check(err)
			w.poll("the next plan", func() bool { return len(w.runs(n)) > 2 })
			w.settles(n)
		}
	}
}

// executing is a configuration whose apply runs the attacker's program, and runs it
// again before what it made is replaced.
func (w *hostileWorld) executing(version string, names []string) string {
	command := literal("for name in " + strings.Join(names, " ") + "; do timeout -s KILL 60 .terraform/providers/*/acme/hostile/*/*/terraform-provider-hostile_* attack $name 2>&1 <<'END'\n" + string(asJSON(w.target)) + "\nEND\ndone\n")
	return w.requires() + fmt.Sprintf("resource \"terraform_data\" \"a\" {\n  triggers_replace = %q\n  provisioner \"local-exec\" { command = %s }\n  provisioner \"local-exec\" {\n    when    = destroy\n    command = %[2]s\n  }\n}\n",
		version, command)
}

func (w *hostileWorld) expressions() string {
	var b strings.Builder
	for _, e := range hostile.Expressions {
		b.WriteString(e.Output(hostile.World{
			Key: w.target.Secrets[0], Webhook: w.target.Secrets[1], Database: w.target.Secrets[2], Artifact: w.planted("plan.tfplan"), OtherJob: w.planted("secret.tf"),
			State: w.planted(".tfstate"), Data: w.dir + "/server", Providers: w.dir + "/server/jobs/.providers/packages", Server: w.server,
		}))
	}
	return b.String()
}

// planted is the file that was laid with such a name.
func (w *hostileWorld) planted(end string) string {
	for _, name := range w.target.Secrets {
		if strings.HasSuffix(name, end) {
			return name
		}
	}
	w.Fatalf("nothing ends in %s", end)
	return ""
}

// judge reads what each attack says of itself. One of which nothing is said was
// not carried out, and shows nothing.
func (w *hostileWorld) judge(number int) {
	w.Helper()
	language := w.printed(number, w.project("language"))
	for _, e := range hostile.Expressions {
		if !e.Holding(language) && !e.Open(os.Getenv(insideWithout)) {
			w.Errorf("%s (%s): it does not hold that %s:\n%s", e.Name, e.Tries, e.Holds, language)
		}
	}
	together := w.printed(number, w.project("program"))
	for _, a := range attack.All() {
		if left(a) {
			continue
		}
		printed := together
		if a.Alone {
			printed = w.printed(number, w.project(a.Name))
		}
		w.judgeOne(a, printed)
	}
}

func (w *hostileWorld) judgeOne(a attack.Attack, printed string) {
	w.Helper()
	if !a.Alone && !strings.Contains(printed, attack.Ended(a.Name)) {
		w.Errorf("%s was not carried out:\n%s", a.Name, printed)
	}
	var broken []string
	for line := range strings.Lines(printed) {
		if strings.Contains(line, attack.Broken(a.Name)) {
			broken = append(broken, strings.TrimSpace(line[:min(len(line), 300)]))
		}
	}
	if len(broken) > 0 {
		w.Errorf("%s (%s): it does not hold that %s; %d times, such as\n%s", a.Name, a.Tries, a.Holds, len(broken), strings.Join(broken[:min(len(broken), 3)], "\n"))
	}
}

// project is what a directory of the attacker is called.
func (w *hostileWorld) project(dir string) string { return "hostile-" + dir }
