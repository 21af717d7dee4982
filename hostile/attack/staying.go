//go:build linux

package attack

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// staying are attacks that leave processes behind. Each of them has the target's
// mark in its command line, ends by itself after a while, and writes nothing: a
// test that fails must not leave anything for ever.
var staying = []Attack{
	{Name: "daemon-setsid", Tries: "leaves a daemon behind: a session of its own, no terminal, nothing open", Holds: "it is gone when the job is", carry: stay(setsid)},
	{Name: "daemon-double-fork", Tries: "leaves a daemon behind whose parent has ended", Holds: "it is gone when the job is", carry: stay(doubleFork)},
	{Name: "daemon-nohup", Tries: "leaves a process behind that no signal but the last one ends", Holds: "it is gone when the job is", carry: stay(func(cmd *exec.Cmd) {})},
	{Name: "daemon-holds-output", Tries: "leaves a process behind that holds the output of terraform open", Holds: "the job ends all the same, and it with it",
		carry: stay(func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr })},
	{Name: "daemon-in-namespace", Tries: "leaves a daemon behind in a process namespace of its own", Holds: "it is gone when the job is", carry: stay(namespaced)},
	{Name: "daemon-holds-files", Tries: "leaves a process behind that holds every file open that it was started with", Holds: "the job ends all the same, and it with it",
		carry: stay(func(cmd *exec.Cmd) {
			for _, fd := range inherited() {
				cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(fd), "inherited"))
			}
		})},
}

// lasts is how long something stays that nobody ends.
const lasts = 3 * time.Minute

func stay(how func(cmd *exec.Cmd)) func(r *Report, t Target) {
	return func(r *Report, t Target) {
		cmd := exec.Command(os.Args[0], "stay", t.Mark, r.name)
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		how(cmd)
		if err := cmd.Start(); err != nil {
			r.Tried("%v", err)
			return
		}
		r.Tried("it runs as %d", cmd.Process.Pid)
	}
}

func setsid(cmd *exec.Cmd) { cmd.SysProcAttr.Setsid, cmd.Dir = true, "/" }

func doubleFork(cmd *exec.Cmd) {
	cmd.Args[1] = "fork"
	cmd.SysProcAttr.Setsid = true
}

func namespaced(cmd *exec.Cmd) {
	cmd.SysProcAttr.Setsid = true
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID
	id := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.UidMappings = id
}

// Child is the rest of a program that an attack started of itself; false when the
// arguments say that it is no such program.
func Child(args []string) bool {
	if len(args) < 4 {
		return false
	}
	switch args[1] {
	case "stay":
		signal.Ignore()
		<-time.After(lasts)
	case "fork":
		cmd := exec.Command(args[0], "stay", args[2], args[3])
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	case "swap":
		swap(args[2], args[3])
	default:
		return false
	}
	return true
}
