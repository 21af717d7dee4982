package main

import (
	"os"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/hostile/attack"
	"github.com/lockkeeper/lockkeeper/run"
)

func TestHostileConfigurationsAsRoot(t *testing.T) { inside(t, root, corpus) }

func TestHostileConfigurationsAsTheImagesUser(t *testing.T) { inside(t, imageUser, corpus) }

// A kernel or a container that offers neither namespaces nor Landlock: root has a
// user id for each job instead.
func TestHostileConfigurationsAsRootWithoutNamespacesAndLandlock(t *testing.T) {
	long(t)
	inside(t, root, corpus, "namespaces", "landlock")
}

// fillTheDisk has a world of its own: until its job ends, everybody waits for
// room.
const fillTheDisk = "fill-the-disk"

// left are the attacks that are not for this world.
func left(a attack.Attack) bool {
	return a.Name == fillTheDisk || a.Walls && os.Getenv(insideWithout) != ""
}

// A disk that a job fills has room again when the job has ended, and what came
// meanwhile is answered.
func TestAFullDiskHealsWhenItsJobEnds(t *testing.T) {
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
	w.settles(n)
	w.judge(n)
	w.unharmed(n)
	w.judgeSources()
	w.endInnocent()
}

// judgeSources has sources and states of the machine's own disk read: none of them
// is planned.
func (w *hostileWorld) judgeSources() {
	w.Helper()
	for _, s := range hostile.Sources {
		n := w.plan(s.Name, s.Configuration(w.dir))
		for _, r := range w.runs(n) {
			if r.State == run.StateSucceeded {
				w.Errorf("%s (%s): it does not hold that %s:\n%s", s.Name, s.Tries, s.Holds, w.conversation(n))
			}
		}
		w.unharmed(n)
	}
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
		if !e.Holding(language) && !(e.Walls() && os.Getenv(insideWithout) != "") {
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
