package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/storetest"
)

func open(t testing.TB, file string) *Store {
	t.Helper()
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fresh(t testing.TB) *Store { return open(t, filepath.Join(t.TempDir(), "test.db")) }

func TestBacklogCountsWhatIsNotDone(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	storetest.Must[bool](t)(s.PutDelivery(ctx, storetest.Delivery("a")))
	storetest.Must[bool](t)(s.PutDelivery(ctx, storetest.Delivery("b")))
	if err := s.DoneDelivery(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	r := storetest.Run("1", "k")
	storetest.Must[bool](t)(s.CreateRun(ctx, r, []run.Notice{run.RefreshComment(r.Repository, 3), run.ReplyTo(r.Repository, 3, "x", "y")}))
	if got, want := storetest.Must[Backlog](t)(s.Backlog(ctx)), (Backlog{Deliveries: 1, Runs: 1, Notices: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestADatabaseOfANewerVersionIsLeftAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "test.db")
	s := open(t, file)
	if _, err := s.write.Exec(`PRAGMA user_version = 99`); err != nil {
		t.Fatal(err)
	}
	if again, err := Open(t.Context(), file); err == nil {
		_ = again.Close()
		t.Error("opened a database of a newer version")
	}
}

// TestT30AcknowledgedDeliveriesSurviveKill kills a process that writes
// deliveries and prints each one that was kept.
func TestT30AcknowledgedDeliveriesSurviveKill(t *testing.T) {
	if file := os.Getenv("STORE_TEST_WRITER"); file != "" {
		writeDeliveries(t, file)
		return
	}
	file := filepath.Join(t.TempDir(), "test.db")
	kept := map[string]bool{}
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestT30AcknowledgedDeliveriesSurviveKill$")
		cmd.Env = append(os.Environ(), "STORE_TEST_WRITER="+file, fmt.Sprintf("STORE_TEST_ROUND=%d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 20*(round+1) && lines.Scan(); n++ {
			kept[lines.Text()] = true
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			kept[lines.Text()] = true
		}
		_ = cmd.Wait() // killed
	}
	s := open(t, file)
	there := map[string]bool{}
	for _, d := range storetest.Must[[]run.Delivery](t)(s.PendingDeliveries(context.Background(), storetest.Noon, 1_000_000)) {
		there[d.GUID] = true
	}
	for guid := range kept {
		if !there[guid] {
			t.Errorf("delivery %s was acknowledged and is lost", guid)
		}
	}
	if len(kept) < 300 {
		t.Errorf("only %d deliveries were written", len(kept))
	}
}

func writeDeliveries(t *testing.T, file string) {
	s := open(t, file)
	for i := range 100_000 {
		guid := fmt.Sprintf("%s-%d", os.Getenv("STORE_TEST_ROUND"), i)
		storetest.Must[bool](t)(s.PutDelivery(t.Context(), storetest.Delivery(guid)))
		fmt.Println(guid)
	}
}

func BenchmarkPutDelivery(b *testing.B) {
	s := fresh(b)
	n := 0
	for b.Loop() {
		n++
		storetest.Must[bool](b)(s.PutDelivery(b.Context(), storetest.Delivery(fmt.Sprint(n))))
	}
}

func BenchmarkUpdateRun(b *testing.B) {
	s := fresh(b)
	storetest.Must[bool](b)(s.CreateRun(b.Context(), storetest.Run("1", "k"), nil))
	for b.Loop() {
		storetest.Must[run.Run](b)(s.UpdateRun(b.Context(), "1", func(r *run.Run) ([]run.Notice, error) {
			r.Behind++
			return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest)}, nil
		}))
	}
}
