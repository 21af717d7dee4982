package awstest

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// forks is the process of which each emulator is a fork: to import moto takes
// seconds, and one process does it for all tests of a binary. It ends when its
// input does, and so with the tests.
type forks struct {
	mu  sync.Mutex // held from a request to its answer
	in  io.Writer
	out *bufio.Reader
}

var shared = sync.OnceValues(newForks)

func newForks() (*forks, error) {
	python, err := found()
	if err != nil {
		return nil, fmt.Errorf("the tests of the AWS engine need Python with moto %s: %w (LOCKKEEPER_SKIP_AWS=1 skips them)", motoVersion, err)
	}
	dir, err := os.MkdirTemp("", "emulator")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // everything is imported then
	if err := os.CopyFS(dir, program); err != nil {
		return nil, err
	}
	cmd := exec.Command(python, filepath.Join(dir, "emulator"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &forks{in: in, out: bufio.NewReader(out)}
	if line, err := f.out.ReadString('\n'); err != nil || line != "ready\n" {
		text, _ := os.ReadFile(log.Name()) // best effort: it says why
		return nil, fmt.Errorf("the emulator did not start: %s%s", line, text)
	}
	return f, nil
}

// ask sends a request and returns the line that answers it.
func (f *forks) ask(request any) (string, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		return "", fmt.Errorf("asking for an emulator: %w", err)
	}
	answer, err := f.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("asking for an emulator: %w", err)
	}
	return strings.TrimSpace(answer), nil
}

// start starts an emulator that ends with the test.
func (f *forks) start(t testing.TB, o Options) (*Emulator, error) {
	dir := t.TempDir()
	env := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	e := &Emulator{log: filepath.Join(dir, "emulator.log")}
	images := o.Images
	if images == nil {
		images = map[string]Image{}
	}
	answer, err := f.ask(map[string]any{"start": map[string]any{
		"images": images, "dir": dir, "log": e.log, "env": env,
		"stop_grace": cmp.Or(o.StopGrace, 30*time.Second).Seconds(), "max_jobs": cmp.Or(o.MaxJobs, 1000),
	}})
	if err != nil {
		return nil, err
	}
	var port, pid int
	if _, err := fmt.Sscanf(answer, "ready %d %d", &port, &pid); err != nil {
		return nil, fmt.Errorf("the emulator did not start: %s %s", answer, e.Log())
	}
	t.Cleanup(func() {
		if answer, err := f.ask(map[string]int{"end": pid}); err != nil || answer != "ended" {
			t.Errorf("ending the emulator: %s %v", answer, err)
		}
	})
	e.Endpoint = fmt.Sprintf("http://127.0.0.1:%d", port)
	return e, nil
}
