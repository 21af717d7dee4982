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
	tips, _, err := m.TipsAndDefault(ctx, remote, refs...)
	return tips, err
}

// TipsAndDefault is Tips, and the name of the remote's default branch; empty when
// it does not say.
func (m *Mirror) TipsAndDefault(ctx context.Context, remote Remote, refs ...string) (tips map[string]string, branch string, err error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, "", fmt.Errorf("asking for tips: %w", err)
		}
	}
	what := strings.Join(refs, " and ")
	printed, err := m.ask(ctx, remote, append([]string{"ls-remote", "--quiet", "--symref", "--", remote.URL, "HEAD"}, refs...)...)
	if err == nil && printed == "" {
		// Every repository with a pull request has some branch. git takes an answer
		// that is none of its protocol for an empty repository.
		err = fmt.Errorf("%w: it names no branch at all", ErrRemote)
	}
	if err != nil {
		return nil, "", fmt.Errorf("asking where %s points: %w", what, err)
	}
	tips, branch, err = readTips(printed, refs)
	if err != nil {
		return nil, "", fmt.Errorf("asking where %s points: %w", what, err)
	}
	return tips, branch, nil
}

// readTips reads "<sha>\t<ref>" and "ref: <ref>\tHEAD" lines.
func readTips(printed string, refs []string) (tips map[string]string, branch string, err error) {
	tips = make(map[string]string, len(refs))
	for _, ref := range refs {
		tips[ref] = ""
	}
	for line := range strings.Lines(printed) {
		sha, ref, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if target, symbolic := strings.CutPrefix(sha, "ref: "); ok && symbolic {
			if ref == "HEAD" {
				branch, _ = strings.CutPrefix(target, "refs/heads/")
			}
			continue
		}
		if !ok || checkSHA(sha) != nil {
			return nil, "", fmt.Errorf("git printed a line that is none: %.200q", line)
		}
		if _, wanted := tips[ref]; wanted { // git matches the end of a name
			tips[ref] = sha
		}
	}
	return tips, branch, nil
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
