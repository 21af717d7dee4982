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
	found := tipsFound{tips: make(map[string]string, len(refs))}
	for _, ref := range refs {
		found.tips[ref] = ""
	}
	err = m.lsRefs(ctx, remote, append([]string{"HEAD"}, refs...), found.read)
	if err == nil && !found.any {
		// Every repository with a pull request has some branch.
		err = fmt.Errorf("%w: it names no branch at all", ErrRemote)
	}
	if err != nil {
		return nil, "", fmt.Errorf("asking where %s points: %w", strings.Join(refs, " and "), err)
	}
	return found.tips, found.branch, nil
}

// tipsFound is what the lines of an answer say, "<sha> <ref>", of HEAD with
// " symref-target:<ref>" behind it.
type tipsFound struct {
	tips   map[string]string // has the refs that are requested
	branch string
	any    bool
}

func (f *tipsFound) read(line string) error {
	sha, rest, ok := strings.Cut(line, " ")
	ref, attributes, _ := strings.Cut(rest, " ")
	if sha == "unborn" && ref == "HEAD" { // it names a branch that does not exist
		return nil
	}
	if !ok || checkSHA(sha) != nil {
		return fmt.Errorf("the remote wrote a line that is none: %.200q", line)
	}
	f.any = true
	for attribute := range strings.FieldsSeq(attributes) {
		if target, symbolic := strings.CutPrefix(attribute, "symref-target:"); symbolic && ref == "HEAD" {
			f.branch, _ = strings.CutPrefix(target, "refs/heads/")
		}
	}
	if _, wanted := f.tips[ref]; wanted { // the remote names all that begin like it
		f.tips[ref] = sha
	}
	return nil
}

// checkRef refuses names that no ref can have
// (git-check-ref-format(1)), and what would be more than one line of the protocol.
func checkRef(ref string) error {
	if !strings.HasPrefix(ref, "refs/") || len(ref) > 1024 || strings.ContainsAny(ref, " ~^:?*[\\\x7f") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "//") || strings.HasSuffix(ref, "/") ||
		strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' }) {
		return fmt.Errorf("%.80q is not the full name of a ref", ref)
	}
	return nil
}
