package githttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// settings make git behave as GitHub's servers do, and keep a repository's own
// configuration from running anything.
var settings = []string{
	"uploadpack.allowFilter=true",
	"uploadpack.allowAnySHA1InWant=true",
	"receive.hideRefs=refs/pull",
	"receive.autogc=false", // unreachable commits stay fetchable
	"core.hooksPath=/dev/null",
	"core.fsmonitor=false",
}

// stopGrace is how long git may take to clean up once its client has gone.
const stopGrace = 5 * time.Second

func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	var all []string
	for _, setting := range append(slices.Clone(settings), "safe.directory="+dir) {
		all = append(all, "-c", setting)
	}
	cmd := exec.CommandContext(ctx, "git", append(all, args...)...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
	// git has children (pack-objects, index-pack): stop them together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	return cmd
}

// service is the git process that answers c.
func service(ctx context.Context, c call, dir string) *exec.Cmd {
	args := []string{strings.TrimPrefix(c.service, "git-"), "--stateless-rpc"}
	if c.advertise {
		args = append(args, "--advertise-refs")
	}
	cmd := command(ctx, dir, append(args, dir)...)
	if c.protocol != "" {
		cmd.Env = append(cmd.Env, "GIT_PROTOCOL="+c.protocol)
	}
	return cmd
}

// advertise answers the first request of a conversation. Protocol version 2,
// which receive-pack does not speak, has no service line
// (gitprotocol-v2(5), "HTTP Transport").
func (s *Server) advertise(w http.ResponseWriter, r *http.Request, c call, dir string) {
	version2 := c.service == uploadPack && slices.Contains(strings.Split(c.protocol, ":"), "version=2")
	out, err := s.advertisement(r.Context(), c, dir, version2)
	if err != nil {
		unavailable(r.Context(), w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-"+c.service+"-advertisement")
	if !version2 {
		line := "# service=" + c.service + "\n"
		fmt.Fprintf(w, "%04x%s0000", len(line)+4, line)
	}
	_, _ = w.Write(out) // an error means that the client has gone
}

func (s *Server) advertisement(ctx context.Context, c call, dir string, version2 bool) ([]byte, error) {
	key := c.protocol + " " + dir
	if known, ok := s.abilities.Load(key); ok && version2 {
		return known.([]byte), nil
	}
	out, err := output(service(ctx, c, dir))
	if err == nil && version2 {
		s.abilities.Store(key, out)
	}
	return out, err
}

// exchange passes the request to git and git's answer to the client.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, c call, dir string) {
	body, err := requestBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	// git may answer before it has read everything. Not every ResponseWriter
	// can do that, and most conversations do not need it.
	_ = http.NewResponseController(w).EnableFullDuplex()
	w.Header().Set("Content-Type", "application/x-"+c.service+"-result")
	cmd := service(r.Context(), c, dir)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = body, w, &stderr
	if err := cmd.Run(); err != nil {
		// What a client must know git has told it in the protocol.
		zerolog.Ctx(r.Context()).Debug().Err(err).Str("stderr", stderr.String()).Msg("git ended with an error")
	}
}

// refs lists every ref of a repository: full name to SHA.
func refs(ctx context.Context, dir string) (map[string]string, error) {
	out, err := output(command(ctx, dir, "for-each-ref", "--format=%(refname) %(objectname)"))
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, sha, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name] = sha
	}
	return all, nil
}

func output(cmd *exec.Cmd) ([]byte, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("running git: %w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("running git: %w", err)
	}
	return out, nil
}
