package doctor

import (
	"context"
	"time"
)

// pause is how long doctor waits between two looks at something.
const pause = 2 * time.Second

// sleep waits, at most until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
