package outbox

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lockkeeper/lockkeeper/fair"
	"github.com/lockkeeper/lockkeeper/loop"
	"github.com/lockkeeper/lockkeeper/run"
)

// inQueues sorts notices into queues, which are sent side by side: one for each
// pull request, and one for each reaction.
func inQueues(due []run.Notice) (order []string, byQueue map[string][]run.Notice) {
	byQueue = map[string][]run.Notice{}
	for _, n := range due {
		queue := fmt.Sprintf("%d/%d", n.Repository.ID, n.PullRequest)
		if n.Kind == run.NoticeReaction {
			queue = "reaction/" + n.Key
		}
		if byQueue[queue] == nil {
			order = append(order, queue)
		}
		byQueue[queue] = append(byQueue[queue], n)
	}
	for _, notices := range byQueue {
		slices.SortStableFunc(notices, func(a, b run.Notice) int { return cmp.Compare(priority(a), priority(b)) })
	}
	return order, byQueue
}

// priority puts the comment before the check runs, so that who looks at a check
// run that just ended finds the comment up to date. A notice that was sent before
// keeps its old place in the store, which therefore cannot decide this.
func priority(n run.Notice) int {
	switch n.Kind {
	case run.NoticeComment:
		return 1
	case run.NoticeCheck:
		return 2
	case run.NoticeMerge: // GitHub may want the check first
		return 3
	}
	return 0
}

func installation(n run.Notice) string {
	return fmt.Sprintf("installation/%d", n.Repository.InstallationID)
}

// version is what a notice is now: the same one, added again, has another.
func version(n run.Notice) string { return fmt.Sprintf("notice/%d/%d", n.ID, n.Version) }

// whose says on whose behalf a notice is sent. People are notified of pull requests.
func whose(n run.Notice) fair.Key {
	r := n.Repository
	return run.Whose{InstallationID: r.InstallationID, RepositoryID: r.ID, Person: strconv.Itoa(n.PullRequest)}.Key()
}

// retries are how long a notice waits that could not be sent.
var retries = loop.Backoff{First: 2 * time.Second, Longest: 5 * time.Minute}
