package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrRemote means that the remote could not be read: the network, the token, or
// the remote itself. RetryAfter counts it as temporary.
var ErrRemote = errors.New("the remote could not be read")

// ErrGone means that the remote does not have a commit, and trying again does
// not help.
var ErrGone = errors.New("the remote does not have the commit")

// Remote is where a mirror fetches from.
type Remote struct {
	URL string // https (or http, for a double on this machine), without credentials

	// Token returns a token that may read the repository, another one than
	// refused, which the remote did not take; that is empty at first. It is called
	// only when the network is used. Nil means no credentials.
	Token func(ctx context.Context, refused string) (string, error)
}

// Fetch makes sure that the mirror holds the commits with their whole history.
// It returns at once, without network, when it does. Commits that were fetched
// once stay, also when GitHub has forgotten them after a forced push. The
// remote must serve commits by SHA, as GitHub does. Errors of the remote are
// ErrGone or ErrRemote; they leave the mirror as it was, calling again is safe.
func (m *Mirror) Fetch(ctx context.Context, remote Remote, want ...string) error {
	if err := checkSHA(want...); err != nil {
		return fmt.Errorf("fetching: %w", err)
	}
	if len(m.unknown(want)) == 0 {
		return nil
	}
	select {
	case m.fetching <- struct{}{}:
		defer func() { <-m.fetching }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for another fetch: %w", ctx.Err())
	}
	missing, err := m.missing(ctx, m.unknown(want)) // again: another fetch may have brought them
	if err != nil {
		return fmt.Errorf("looking for commits in the mirror: %w", err)
	}
	if len(missing) > 0 {
		if err := m.fetch(ctx, remote, missing); err != nil {
			return fmt.Errorf("fetching %s: %w", strings.Join(missing, ", "), err)
		}
	}
	m.remember(want)
	return nil
}

// keepRef is the ref that keeps a commit from being collected. It also marks
// the commit as complete: git writes it after it has checked that everything
// reachable is there.
func keepRef(sha string) string { return "refs/lockkeeper/" + sha }

func (m *Mirror) unknown(want []string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var unknown []string
	for _, sha := range want {
		if !m.known[sha] {
			unknown = append(unknown, sha)
		}
	}
	return unknown
}

func (m *Mirror) remember(shas []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, sha := range shas {
		m.known[sha] = true
	}
}

// missing returns those commits that have no keepRef.
func (m *Mirror) missing(ctx context.Context, shas []string) ([]string, error) {
	var missing, there []string
	for _, sha := range shas {
		if m.never(keepRef(sha)) {
			missing = append(missing, sha)
		} else {
			there = append(there, sha)
		}
	}
	broken, err := m.without(ctx, there)
	return append(missing, broken...), err
}

