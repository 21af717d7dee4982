package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	hostileprogram "github.com/lockkeeper/lockkeeper/hostile"
	"github.com/lockkeeper/lockkeeper/hostile/attack"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// attacking is a terraform that carries out attacks, each in a program of its own
// that comes with the commit.
const attacking = `#!/bin/sh
cp attack "$HOME/attack" && chmod 700 "$HOME/attack"
for name in $(cat names); do
	timeout -s KILL 60 "$HOME/attack" attack "$name" < target.json 2>&1
done
exit 1
`

// The corpus of hostile configurations in a container of AWS: what a provider does
// in a plan is done here by a program in terraform's place, in the same jail. Fargate
// may offer neither namespaces nor Landlock, so make test runs it without both;
// make test-long runs it with either, and what takes everything there is of something.
func TestHostileAttacksInTheContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("run this as root, as the container is")
	}
	long := longtest.On()
	program, err := hostileprogram.Build(t.Context(), t.TempDir())
	must(t, err)
	content, err := os.ReadFile(program)
	must(t, err)
	e := awstest.Start(t, awstest.Options{})
	c := newJob(t, e, "hostile")
	for _, without := range []string{"namespaces landlock", "namespaces", "landlock", "nothing"} {
		if without != "namespaces landlock" && !long {
			continue
		}
		var together []string
		for _, a := range attack.All() {
			switch {
			case a.Open(without, true), a.Name == "fill-the-disk": // that of the machine which runs the tests
			case !a.Alone:
				together = append(together, a.Name)
			case long:
				t.Run(without+"/"+a.Name, func(t *testing.T) { carriedOut(t, e, c, content, without, a.Name) })
			}
		}
		t.Run(without, func(t *testing.T) { carriedOut(t, e, c, content, without, together...) })
	}
}

// carriedOut has a container carry out attacks, and wants each of them to be made
// and to get nothing.
func carriedOut(t *testing.T, e *awstest.Emulator, c *Job, program []byte, without string, names ...string) {
	base := t.TempDir()
	scratch, secret, terraform := filepath.Join(base, "scratch"), filepath.Join(base, "secret"), filepath.Join(base, "terraform")
	bait := string(attack.Bait()) + "in-aws"
	must(t, os.Chmod(filepath.Dir(base), 0o755), os.Chmod(base, 0o711), // as what Lockkeeper makes
		os.Mkdir(scratch, 0o777), os.Chmod(scratch, 0o777), os.WriteFile(secret, []byte(bait), 0o600),
		os.WriteFile(terraform, []byte(attacking), 0o755))
	mark := fmt.Sprintf("mark-%d", time.Now().UnixNano())
	victim := exec.CommandContext(t.Context(), "/bin/sleep", "600")
	victim.Env = []string{"SECRET=" + bait}
	must(t, victim.Start())
	t.Cleanup(func() { _, _ = victim.Process.Kill(), victim.Wait() })
	l, err := net.Listen("unix", filepath.Join("/tmp", mark)) // a path of a socket is short
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	must(t, os.Chmod(l.Addr().String(), 0o600))
	job := filepath.Join(scratch, "lockkeeper-job", "job")
	target, err := json.Marshal(attack.Target{
		Mark: mark, Secrets: []string{secret, filepath.Join(job, "job.json")}, Places: []string{base, filepath.Dir(job), job},
		Files: []string{secret, filepath.Join(job, "job.json"), filepath.Join(job, "claimed")}, Processes: []int{victim.Process.Pid},
		Sockets: []string{l.Addr().String()}, Webhook: "http://127.0.0.1:1/", Forged: "{}", Job: job, Signal: int(syscall.SIGCONT), // harmless where it arrives
		Much: attack.Much{Processes: 3000, Files: 20_000, Inodes: 1000, Memory: 1 << 30, Disk: 16 << 20, Output: 300 << 20},
	})
	must(t, err)
	source := backendtest.Source(t, c.objects, map[string]string{
		"app/main.tf": "", "app/attack": string(program), "app/names": strings.Join(names, "\n"), "app/target.json": string(target),
	})
	doc := backendtest.Document(mark+"-0", source)
	doc.RunID = mark
	doc.Environment = run.JobEnvironment{Name: "dev", Account: awstest.Account, PlanRole: "arn:aws:iam::" + awstest.Account + ":role/plan"}
	cmd := exec.CommandContext(t.Context(), copyOfSelf(t, base), c.keep(t, doc))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + scratch, inContainer + "=" + without, itsBucket + "=" + c.o.Bucket, itsProgram + "=" + terraform, itsMemory + "=256",
		itsEndpoint + "=" + e.Endpoint, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/" + bait, "LOCKKEEPER_EXTERNAL_ID=" + bait,
	}
	cmd.SysProcAttr, cmd.WaitDelay = &syscall.SysProcAttr{Setsid: true}, time.Minute
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r run.Result
	content, err := c.left(t, doc)
	must(t, err, json.Unmarshal(content, &r))
	printed, err := c.objects.Open(t.Context(), r.Artifacts[run.ArtifactOutput])
	must(t, err)
	text, err := io.ReadAll(printed)
	must(t, errors.Join(err, printed.Close()))
	if r.Problem == nil || strings.Contains(string(content)+string(text), bait) {
		t.Errorf("it has a secret, or no problem: %s", content)
	}
	judge(t, names, string(text)+r.Problem.Error())
	if kept, err := os.ReadFile(secret); err != nil || string(kept) != bait {
		t.Errorf("the secret is now %q, %v", kept, err)
	}
	if err := victim.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("a process of somebody else has ended: %v", err)
	}
	for _, name := range processesWith(mark) {
		t.Errorf("alive: %s", name)
	}
}

// judge reads what attacks say of themselves. Those that may end their job are
// asked one by one.
func judge(t *testing.T, names []string, printed string) {
	t.Helper()
	for _, a := range attack.All() {
		if !slices.Contains(names, a.Name) {
			continue
		}
		if !a.Alone && !strings.Contains(printed, attack.Ended(a.Name)) {
			t.Errorf("%s was not carried out:\n%s", a.Name, printed)
		}
		if at := strings.Index(printed, attack.Broken(a.Name)); at >= 0 {
			line, _, _ := strings.Cut(printed[at:], "\n")
			t.Errorf("%s (%s): it does not hold that %s: %s", a.Name, a.Tries, a.Holds, line)
		}
	}
}

// processesWith lists processes that have a word on their command line.
func processesWith(word string) (found []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	for _, name := range names {
		if content, err := os.ReadFile(name); err == nil && strings.Contains(string(content), word) {
			found = append(found, name)
		}
	}
	return found
}
