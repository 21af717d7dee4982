package pull

import (
	"context"
	"fmt"
	"strings"
)

// BeforeMerge returns a commit of the base branch with which a head that is merged can be
// compared as before: merged is the commit that the merge made there, then what the tip
// was before as far as GitHub reports. What was squashed or rebased is not in the branch, so
// its tip still shows what the head changed; of a merge commit that is its first parent;
// where the head itself was pushed to the base branch, only GitHub knows.
func (m *Mirror) BeforeMerge(ctx context.Context, merged, then, head string) (string, error) {
	if err := checkSHA(merged, then, head); err != nil {
		return "", fmt.Errorf("finding what was before a merge: %w", err)
	}
	new, err := m.Behind(ctx, head, merged)
	switch {
	case err != nil:
		return "", err
	case merged == head:
		return then, nil
	case new > 0:
		return merged, nil
	}
	printed, err := m.fact(ctx, "rev-parse", "--verify", merged+"^1")
	first := strings.TrimSpace(printed)
	if err == nil {
		err = checkSHA(first)
	}
	if err != nil {
		return "", fmt.Errorf("finding the first parent of %s: %w", merged, err)
	}
	return first, nil
}
