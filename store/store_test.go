package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, file string) *SQLite {
	t.Helper()
	s, err := Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fresh(t testing.TB) *SQLite { return open(t, filepath.Join(t.TempDir(), "test.db")) }

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func delivery(guid string) run.Delivery {
	return run.Delivery{GUID: guid, Event: "issue_comment", Subject: "7/3", Payload: []byte(`{"a":1}`), ReceivedAt: noon}
}

func aRun(id, key string) run.Run {
	return run.Run{
		ID: id, Key: key, Kind: run.KindPlan, State: run.StateAccepted, CreatedAt: noon,
		Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra"}, PullRequest: 3,
	}
}

func TestADeliveryIsKeptOnceAndForgottenWhenDone(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	if !must[bool](t)(s.PutDelivery(ctx, delivery("a"))) {
		t.Error("the first was not added")
	}
	if must[bool](t)(s.PutDelivery(ctx, delivery("a"))) {
		t.Error("the same GUID was added twice")
	}
	got := must[[]run.Delivery](t)(s.PendingDeliveries(ctx, noon, 10))
	want := delivery("a")
	want.Payload = nil
	if d := cmp.Diff([]run.Delivery{want}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := must[[]byte](t)(s.DeliveryPayload(ctx, "a")); string(got) != `{"a":1}` {
		t.Errorf("payload %q", got)
	}
	for range 2 {
		if err := s.DoneDelivery(ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if got := must[[]run.Delivery](t)(s.PendingDeliveries(ctx, noon, 10)); len(got) != 0 {
		t.Errorf("still pending: %v", got)
	}
	if _, err := s.DeliveryPayload(ctx, "a"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("payload of a delivery that is done: error %v", err)
	}
	if must[bool](t)(s.PutDelivery(ctx, delivery("a"))) {
		t.Error("a delivery that was acted on came back")
	}
}

func TestAPutOffDeliveryIsDueLater(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.PutDelivery(ctx, delivery("a")))
	if err := s.RetryDelivery(ctx, "a", noon.Add(time.Minute), 1, "boom"); err != nil {
		t.Fatal(err)
	}
	if got := must[[]run.Delivery](t)(s.PendingDeliveries(ctx, noon, 10)); len(got) != 0 {
		t.Errorf("due too early: %v", got)
	}
	got := must[[]run.Delivery](t)(s.PendingDeliveries(ctx, noon.Add(time.Minute), 10))
	if len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestDeliveriesOfABurstAreAllKept(t *testing.T) {
	s := fresh(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if added, err := s.PutDelivery(t.Context(), delivery(fmt.Sprint(i%100))); err != nil {
				t.Error(added, err)
			}
		})
	}
	wg.Wait()
	if got := must[[]run.Delivery](t)(s.PendingDeliveries(t.Context(), noon, 1000)); len(got) != 100 {
		t.Errorf("%d deliveries, want 100", len(got))
	}
}

func TestARunIsCreatedOncePerKeyWithItsNotices(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	repo := run.Repository{ID: 7, Owner: "acme", Name: "infra"}
	eyes := run.ReactionTo(repo, 3, 99, "eyes")
	if !must[bool](t)(s.CreateRun(ctx, aRun("1", "k"), []run.Notice{eyes})) {
		t.Error("not added")
	}
	if must[bool](t)(s.CreateRun(ctx, aRun("2", "k"), []run.Notice{run.RefreshComment(repo, 3)})) {
		t.Error("the same key was added twice")
	}
	due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10))
	if len(due) != 1 || due[0].Kind != run.NoticeReaction || due[0].Content != "eyes" {
		t.Errorf("notices: %+v", due)
	}
	if got := must[run.Run](t)(s.Run(ctx, "1")); cmp.Diff(aRun("1", "k"), got) != "" {
		t.Errorf("got %+v", got)
	}
	if _, err := s.Run(ctx, "2"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.CreateRun(ctx, aRun("1", "k"), nil))
	boom := errors.New("boom")
	_, err := s.UpdateRun(ctx, "1", func(r *run.Run) ([]run.Notice, error) {
		r.State = run.StateFailed
		return []run.Notice{run.RefreshCheck(*r)}, boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if got := must[run.Run](t)(s.Run(ctx, "1")); got.State != run.StateAccepted {
		t.Errorf("state %s", got.State)
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)); len(due) != 0 {
		t.Errorf("notices %v", due)
	}
	if _, err := s.UpdateRun(ctx, "none", nil); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
}

func TestUpdatesOfOneRunComeOneAfterTheOther(t *testing.T) {
	s := fresh(t)
	must[bool](t)(s.CreateRun(t.Context(), aRun("1", "k"), nil))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := s.UpdateRun(t.Context(), "1", func(r *run.Run) ([]run.Notice, error) {
				r.Behind++
				return nil, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := must[run.Run](t)(s.Run(t.Context(), "1")); got.Behind != 50 {
		t.Errorf("%d updates kept, want 50", got.Behind)
	}
}

func TestListsOfRuns(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	for _, id := range []string{"1", "2", "3"} {
		must[bool](t)(s.CreateRun(ctx, aRun(id, id), nil))
	}
	other := aRun("4", "4")
	other.PullRequest = 8
	must[bool](t)(s.CreateRun(ctx, other, nil))
	must[run.Run](t)(s.UpdateRun(ctx, "2", func(r *run.Run) ([]run.Notice, error) { r.State = run.StateSucceeded; return nil, nil }))

	ids := func(runs []run.Run) (out []string) {
		for _, r := range runs {
			out = append(out, r.ID)
		}
		return out
	}
	if d := cmp.Diff([]string{"1", "3", "4"}, ids(must[[]run.Run](t)(s.ActiveRuns(ctx)))); d != "" {
		t.Errorf("active (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"3", "2"}, ids(must[[]run.Run](t)(s.PullRuns(ctx, 7, 3, 2)))); d != "" {
		t.Errorf("of the pull request (-want +got):\n%s", d)
	}
}

func TestANoticeAddedAgainWhileItIsSentStaysDue(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	n := run.RefreshComment(run.Repository{ID: 7}, 3)
	put := func() {
		if err := s.PutNotices(ctx, []run.Notice{n}); err != nil {
			t.Fatal(err)
		}
	}
	put()
	listed := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10))[0]
	put()
	if err := s.SentNotice(ctx, listed); err != nil {
		t.Fatal(err)
	}
	due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10))
	if len(due) != 1 || due[0].Version != 2 {
		t.Fatalf("due: %+v", due)
	}
	if err := s.SentNotice(ctx, due[0]); err != nil {
		t.Fatal(err)
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)); len(due) != 0 {
		t.Errorf("due: %+v", due)
	}
}

