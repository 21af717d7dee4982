package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail/jailtest"
)

// Variables by which the test's binary is a container.
const (
	inContainer = "LOCKKEEPER_TEST_CONTAINER" // what is taken away from its kernel, or "nothing"
	itsBucket   = "LOCKKEEPER_TEST_BUCKET"
	itsProgram  = "LOCKKEEPER_TEST_PROGRAM"
	itsEndpoint = "LOCKKEEPER_TEST_ENDPOINT"
	itsMemory   = "LOCKKEEPER_TEST_MEMORY" // in MiB
	asFunction  = "LOCKKEEPER_TEST_FUNCTION"
)

func TestMain(m *testing.M) {
	var err error
	switch without := os.Getenv(inContainer); without {
	case "":
		os.Exit(m.Run())
	case "nothing":
		err = contained(os.Args[1])
	default:
		if err = jailtest.TakeAway(without); err == nil {
			err = os.Setenv(inContainer, "nothing")
		}
		if err == nil {
			err = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// contained is a container that does one job.
func contained(key string) error {
	e := &awstest.Emulator{Endpoint: os.Getenv(itsEndpoint)}
	memory, _ := strconv.ParseInt(os.Getenv(itsMemory), 10, 64) // 0 is not known
	_, err := New(Options{
		Config: e.Config("job"), Bucket: os.Getenv(itsBucket), Attempt: "1", ExternalID: os.Getenv("LOCKKEEPER_EXTERNAL_ID"),
		Dir: os.TempDir(), Function: os.Getenv(asFunction) != "", Memory: memory << 20,
		Terraform: func(context.Context, string) (string, string, error) {
			return os.Getenv(itsProgram), "Terraform 1", nil
		},
	}).Do(context.Background(), key)
	return err
}

// hostile is a terraform that tries to reach what is not its own, and says what
// it got. It cannot print the words themselves, which the runner might mask.
const hostile = `#!/bin/sh
got() { echo "GOT $1" >&2; }
for p in /proc/[0-9]*; do
	{ tr '\0' '\n' < $p/environ; } 2>/dev/null | grep -q canary && got environment
done
env | grep -q canary && got variables
grep -q canary %[1]s && got file
grep -q run_id %[2]s/lockkeeper-job/job/job.json && got document
( echo x > %[2]s/lockkeeper-job/job/result.json ) && got results
kill -0 %[3]d && got signal
( echo x > "$AWS_CONFIG_FILE" ) && got config
( echo x > "${AWS_CONFIG_FILE%%/*}/credentials.json" ) && got credentials
command=$(sed -n 's/^credential_process = //p' "$AWS_CONFIG_FILE")
sh -c "$command" | grep -q SessionToken && echo "HAS its own credentials" >&2
exit 1
`

// T02, in AWS: what a pull request runs in a container reaches neither the task's
// credentials, whose path is in the environment of the runner, nor the external
// id, nor other files; also where Fargate's kernel has neither namespaces nor
// Landlock. Its own credentials it has. In a function nothing of that holds, and
// the result says so. What is not root's and cannot be held does not run at all.
func TestT02_APlanInTheContainerReachesOnlyItsOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("run this as root, as the container is")
	}
	e := awstest.Start(t, awstest.Options{})
	c := newJob(t, e, "jail")
	all := []string{"environment", "file", "document", "results", "signal", "config", "credentials"}
	for _, tt := range []struct {
		name, without string
		user          uint32
		function      bool
		problem       string
		got           []string
		isolation     string
	}{
		{name: "root", without: "nothing", problem: "init_failed"},
		{name: "root-without-both", without: "namespaces landlock", problem: "init_failed"},
		{name: "user-without-both", without: "namespaces landlock", user: 10001, problem: "not_isolated"},
		{name: "function", without: "nothing", function: true, problem: "init_failed", got: all, isolation: run.IsolationFunction},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := t.TempDir()
			scratch, secret, program := filepath.Join(base, "scratch"), filepath.Join(base, "secret"), filepath.Join(base, "terraform")
			must(t, os.Chmod(filepath.Dir(base), 0o755), os.Mkdir(scratch, 0o777), os.Chmod(scratch, 0o777), os.WriteFile(secret, []byte("canary"), 0o600),
				os.WriteFile(program, fmt.Appendf(nil, hostile, secret, scratch, os.Getpid()), 0o755))
			source := backendtest.Source(t, c.objects, map[string]string{"app/main.tf": ""})
			doc := backendtest.Document(tt.name+"-0", source)
			doc.Environment = run.JobEnvironment{Name: "dev", Account: awstest.Account, PlanRole: "arn:aws:iam::" + awstest.Account + ":role/plan"}
			key := c.keep(t, doc)

			cmd := exec.CommandContext(t.Context(), copyOfSelf(t, base), key)
			cmd.Env = []string{
				"PATH=" + os.Getenv("PATH"), "TMPDIR=" + scratch, inContainer + "=" + tt.without, itsBucket + "=" + c.o.Bucket, itsProgram + "=" + program,
				itsEndpoint + "=" + e.Endpoint, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/canary", "LOCKKEEPER_EXTERNAL_ID=canary-of-the-account",
			}
			if c.o.Function = tt.function; tt.function { // it leaves its result elsewhere
				cmd.Env = append(cmd.Env, asFunction+"="+strconv.FormatBool(true))
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: tt.user, Gid: tt.user}}
			cmd.WaitDelay = time.Minute
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var r run.Result
			content, err := c.left(t, doc)
			must(t, err, json.Unmarshal(content, &r))
			if r.Problem == nil || r.Problem.Code != tt.problem || r.Isolation != tt.isolation {
				t.Fatalf("want the problem %s and isolation %q, got %s", tt.problem, tt.isolation, content)
			}
			for _, what := range append([]string{"variables"}, all...) {
				if got, want := strings.Contains(r.Problem.Detail, "GOT "+what), contains(tt.got, what); got != want {
					t.Errorf("it got %s: %v, want %v:\n%s", what, got, want, r.Problem.Detail)
				}
			}
			if ran := tt.problem == "init_failed"; strings.Contains(r.Problem.Detail, "HAS its own credentials") != ran && !tt.function { // there it wrote over them
				t.Errorf("it has its own credentials: %v, want %v:\n%s", !ran, ran, r.Problem.Detail)
			}
		})
	}
}

func contains(list []string, x string) bool {
	for _, have := range list {
		if have == x {
			return true
		}
	}
	return false
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// copyOfSelf is the test's binary where every user can run it.
func copyOfSelf(t *testing.T, dir string) string {
	t.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	name := filepath.Join(dir, "container.test")
	must(t, err, os.WriteFile(name, content, 0o755))
	return name
}
