package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/app"
)

// Secrets of the server may come through its environment. The kernel shows that
// environment as it was at the start of the program, whatever is unset later, so
// the server starts itself again with next to none of it (docs/adr/0022).

// handedFD names the open file from which the program takes its environment
// when it was started again by itself.
const handedFD = "LOCKKEEPER_ENVIRONMENT_FD"

// shown are the only variables that the kernel may go on showing: what Go's own
// start reads, before anything could be handed over. None of them is a secret.
var shown = []string{"PATH", "HOME", "LANG", "TZ", "TMPDIR", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}

// unseen makes other processes of the same user unable to read this one's
// memory, environment and open files. A program that is started has to set it again.
func unseen() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("closing this process to others of its user: %w", err)
	}
	return nil
}

// hideEnvironment returns once the kernel shows nothing of the environment but
// shown, while os.Getenv still has all of it. For that the program is executed
// once more, as the same process.
func hideEnvironment() error {
	if fd, ok := os.LookupEnv(handedFD); ok {
		return takeEnvironment(fd)
	}
	show, hide := divide(os.Environ())
	if len(hide) == 0 {
		return nil
	}
	executable, err := app.OwnExecutable()
	if err != nil {
		return err
	}
	fd, err := handOver(hide)
	if err != nil {
		return fmt.Errorf("handing the environment over: %w", err)
	}
	err = syscall.Exec(executable, os.Args, append(show, handedFD+"="+strconv.Itoa(fd)))
	return fmt.Errorf("starting again without secrets in the environment: %w", err)
}

// divide separates the entries that may be shown from the others.
func divide(environ []string) (show, hide []string) {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(shown, name) {
			show = append(show, entry)
		} else {
			hide = append(hide, entry)
		}
	}
	return show, hide
}

// handOver writes the entries to a file in memory that the next program
// inherits.
func handOver(entries []string) (fd int, err error) {
	fd, err = unix.MemfdCreate("environment", 0)
	if err != nil {
		return 0, err
	}
	content := []byte(strings.Join(entries, "\x00"))
	for len(content) > 0 {
		n, err := unix.Write(fd, content)
		if err != nil {
			return 0, errors.Join(err, unix.Close(fd))
		}
		content = content[n:]
	}
	_, err = unix.Seek(fd, 0, io.SeekStart)
	return fd, err
}

// takeEnvironment reads what handOver wrote, before anything is started that
// could inherit the file.
func takeEnvironment(number string) error {
	fd, err := strconv.Atoi(number)
	if err != nil || fd < 3 {
		return fmt.Errorf("%s is set by lockkeeper itself: remove it from the environment", handedFD)
	}
	file := os.NewFile(uintptr(fd), "environment")
	content, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close(), os.Unsetenv(handedFD)); err != nil {
		return fmt.Errorf("taking the environment over: %w", err)
	}
	for entry := range bytes.SplitSeq(content, []byte{0}) {
		name, value, _ := strings.Cut(string(entry), "=")
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("taking the environment over: %w", err)
		}
	}
	return nil
}