func TestAReplyIsSaidOnce(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	n := run.ReplyTo(run.Repository{ID: 7}, 3, "delivery/a", "hello")
	for range 2 {
		if err := s.PutNotices(ctx, []run.Notice{n}); err != nil {
			t.Fatal(err)
		}
		for _, due := range must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)) {
			if due.Version != 1 || due.Body != "hello" {
				t.Errorf("due: %+v", due)
			}
			if err := s.SentNotice(ctx, due); err != nil {
				t.Fatal(err)
			}
		}
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 10)); len(due) != 0 {
		t.Errorf("due again: %+v", due)
	}
}

func TestAPutOffNoticeIsDueLater(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	if err := s.PutNotices(ctx, []run.Notice{run.RefreshComment(run.Repository{ID: 7}, 3)}); err != nil {
		t.Fatal(err)
	}
	n := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 1))[0]
	if err := s.RetryNotice(ctx, n, noon.Add(time.Minute), "502"); err != nil {
		t.Fatal(err)
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 1)); len(due) != 0 {
		t.Errorf("due too early: %v", due)
	}
	if due := must[[]run.Notice](t)(s.DueNotices(ctx, noon.Add(time.Minute), 1)); len(due) != 1 || due[0].Attempts != 1 {
		t.Errorf("due: %v", due)
	}
}

