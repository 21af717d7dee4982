package local_test

import (
	"context"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// T41: people see what a long job prints, and no secret of it.
func TestT41_LiveLines(t *testing.T) {
	t.Parallel()
	const leak = "a-secret-that-terraform-prints"
	f := newFixture(t)
	f.options.Secrets = func(context.Context, run.JobEnvironment, run.Kind) (map[string]string, error) {
		return map[string]string{"LEAK": leak}, nil
	}
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	backendtest.LiveLines(t, e, inbox, backendtest.Document("run-0", backendtest.Source(t, f.artifacts, backendtest.FakeSource)), leak)
}