// never reports that there is no such ref: no file, and no file of packed ones
// (gitrepository-layout(5)), in this order, for git packs a ref before it removes its
// file. So it is with each new commit, and shows without a process.
func (m *Mirror) never(ref string) bool {
	for _, name := range []string{ref, "packed-refs"} {
		if _, err := os.Lstat(filepath.Join(m.dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// without asks git which of the commits have no keepRef to an object that is there.
func (m *Mirror) without(ctx context.Context, shas []string) ([]string, error) {
	if len(shas) == 0 {
		return nil, nil
	}
	var ask strings.Builder
	for _, sha := range shas {
		ask.WriteString(keepRef(sha) + "\n")
	}
	cmd := git(ctx, m.dir, "cat-file", "--batch-check=%(objectname)")
	cmd.Stdin = strings.NewReader(ask.String())
	answer, err := output(ctx, cmd)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	if len(lines) != len(shas) {
		return nil, fmt.Errorf("git answered %d of %d questions", len(lines), len(shas))
	}
	var missing []string
	for i, sha := range shas {
		if lines[i] != sha {
			missing = append(missing, sha)
		}
	}
	return missing, nil
}

func (m *Mirror) fetch(ctx context.Context, remote Remote, shas []string) error {
	args := append(lenient(), "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", remote.URL)
	for _, sha := range shas {
		args = append(args, sha+":"+keepRef(sha))
	}
	_, err := m.ask(ctx, remote, args...)
	return err
}

// ask runs a git process that talks to the remote and returns what it printed. A
// token that the remote does not take is replaced once: it can have ended early.
func (m *Mirror) ask(ctx context.Context, remote Remote, args ...string) (string, error) {
	token, err := remote.token(ctx, "")
	if err != nil {
		return "", err
	}
	printed, err := m.askWith(ctx, remote, token, args...)
	if token == "" || !errors.Is(err, errUnauthorized) {
		return printed, err
	}
	if token, err = remote.token(ctx, token); err != nil {
		return "", err
	}
	return m.askWith(ctx, remote, token, args...)
}

// token is empty when the remote needs none.
func (r Remote) token(ctx context.Context, refused string) (string, error) {
	if r.Token == nil {
		return "", nil
	}
	token, err := r.Token(ctx, refused)
	if err != nil {
		return "", fmt.Errorf("getting a token: %w", err)
	}
	if token == "" || strings.ContainsAny(token, "\r\n\x00") {
		return "", errors.New("getting a token: it is empty or holds a line break")
	}
	return token, nil
}

// errUnauthorized: the remote does not take the credentials, or wants some.
var errUnauthorized = errors.New("the remote refused the credentials")

// unauthorized reads git's words for an answer 401.
func unauthorized(output string) bool {
	return strings.Contains(output, "Authentication failed") || strings.Contains(output, "could not read Username") ||
		strings.Contains(output, "The requested URL returned error: 401")
}

// askWith is one attempt. The token is in the environment of this one process and its helpers, bound to
// the remote's host, and nowhere else: not in the URL, arguments, configuration
// or errors.
func (m *Mirror) askWith(ctx context.Context, remote Remote, token string, args ...string) (string, error) {
	target, err := checkURL(remote.URL)
	if err != nil {
		return "", err
	}
	settings := append([]string{
		"-c", "protocol." + target.Scheme + ".allow=always",
		// A redirect would carry the token to wherever it points.
		"-c", "http.followRedirects=false",
	}, args...)
	var secrets []string
	command := func(ctx context.Context) *exec.Cmd {
		cmd := git(ctx, m.dir, settings...)
		if token != "" {
			cmd.Env = append(cmd.Env,
				"GIT_CONFIG_COUNT=1",
				"GIT_CONFIG_KEY_0=http."+target.Scheme+"://"+target.Host+"/.extraHeader",
				"GIT_CONFIG_VALUE_0=Authorization: Basic "+basicAuth(token))
		}
		return cmd
	}
	if token != "" {
		secrets = []string{token, basicAuth(token)}
	}
	printed, err := attended(ctx, m.stall, command, secrets...)
	if err == nil || ctx.Err() != nil {
		return printed, err
	}
	if refused := refusedHistory(err.Error()); refused != nil {
		return "", refused
	}
	switch {
	case unauthorized(err.Error()):
		return "", fmt.Errorf("%w: %w: %w", ErrRemote, errUnauthorized, err)
	case strings.Contains(err.Error(), "not our ref"): // upload-pack's words
		return "", fmt.Errorf("%w: %w", ErrGone, err)
	}
	return "", fmt.Errorf("%w: %w", ErrRemote, err)
}

func checkURL(raw string) (*url.URL, error) {
	target, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the repository's URL cannot be parsed") // the error would repeat it
	}
	if target.User != nil {
		return nil, errors.New("the repository's URL holds credentials; it must not")
	}
	if (target.Scheme != "https" && target.Scheme != "http") || target.Host == "" {
		return nil, fmt.Errorf("the repository's URL %q is not an https URL", raw)
	}
	return target, nil
}
