package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Main is the whole of "lockkeeper runner": it does the job in a directory and
// leaves ResultFile there. args are those of Options.Args; secrets come through
// the environment (SecretPrefix). SIGTERM or the end of ctx cancels the job.
//
// It returns the exit code: 0 when a result was written, whatever the result
// says; 1 when none could be; 2 for wrong arguments; 3 when the job had begun
// before, in which case nothing was done.
func Main(ctx context.Context, args []string) int {
	o, err := parseOptions(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "lockkeeper runner is started by the server: %v\n", err)
		return 2
	}
	err = work(ctx, o)
	switch {
	case errors.Is(err, errClaimed):
		return 3
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
