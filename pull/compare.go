package pull

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ErrUnrelated means that two commits have no common history.
var ErrUnrelated = errors.New("the commits have no common history")

// Change is one file that differs between two commits.
type Change struct {
	Path   string // slash-separated, from the root of the repository
	Status Status
}

// Paths are the paths of changes, in their order.
func Paths(changes []Change) []string {
	out := make([]string, len(changes))
	for i, c := range changes {
		out[i] = c.Path
	}
	return out
}

// Status says what happened to a file, in git's letters. A renamed file is one
// Deleted and one Added.
type Status byte

// The statuses that exist.
const (
	Added       Status = 'A'
	Deleted     Status = 'D'
	Modified    Status = 'M'
	TypeChanged Status = 'T' // say, from a file to a symlink
)

// Comparison says how a head stands to its base branch.
type Comparison struct {
	MergeBase string   // best common ancestor
	Changes   []Change // from the merge base to the head, see Changed
	Behind    int      // commits of the base that the head lacks, see Behind
}

// Compare asks everything about a base and a head at once, which takes less
// time than one question after the other.
func (m *Mirror) Compare(ctx context.Context, base, head string) (Comparison, error) {
	var c Comparison
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		c.Behind, err = m.Behind(ctx, base, head)
		return err
	})
	group.Go(func() (err error) {
		if c.MergeBase, err = m.MergeBase(ctx, base, head); err == nil {
			c.Changes, err = m.Changed(ctx, c.MergeBase, head)
		}
		return err
	})
	if err := group.Wait(); err != nil {
		return Comparison{}, err
	}
	return c, nil
}

// MergeBase returns the best common ancestor of two commits, or ErrUnrelated.
func (m *Mirror) MergeBase(ctx context.Context, a, b string) (string, error) {
	if err := checkSHA(a, b); err != nil {
		return "", fmt.Errorf("finding merge base: %w", err)
	}
	printed, err := m.fact(ctx, "merge-base", a, b)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 && len(printed) == 0 {
		err = ErrUnrelated
	}
	if err != nil {
		return "", fmt.Errorf("finding merge base of %s and %s: %w", a, b, err)
	}
	return strings.TrimSpace(printed), nil
}

// Changed returns every file that differs between the merge base and the head,
// sorted by path: what GitHub shows as "Files changed", without its limits.
func (m *Mirror) Changed(ctx context.Context, mergeBase, head string) ([]Change, error) {
	if err := checkSHA(mergeBase, head); err != nil {
		return nil, fmt.Errorf("finding changed files: %w", err)
	}
	printed, err := m.fact(ctx, "diff-tree", "-r", "-z", "--no-renames", "--name-status", mergeBase, head)
	if err != nil {
		return nil, fmt.Errorf("finding files changed from %s to %s: %w", mergeBase, head, err)
	}
	changes, err := parseChanges(printed)
	if err != nil {
		return nil, fmt.Errorf("finding files changed from %s to %s: %w", mergeBase, head, err)
	}
	return changes, nil
}

// parseChanges reads "<status>\0<path>\0" repeated.
func parseChanges(text string) ([]Change, error) {
	changes := make([]Change, 0, strings.Count(text, "\x00")/2)
	for len(text) > 0 {
		status, rest, ok1 := strings.Cut(text, "\x00")
		path, rest, ok2 := strings.Cut(rest, "\x00")
		if !ok1 || !ok2 || len(status) != 1 {
			return nil, fmt.Errorf("git printed a change that is none: %.200q", status)
		}
		changes = append(changes, Change{Path: path, Status: Status(status[0])})
		text = rest
	}
	return changes, nil
}

// Behind returns how many commits of base the head lacks; 0 means that the
// head is current. It is GitHub's behind_by of base...head.
func (m *Mirror) Behind(ctx context.Context, base, head string) (int, error) {
	if err := checkSHA(base, head); err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	printed, err := m.fact(ctx, "rev-list", "--count", base, "^"+head)
	if err == nil {
		var behind int
		if behind, err = strconv.Atoi(strings.TrimSpace(printed)); err == nil {
			return behind, nil
		}
	}
	return 0, fmt.Errorf("counting commits of %s that %s lacks: %w", base, head, err)
}

// Conflicts reports whether merging head into base would stop at conflicts. It
// is what GitHub works out as "mergeable", for exactly these commits, and at
// once. The merge is made of objects only and kept by nothing.
func (m *Mirror) Conflicts(ctx context.Context, base, head string) (bool, error) {
	if err := checkSHA(base, head); err != nil {
		return false, fmt.Errorf("trying a merge: %w", err)
	}
	_, conflicts, err := m.mergeTree(ctx, base, head)
	return conflicts, err
}

// mergeTree merges theirs into ours, and returns the tree that comes out when there
// are no conflicts.
func (m *Mirror) mergeTree(ctx context.Context, ours, theirs string) (tree string, conflicts bool, err error) {
	printed, err := m.fact(ctx, "merge-tree", "--write-tree", "--no-messages", "--name-only", ours, theirs)
	var exit *exec.ExitError
	tree, _, _ = strings.Cut(printed, "\n")
	// 1 is for conflicts (git-merge-tree(1), "EXIT STATUS"), but also for a commit that is not there.
	if errors.As(err, &exit) && exit.ExitCode() == 1 && checkSHA(tree) == nil {
		return "", true, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("trying to merge %s into %s: %w", theirs, ours, err)
	}
	return tree, false, nil
}
