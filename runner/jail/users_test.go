package jail

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A thread that ends a job has rights of the job's user, and a signal to one thread
// ends a whole process: the supervisor, or the runner.
func TestInJailWhoEndsAJobIsNotInItsReach(t *testing.T) {
	inMachine(t)
	if os.Getuid() != 0 {
		t.Skip("only root becomes another user")
	}
	u, err := takeUser(Users{})
	if err != nil || u.id == 0 {
		t.Fatal(u, err)
	}
	defer func() { _ = u.held.Close() }()
	program := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(u.id), Gid: uint32(u.id)}}
		return cmd
	}
	stays := program("/bin/sleep", "600")
	if err := stays.Start(); err != nil {
		t.Fatal(err)
	}
	err = u.as(func() error {
		attack := program(os.Args[0], "attack", "thread", strconv.Itoa(os.Getpid()), strconv.Itoa(unix.Gettid()))
		printed := make(chan string)
		go func() { // on a thread that still is root's
			out, _ := attack.CombinedOutput()
			printed <- string(out)
		}()
		if out := <-printed; attack.ProcessState.ExitCode() != stopped {
			t.Errorf("the user may signal a thread that acts for it: %s", out)
		}
		return unix.Kill(stays.Process.Pid, unix.SIGKILL)
	})
	if err != nil {
		t.Error(err)
	}
	if err := stays.Wait(); err == nil {
		t.Error("it was not ended")
	}
}
