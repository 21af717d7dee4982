package pull

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// maxBaseMerges is how many merges of the base are looked at: each is a git process.
// Others count like any commit.
const maxBaseMerges = 20

// BaseMerges are the commits, of those that a pull request brings, which only take the
// base branch in and hold what git makes of that by itself: who made or pushed
// one has written nothing ("Update branch" makes them).
func (m *Mirror) BaseMerges(ctx context.Context, brought []Commit) (map[string]bool, error) {
	merges := map[string]bool{}
	looked := 0
	for _, c := range brought {
		if len(c.Parents) != 2 || isBrought(brought, c.Parents[1]) || looked == maxBaseMerges {
			continue
		}
		looked++
		clean, err := m.isCleanMerge(ctx, c)
		if err != nil {
			return nil, err
		}
		if clean {
			merges[c.SHA] = true
		}
	}
	return merges, nil
}

func isBrought(brought []Commit, sha string) bool {
	return slices.ContainsFunc(brought, func(c Commit) bool { return c.SHA == sha })
}

// isCleanMerge compares the tree of a merge with what git makes of its parents.
func (m *Mirror) isCleanMerge(ctx context.Context, c Commit) (bool, error) {
	tree, conflicts, err := m.mergeTree(ctx, c.Parents[0], c.Parents[1])
	if err != nil || conflicts {
		return false, err
	}
	own, err := m.fact(ctx, "rev-parse", "--verify", "--end-of-options", c.SHA+"^{tree}")
	if err != nil {
		return false, fmt.Errorf("reading the tree of %s: %w", c.SHA, err)
	}
	return strings.TrimSpace(own) == tree, nil
}

// WithoutBaseMerges are the commits that are none of merges.
func WithoutBaseMerges(commits []Commit, merges map[string]bool) []Commit {
	return slices.DeleteFunc(slices.Clone(commits), func(c Commit) bool { return merges[c.SHA] })
}
