package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

func walSize(t *testing.T, log string) int64 {
	t.Helper()
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// The log is cut by the first commit after a checkpoint that copied all of it.
func TestTheLogIsKeptShortBesideTheCommits(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "db")
	s := storetest.Must[*Store](t)(Open(t.Context(), file))
	t.Cleanup(func() { _ = s.Close() })
	put := func(i int) {
		storetest.Must[bool](t)(s.PutDelivery(t.Context(), run.Delivery{GUID: fmt.Sprint(i), Event: "e", OrderingKey: "s", Payload: make([]byte, 1<<20), ReceivedAt: storetest.Noon}))
	}
	log := file + "-wal"
	n := 0
	for walSize(t, log) <= checkpointAt {
		put(n)
		n++
	}
	for _, quiet := range []bool{false, true} {
		if err := s.checkpoint(log, quiet); err != nil {
			t.Fatal(err)
		}
		put(n)
		if n++; !quiet && walSize(t, log) <= checkpointAt {
			t.Error("a log of this size is copied while others write")
		}
	}
	if size := walSize(t, log); size > checkpointAt {
		t.Errorf("the log has %d bytes after a checkpoint", size)
	}
	if pending := storetest.Must[[]run.Delivery](t)(s.PendingDeliveries(t.Context(), storetest.Noon, 1000)); len(pending) != n {
		t.Errorf("%d of %d deliveries", len(pending), n)
	}
}

// Payloads have many pages, and whatever is behind them in a row costs reading
// them all.
func TestPendingDeliveriesAreListedFromAnIndexAlone(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	rows, err := s.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+pendingDeliveries, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan.String(), "USING COVERING INDEX deliveries_pending") {
		t.Errorf("the plan of the query is:\n%s", plan.String())
	}
}
