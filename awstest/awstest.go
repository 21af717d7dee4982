package awstest

import (
	"bufio"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Region and Account of everything in an emulator.
const (
	Region  = "eu-west-1"
	Account = "123456789012"
)

//go:embed emulator/*.py
var program embed.FS

// Image is the local command that stands for a container image.
type Image struct {
	Entrypoint []string          `json:"entrypoint"`
	Env        map[string]string `json:"env,omitempty"`
}

// Options of an emulator.
type Options struct {
	Images    map[string]Image // by repository URI, with or without a tag
	MaxJobs   int              // Batch jobs of one stack that run at once; 0 is many
	StopGrace time.Duration    // between SIGTERM and SIGKILL of a Batch container; 0 is Fargate's 30 s
}

// Emulator is a running AWS.
type Emulator struct {
	Endpoint string
	log      string // file of what it printed
}

// Start starts an emulator that ends with the test. Where Python or moto is
// missing and cannot be installed the test fails with one sentence, or is
// skipped when LOCKKEEPER_SKIP_AWS=1 says so.
func Start(t testing.TB, o Options) *Emulator {
	t.Helper()
	if os.Getenv("LOCKKEEPER_SKIP_AWS") == "1" {
		t.Skip("LOCKKEEPER_SKIP_AWS=1")
	}
	python, err := found()
	if err != nil {
		t.Fatalf("the tests of the AWS engine need Python with moto %s: %v (LOCKKEEPER_SKIP_AWS=1 skips them)", motoVersion, err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, program); err != nil {
		t.Fatal(err)
	}
	e, err := start(t, python, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func start(t testing.TB, python, dir string, o Options) (*Emulator, error) {
	images, err := json.Marshal(o.Images)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "images.json")
	if err := os.WriteFile(file, images, 0o600); err != nil {
		return nil, err
	}
	grace := o.StopGrace
	if grace == 0 {
		grace = 30 * time.Second
	}
	log, err := os.Create(filepath.Join(dir, "emulator.log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, filepath.Join(dir, "emulator"), "--images", file, "--short-timeouts", "--stop-grace", fmt.Sprint(grace.Seconds()),
		"--max-jobs", fmt.Sprint(cmp.Or(o.MaxJobs, 1000)))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "PYTHONDONTWRITEBYTECODE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = log.Close()
	})
	e := &Emulator{log: log.Name()}
	port, err := ready(out, log)
	if err != nil {
		return nil, err
	}
	e.Endpoint = "http://127.0.0.1:" + port
	return e, nil
}

// ready waits for the line "ready PORT" and copies what follows to the log.
func ready(out io.Reader, log *os.File) (string, error) {
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		text, _ := os.ReadFile(log.Name()) // best effort: it says why
		return "", fmt.Errorf("the emulator did not start: %s%s", line, text)
	}
	go func() { _, _ = io.Copy(log, lines) }()
	return port, nil
}

// Config is how a principal reaches the emulator. The principal is recorded
// with each of its calls.
func (e *Emulator) Config(principal string) aws.Config {
	cfg, err := config.LoadDefaultConfig(context.Background(),
		config.WithRegion(Region), config.WithBaseEndpoint(e.Endpoint),
		config.WithSharedConfigFiles(nil), config.WithSharedCredentialsFiles(nil),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(principal, "emulator", "")))
	if err != nil {
		panic(err) // no file and no network is involved
	}
	return cfg
}

// Log is the end of what the emulator printed so far; empty when that cannot
// be read.
func (e *Emulator) Log() string {
	text, _ := os.ReadFile(e.log) // it only helps to understand a failure
	return string(text[max(0, len(text)-4000):])
}
