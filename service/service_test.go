package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

var here7 = run.Repository{ID: 7, Owner: "acme", Name: "infra"}

// world is what use cases read and do.
type world struct {
	locks     run.Locks
	running   int
	cancelled []string
	released  []string
}

func (w *world) PullRuns(context.Context, int64, int, int) ([]run.Run, error)      { return nil, nil }
func (w *world) CommitRuns(context.Context, int64, int, string) ([]run.Run, error) { return nil, nil }
func (w *world) Locks(context.Context) (run.Locks, error)                          { return w.locks, nil }

func (w *world) Cancel(_ context.Context, _ int64, _ int, by string) (int, error) {
	w.cancelled = append(w.cancelled, by)
	return w.running, nil
}

func (w *world) Unlock(_ context.Context, _ run.Subject, projects []string) (released, busy []string, err error) {
	w.released = append(w.released, projects...)
	return projects, nil, nil
}

// rui writes, eve reads, and of nobody else anything is known.
func (w *world) service() *Service {
	return &Service{
		Runs: w, Store: w, Now: time.Now,
		Facts: func(_ context.Context, repo run.Repository, _ int, actor string, _ ...string) (policy.Facts, error) {
			permission, known := map[string]string{"rui": "write", "eve": "read"}[actor]
			if !known {
				return policy.Facts{}, errors.New("GitHub does not answer")
			}
			return policy.Facts{ByPerson: true, Open: true, Actor: actor, Permission: permission, Repository: repo.FullName()}, nil
		},
		Explain:  func(context.Context, run.Repository, int, string, []string) (string, error) { return "because", nil },
		Describe: func(run.Subject, []run.Run, run.Locks, time.Time) string { return "quiet" },
	}
}

// An edge that is no comment needs to know what came of a question without reading
// what people read.
func TestAnswersAreValues(t *testing.T) {
	mine := run.Lock{Key: "dir:7:net", Project: "net", Holder: run.Subject{Repository: here7, PullRequest: 3}}
	as := func(actor string) Question { return Question{Repository: here7, PullRequest: 3, Actor: actor} }
	for name, tt := range map[string]struct {
		world   world
		ask     func(context.Context, *Service) (Answer, error)
		verdict Verdict
		says    string
		did     string
	}{
		"cancel what runs":         {world{running: 1}, func(ctx context.Context, s *Service) (Answer, error) { return s.Cancel(ctx, as("rui")) }, Done, "", "cancelled rui"},
		"cancel, and nothing runs": {world{}, func(ctx context.Context, s *Service) (Answer, error) { return s.Cancel(ctx, as("rui")) }, Informed, "nothing to cancel", "cancelled rui"},
		"cancel without the right": {world{running: 1}, func(ctx context.Context, s *Service) (Answer, error) { return s.Cancel(ctx, as("eve")) }, Refused, "write", ""},
		"unlock": {world{locks: run.Locks{Locks: []run.Lock{mine}}}, func(ctx context.Context, s *Service) (Answer, error) {
			return s.Unlock(ctx, as("rui"), nil, "")
		}, Done, "Released `net`", "released net"},
		"unlock without the right": {world{locks: run.Locks{Locks: []run.Lock{mine}}}, func(ctx context.Context, s *Service) (Answer, error) {
			return s.Unlock(ctx, as("eve"), nil, "")
		}, Refused, "write", ""},
		"unlock what nobody locked": {world{}, func(ctx context.Context, s *Service) (Answer, error) {
			return s.Unlock(ctx, as("rui"), []string{"dns"}, "")
		}, Refused, "Nobody holds a lock of `dns`", ""},
		"status": {world{}, func(ctx context.Context, s *Service) (Answer, error) { return s.Status(ctx, as("eve"), nil) }, Informed, "quiet", ""},
		"why":    {world{}, func(ctx context.Context, s *Service) (Answer, error) { return s.Why(ctx, as("eve"), nil) }, Informed, "because", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := tt.ask(t.Context(), tt.world.service())
			if err != nil || got.Verdict != tt.verdict || !strings.Contains(got.Text, tt.says) || tt.says == "" && got.Text != "" {
				t.Errorf("%+v, %v", got, err)
			}
			var did []string
			for _, by := range tt.world.cancelled {
				did = append(did, "cancelled "+by)
			}
			for _, p := range tt.world.released {
				did = append(did, "released "+p)
			}
			if strings.Join(did, ", ") != tt.did {
				t.Errorf("did %v", did)
			}
		})
	}
}

// What is not known is no answer: the edge asks again later.
func TestWhatGitHubDoesNotSayIsAnError(t *testing.T) {
	w := world{running: 1, locks: run.Locks{Locks: []run.Lock{{Key: "dir:7:net", Project: "net", Holder: run.Subject{Repository: here7, PullRequest: 3}}}}}
	s, q := w.service(), Question{Repository: here7, PullRequest: 3, Actor: "sam"}
	if _, err := s.Cancel(t.Context(), q); err == nil {
		t.Error("cancelled")
	}
	if _, err := s.Unlock(t.Context(), q, nil, ""); err == nil {
		t.Error("released")
	}
	if len(w.cancelled)+len(w.released) > 0 {
		t.Errorf("did %v %v", w.cancelled, w.released)
	}
	if !s.Heard(t.Context(), q) {
		t.Error("a request for changes of somebody of whom nothing is known does not count")
	}
}
