package github

import (
	"bytes"
	"context"
	"testing"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// broken is a store that answers nothing but the reason for which the caller stops.
type broken struct{ store }

func (broken) Posted(ctx context.Context, _ string) (run.Posted, error) {
	if err := ctx.Err(); err != nil {
		return run.Posted{}, err
	}
	return run.Posted{}, context.DeadlineExceeded
}

// The end of a server is nothing to warn of.
func TestAnOlderReplyIsNotWarnedOfWhileTheServerStops(t *testing.T) {
	for name, stops := range map[string]bool{"the server stops": true, "the store does not answer": false} {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(zerolog.New(&log).WithContext(t.Context()))
		if stops {
			cancel()
		}
		delivery{GitHub: &GitHub{Store: broken{}}}.minimizeOlder(ctx, "node")
		cancel()
		if warned := log.Len() > 0; warned == stops {
			t.Errorf("%s: logged %q", name, log.String())
		}
	}
}
