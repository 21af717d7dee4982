package local

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/durable"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

// A job is a directory, and where it stands is which files are in it:
//
//	job.json                          taken; it may be started
//	alive, locked                     a process of it exists
//	claimed                           its runner began; it is never started again
//	cancel                            its end was requested
//	result.json                       it has ended
//	delivered                         somebody has taken the message about its end
//
// A lock (flock) ends with the last process that has the file open, however
// that process ends. So after a crash nothing is guessed: claimed, not locked
// and without a result is a job of which nobody knows how far it came.
const (
	aliveFile     = "alive"
	cancelFile    = "cancel"
	deliveredFile = "delivered"
)

// takingPrefix is that of files and directories that are renamed or linked once
// they are complete.
const takingPrefix = ".taking-"

// isJobID says what a job may be called: ASCII letters, digits, - and _,
// beginning with a letter or digit. Other names in the directory are the
// engine's own.
func isJobID(s string) bool {
	for i := range len(s) {
		c := s[i]
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !plain && (i == 0 || c != '-' && c != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// files is the directory of one job.
type files string

func (f files) path(name string) string { return filepath.Join(string(f), name) }

func (f files) has(name string) bool {
	_, err := os.Lstat(f.path(name))
	return err == nil
}

// mark makes an empty file; one that is there stays.
func (f files) mark(name string) error {
	file, err := os.OpenFile(f.path(name), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// time is when a file was written, or now when it is not there.
func (f files) time(name string, now func() time.Time) time.Time {
	info, err := os.Stat(f.path(name))
	if err != nil {
		return now()
	}
	return info.ModTime()
}

func (f files) document() (run.JobDocument, error) {
	var doc run.JobDocument
	return doc, readJSON(f.path(runner.DocumentFile), &doc)
}

// result is what the job left behind, nil when there is none that can be read.
func (f files) result() *run.Result {
	var r run.Result
	if readJSON(f.path(runner.ResultFile), &r) != nil || r.Outcome == "" {
		return nil
	}
	return &r
}

func readJSON(name string, into any) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, into)
}

// take makes the directory of a job, durably and at once. taken is false when
// it was there before.
func take(dir string, doc run.JobDocument) (taken bool, err error) {
	content, err := json.Marshal(doc)
	if err != nil {
		return false, err
	}
	temp, err := os.MkdirTemp(dir, takingPrefix)
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already when it was renamed
	if err := durable.WriteFile(filepath.Join(temp, runner.DocumentFile), content); err != nil {
		return false, err
	}
	switch err := os.Rename(temp, filepath.Join(dir, doc.JobID)); {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTEMPTY):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, durable.SyncDir(dir)
}

// conclude writes the result of a job whose runner wrote none.
func (f files) conclude(r run.Result) error {
	content, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return durable.WriteFile(f.path(runner.ResultFile), content)
}

// delivered notes that the message about the end was taken. The alive file of a
// job without a process serves no other purpose any more.
func (f files) delivered() error {
	err := os.Rename(f.path(aliveFile), f.path(deliveredFile))
	if errors.Is(err, fs.ErrNotExist) { // no process ever was, or this was noted before
		return f.mark(deliveredFile)
	}
	return err
}

// tidy removes everything but what says where the job stands. The rest holds
// secrets (the plan, its JSON) and is worth nothing once artifacts are stored.
func (f files) tidy() error {
	runner.Removable(string(f))
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		switch e.Name() {
		case runner.DocumentFile, runner.ClaimFile, runner.ResultFile, runner.OutputFile, deliveredFile,
			run.ArtifactErroredState: // a state that could not be stored
		default:
			errs = append(errs, os.RemoveAll(f.path(e.Name())))
		}
	}
	return errors.Join(errs...)
}

// forkTakes is how long a process that this one just started may hold a lock
// that it inherited with every other open file, until it runs its own program.
const forkTakes = time.Second

// lockFree is lock for a job that should have no process any more: what a fork
// holds for a moment does not count as one.
func (f files) lockFree() (file *os.File, locked bool, err error) {
	for until := time.Now().Add(forkTakes); ; time.Sleep(time.Millisecond) {
		if file, locked, err = f.lock(); locked || err != nil || time.Now().After(until) {
			return file, locked, err
		}
	}
}

// lock opens the alive file and locks it. locked is false while a process of
// the job exists; file is nil then.
func (f files) lock() (file *os.File, locked bool, err error) {
	file, err = os.OpenFile(f.path(aliveFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, false, err
	}
	err = flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return file, true, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, false, errors.Join(err, file.Close())
}

// gone is closed once no process of the job exists any more.
func (f files) gone() (<-chan struct{}, error) {
	file, err := os.OpenFile(f.path(aliveFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() { _ = file.Close() }()
		_ = flock(file, syscall.LOCK_EX) // an error ends the wait; what is there then decides
	}()
	return ended, nil
}

// pid is the process to ask to end, 0 as long as the runner has not said. It is
// meaningful only while the alive file is locked: the number of a session's
// leader is not used again before its last process ended.
func (f files) pid() int {
	content, err := os.ReadFile(f.path(aliveFile))
	if err != nil || !strings.HasSuffix(string(content), "\n") {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid <= 1 {
		return 0
	}
	return pid
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
