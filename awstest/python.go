package awstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// motoVersion is the one that the emulator patches.
const motoVersion = "5.2.1"

// found is interpreter, asked once: where nothing can be installed, every test
// would wait for that again.
var found = sync.OnceValues(func() (string, error) { return interpreter(context.Background()) })

// interpreter finds a Python that has moto, or makes a virtual environment that
// does. An error is one line.
func interpreter(ctx context.Context) (string, error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", errors.New("python3 is not on the PATH")
	}
	if hasMoto(ctx, python) {
		return python, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	env := filepath.Join(cache, "lockkeeper", "moto-"+motoVersion)
	unlock, err := lock(env + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	inEnv := filepath.Join(env, "bin", "python")
	if hasMoto(ctx, inEnv) {
		return inEnv, nil
	}
	if err := exec.CommandContext(ctx, python, "-m", "venv", env).Run(); err != nil {
		return "", fmt.Errorf("making a virtual environment, for which Debian has the package python3-venv: %w", err)
	}
	out, err := exec.CommandContext(ctx, inEnv, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"moto[server,batch,stepfunctions]=="+motoVersion, "boto3").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("installing moto: %w: %s", err, lastLine(out))
	}
	return inEnv, nil
}

func hasMoto(ctx context.Context, python string) bool {
	// To import them takes a second of a processor, which the emulator spends a moment later.
	const has = "from importlib import metadata, util; raise SystemExit(metadata.version('moto') != '" + motoVersion + "' or not all(map(util.find_spec, ('moto', 'flask', 'boto3'))))"
	return exec.CommandContext(ctx, python, "-c", has).Run() == nil
}

// lock waits for a lock among processes: go test runs packages side by side, and
// they make one environment.
func lock(file string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("waiting for %s: %w", file, err)
	}
	return func() { _ = f.Close() }, nil // which unlocks
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