func TestPostedIsReplaced(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	if _, err := s.Posted(ctx, "x"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("error %v, want ErrNotFound", err)
	}
	for _, p := range []run.Posted{{Name: "x", ID: 1}, {Name: "x", ID: 2, Digest: "d", Buttons: "plan apply"}, {Name: "x", ID: 2, Digest: "e"}} {
		if err := s.PutPosted(ctx, p); err != nil {
			t.Fatal(err)
		}
		if got := must[run.Posted](t)(s.Posted(ctx, "x")); got != p {
			t.Errorf("got %+v, want %+v", got, p)
		}
	}
}

func TestSweepForgetsOnlyWhatIsOldAndOver(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	s.Now = func() time.Time { return noon }
	for _, guid := range []string{"done", "open"} {
		must[bool](t)(s.PutDelivery(ctx, delivery(guid)))
	}
	if err := s.DoneDelivery(ctx, "done"); err != nil {
		t.Fatal(err)
	}
	final := aRun("1", "final")
	final.State = run.StateSucceeded
	must[bool](t)(s.CreateRun(ctx, final, nil))
	must[bool](t)(s.CreateRun(ctx, aRun("2", "active"), []run.Notice{run.RefreshComment(final.Repository, 3)}))
	if err := s.Sweep(ctx, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(ctx, "1"); !errors.Is(err, run.ErrNotFound) {
		t.Errorf("the final run is still there: %v", err)
	}
	must[run.Run](t)(s.Run(ctx, "2"))
	if got := must[[]run.Delivery](t)(s.PendingDeliveries(ctx, noon, 9)); len(got) != 1 || got[0].GUID != "open" {
		t.Errorf("deliveries: %v", got)
	}
	if got := must[[]run.Notice](t)(s.DueNotices(ctx, noon, 9)); len(got) != 1 {
		t.Errorf("notices: %v", got)
	}
}

func TestBacklogCountsWhatIsNotDone(t *testing.T) {
	s, ctx := fresh(t), t.Context()
	must[bool](t)(s.PutDelivery(ctx, delivery("a")))
	must[bool](t)(s.PutDelivery(ctx, delivery("b")))
	if err := s.DoneDelivery(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	r := aRun("1", "k")
	must[bool](t)(s.CreateRun(ctx, r, []run.Notice{run.RefreshComment(r.Repository, 3), run.ReplyTo(r.Repository, 3, "x", "y")}))
	if got, want := must[Backlog](t)(s.Backlog(ctx)), (Backlog{Deliveries: 1, Runs: 1, Notices: 2}); got != want {
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
	for _, d := range must[[]run.Delivery](t)(s.PendingDeliveries(context.Background(), noon, 1_000_000)) {
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
		must[bool](t)(s.PutDelivery(t.Context(), delivery(guid)))
		fmt.Println(guid)
	}
}

func BenchmarkPutDelivery(b *testing.B) {
	s := fresh(b)
	n := 0
	for b.Loop() {
		n++
		must[bool](b)(s.PutDelivery(b.Context(), delivery(fmt.Sprint(n))))
	}
}

func BenchmarkUpdateRun(b *testing.B) {
	s := fresh(b)
	must[bool](b)(s.CreateRun(b.Context(), aRun("1", "k"), nil))
	for b.Loop() {
		must[run.Run](b)(s.UpdateRun(b.Context(), "1", func(r *run.Run) ([]run.Notice, error) {
			r.Behind++
			return []run.Notice{run.RefreshComment(r.Repository, r.PullRequest)}, nil
		}))
	}
}
