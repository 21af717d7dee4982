package backendtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const runnerName = "lockkeeper-runner"

// Runner is where BuildRunner puts the small runner.
func Runner() string { return filepath.Join(filepath.Dir(os.Args[0]), runnerName) }

// BuildRunner builds the small runner beside the tests' own binary, where a server
// finds it, too: as a runner that binary takes five times as long to start. TestMain
// calls it; go test removes both. One that is there already came along, to a machine
// without go.
func BuildRunner() error {
	if _, err := os.Stat(Runner()); err == nil {
		return nil
	}
	cmd := exec.Command("go", "build", "-trimpath", fmt.Sprintf("-race=%v", raced), "-o", Runner(), "github.com/lockkeeper/lockkeeper/runner/"+runnerName)
	cmd.Env = os.Environ()
	if !raced {
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the runner: %w\n%s", err, out)
	}
	return nil
}
