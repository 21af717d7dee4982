package pull

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// How long git may talk to a remote.
const (
	// stallAfter is how long nothing at all may happen. A server that counts and
	// compresses for minutes says every 5 seconds that it is there
	// (git-config(1), uploadpack.keepAlive).
	stallAfter = time.Minute
	// fetchTime bounds a whole conversation, whatever happens.
	fetchTime = time.Hour
)

var (
	errStalled = errors.New("nothing came from the remote for a minute")
	errTooLong = errors.New("it took more than an hour")
)

// attended runs a git process that talks to a remote, and ends it when nothing
// happens any more or when it takes too long. curl's own measure
// (http.lowSpeedLimit) takes the few bytes of a sign of life for silence.
func attended(ctx context.Context, stall time.Duration, command func(context.Context) *exec.Cmd, secrets ...string) (string, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, fetchTime, errTooLong)
	defer cancel()
	watched, giveUp := context.WithCancelCause(bounded)
	defer giveUp(nil)
	cmd := command(watched)
	printed, err := run(watched, cmd, func() { go attend(watched, cmd.Process.Pid, stall, func() { giveUp(errStalled) }) }, secrets...)
	if cause := context.Cause(watched); err != nil && ctx.Err() == nil && cause != nil {
		err = fmt.Errorf("git: %w", cause)
	}
	return printed, err
}

// attend calls giveUp when the processes of a group did nothing for so long. It
// ends with ctx.
func attend(ctx context.Context, group int, stall time.Duration, giveUp func()) {
	tick := time.NewTicker(max(stall/20, time.Millisecond))
	defer tick.Stop()
	last, since := "", time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		done, known := work(group)
		if done != last || !known {
			last, since = done, time.Now()
		}
		if time.Since(since) >= stall {
			giveUp()
			return
		}
	}
}
