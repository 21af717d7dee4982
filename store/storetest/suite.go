// Package storetest is the suite that every store of package run passes.
//
// It must not know how a store works inside.
package storetest

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// Store is what the server and its sweeps ask of a store.
type Store interface {
	run.Store
	// CreateRun is SubmitRun for a run that joins none.
	CreateRun(ctx context.Context, r run.Run, notices []run.Notice) (added bool, err error)
	// RefusedRuns lists the newest run of each pull request of a repository, where it
	// was refused with a problem of this code.
	RefusedRuns(ctx context.Context, repositoryID int64, code string) ([]run.Run, error)
	// Repositories lists the repositories of all runs, the most recently active first.
	Repositories(ctx context.Context, limit int) ([]run.Repository, error)
	// KnownDelivery reports whether a delivery with this DedupKey was ever stored.
	KnownDelivery(ctx context.Context, key string) (known bool, err error)
	// Sweep forgets what is done and older than before.
	Sweep(ctx context.Context, before time.Time) error
	// Close ends the store.
	Close() error
}

// Open opens the store of a place, which is a directory, and makes it when there is
// none. Durable says that what it committed must survive a power cut. It is closed
// with the test.
type Open func(t testing.TB, place string, durable bool) Store

// Suite is what every store passes.
func Suite(t *testing.T, open Open) {
	u := reflect.ValueOf(suite{open})
	for i := range u.NumMethod() {
		name, found := strings.CutPrefix(u.Type().Method(i).Name, "Test")
		if found {
			t.Run(name, u.Method(i).Interface().(func(*testing.T)))
		}
	}
}

// suite has the tests as its methods.
type suite struct{ open Open }

func (u suite) fresh(t testing.TB) Store {
	t.Helper()
	return u.open(t, t.TempDir(), true)
}
