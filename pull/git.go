package pull

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// passedOn are the only variables of this process that git gets to see: how to
// find its parts, the proxy, and the certificate authorities to trust.
var passedOn = []string{
	"PATH",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"http_proxy", "https_proxy", "all_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH",
}

// environment is the whole environment of a git process: no configuration of
// the machine or a user, no prompts, no large-file downloads.
func environment() []string {
	env := []string{
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"HOME=/nonexistent",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_LFS_SKIP_SMUDGE=1",
		"GIT_OPTIONAL_LOCKS=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"LC_ALL=C",
	}
	for _, name := range passedOn {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// hardened are the settings of every git process: nothing of a repository is
// executed, nothing but the transports that a call allows is used.
var hardened = []string{
	"-c", "core.hooksPath=/dev/null",
	"-c", "core.fsmonitor=false",
	"-c", "protocol.allow=never",
	"-c", "transfer.fsckObjects=true",
	"-c", "gc.auto=0",
	"-c", "maintenance.auto=false",
}

// git prepares a git process on the repository. It dies with ctx.
func git(ctx context.Context, repository string, args ...string) *exec.Cmd {
	argv := append(append([]string{}, hardened...), "--git-dir="+repository)
	cmd := exec.CommandContext(ctx, "git", append(argv, args...)...)
	cmd.Env = environment()
	cmd.Dir = "/"
	// Its own group, so that the helpers it starts (git-remote-https) end too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs the process and returns what it printed.
func output(ctx context.Context, cmd *exec.Cmd, secrets ...string) (string, error) {
	return run(ctx, cmd, func() {}, secrets...)
}

// run is output with something to do once the process is there.
func run(ctx context.Context, cmd *exec.Cmd, started func(), secrets ...string) (string, error) {
	var stdout strings.Builder
	cmd.Stdout = &stdout
	stderr := &tail{}
	cmd.Stderr = stderr
	err := cmd.Start()
	if err == nil {
		started()
		err = cmd.Wait()
	}
	if err != nil {
		return stdout.String(), gitError(ctx, err, stderr, secrets...)
	}
	return stdout.String(), nil
}

// stream runs the process and gives what it prints to read while it runs.
func stream(ctx context.Context, cmd *exec.Cmd, read func(io.Reader) error) error {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	stderr := &tail{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return gitError(ctx, err, stderr)
	}
	readErr := read(stdout)
	if readErr != nil {
		_ = cmd.Cancel() // nobody reads the rest; it may have ended already
	}
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case waitErr != nil && (readErr == nil || errors.Is(readErr, io.ErrUnexpectedEOF)):
		return gitError(ctx, waitErr, stderr)
	}
	return readErr
}

// gitError says why a git process did not succeed, in git's own words.
func gitError(ctx context.Context, err error, stderr *tail, secrets ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	output := strings.TrimSpace(stderr.String())
	for _, secret := range secrets {
		output = strings.ReplaceAll(output, secret, "***")
	}
	if output == "" {
		return fmt.Errorf("git: %w", err)
	}
	return fmt.Errorf("git: %w: %s", err, output)
}

// tail has the last bytes written to it: of a long output, git gives the reason at
// the end.
type tail struct{ last []byte }

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.last), "�") }

// basicAuth is how GitHub takes an installation token for git over HTTP
// (docs.github.com, "Authenticating as a GitHub App installation": the user name
// is x-access-token).
func basicAuth(token string) string {
	return base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token))
}
