package report

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// inLanes sorts notices into lanes, which are sent side by side: one for each
// pull request, and one for each reaction.
func inLanes(due []run.Notice) (order []string, byLane map[string][]run.Notice) {
	byLane = map[string][]run.Notice{}
	for _, n := range due {
		lane := fmt.Sprintf("%d/%d", n.Repository.ID, n.PullRequest)
		if n.Kind == run.NoticeReaction {
			lane = "reaction/" + n.Key
		}
		if byLane[lane] == nil {
			order = append(order, lane)
		}
		byLane[lane] = append(byLane[lane], n)
	}
	for _, notices := range byLane {
		slices.SortStableFunc(notices, func(a, b run.Notice) int { return cmp.Compare(turn(a), turn(b)) })
	}
	return order, byLane
}

// turn puts the comment before the check runs, so that who looks at a check run
// that just ended finds the comment up to date. A notice that was sent before
// keeps its old place in the store, which therefore cannot decide this.
func turn(n run.Notice) int {
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

// limitsAll tells the errors after which a whole installation has to wait: its
// rate limits.
func limitsAll(err error) bool {
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	return errors.As(err, &primary) || errors.As(err, &secondary) ||
		answers(err, http.StatusForbidden) || answers(err, http.StatusTooManyRequests)
}

// answers tells whether GitHub's answer was this status.
func answers(err error, status int) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && answer.Response != nil && answer.Response.StatusCode == status
}

// Backoff doubles from its first wait to its longest, each with up to a quarter
// more by chance so that many do not come back at once.
const (
	firstWait   = 2 * time.Second
	longestWait = 5 * time.Minute
)

func backoff(attempts int) time.Duration {
	wait := min(firstWait<<min(max(attempts, 0), 16), longestWait)
	return wait + rand.N(wait/4)
}
