package pull

import (
	"context"
	"fmt"
	"strings"
)

// Tips asks the remote where refs point now, over git's own protocol, which is
// no call of GitHub's REST API. refs are full names, such as refs/heads/main.
// The answer has "" for one that does not exist. Nothing is fetched.
func (m *Mirror) Tips(ctx context.Context, remote Remote, refs ...string) (map[string]string, error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, fmt.Errorf("asking for tips: %w", err)
		}
	}
	what := strings.Join(refs, " and ")
	printed, err := m.ask(ctx, remote, append([]string{"ls-remote", "--quiet", "--", remote.URL}, refs...)...)
	if err != nil {
		return nil, fmt.Errorf("asking where %s points: %w", what, err)
	}
	tips := make(map[string]string, len(refs))
	for _, ref := range refs {
		tips[ref] = ""
	}
	for line := range strings.Lines(printed) {
		sha, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || checkSHA(sha) != nil {
			return nil, fmt.Errorf("asking where %s points: git printed a line that is none: %.200q", what, line)
		}
		if _, wanted := tips[ref]; wanted { // git matches the end of a name
			tips[ref] = sha
		}
	}
	return tips, nil
}

// checkRef refuses names that git would take for patterns or that no ref can
// have (git-check-ref-format(1)); ls-remote(1) matches patterns.
func checkRef(ref string) error {
	if !strings.HasPrefix(ref, "refs/") || len(ref) > 1024 || strings.ContainsAny(ref, " ~^:?*[\\\x7f") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "//") || strings.HasSuffix(ref, "/") ||
		strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%.80q is not the full name of a ref", ref)
	}
	return nil
}
