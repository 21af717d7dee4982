package gate_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
)

// A hundred plans of one project leave what was planned of the others before.
func TestManyPlansOfOneProjectHideNoOther(t *testing.T) {
	w := newGateWorld(t, twoProjects())
	n, _ := w.Open(change("other/main.tf"))
	w.Plan(n, nil)
	again := w.Plan(n, nil, naming("live-dev"))
	for i := range run.RecentRuns {
		r := again
		r.ID = fmt.Sprintf("%027d", 1000+i)
		r.Jobs = slices.Clone(r.Jobs)
		r.Jobs[0].ID = r.ID + "/0"
		w.Runs = append([]run.Run{r}, w.Runs...)
	}
	s, err := sqlite.Open(t.Context(), sqlitetest.File(t))
	w.Check(err)
	t.Cleanup(func() { w.Check(s.Close()) })
	for _, r := range slices.Backward(w.Runs) {
		r.Key = r.ID
		_, err := s.CreateRun(t.Context(), r, nil)
		w.Check(err)
	}
	w.Gate.Runs = s.CommitRuns
	p, err := w.Apply(n, naming("other"))
	w.Allowed(p, err, "other")
	if v, err := w.Gate.Why(t.Context(), again.Repository, n, "ana", nil); err != nil || !v.Allowed {
		t.Errorf("%v, %s", err, v.Why())
	}
	w.Locks.Locks = nil
	w.Locks.Claim(again.Pull(), run.Claims([]run.JobDocument{again.Jobs[0].Document}), true, again.CreatedAt)
	if later, err := w.Gate.Judge(t.Context(), again); err != nil || !slices.Contains(later.Projects, "other") {
		t.Errorf("%+v, %v", later, err)
	}
}
