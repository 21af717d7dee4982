package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// endsAtRead is a store in which a job is told to end while it reads: the read
// fails as one over a network does.
type endsAtRead struct {
	*artifact.Dir
	key string
	end func()
}

func (s endsAtRead) Open(ctx context.Context, ref run.Artifact) (io.ReadCloser, error) {
	if ref.Key != s.key {
		return s.Dir.Open(ctx, ref)
	}
	s.end()
	return nil, errors.Join(errors.New("the connection is closed"), ctx.Err())
}

// A job that is told to end while it fetches its source or its plan was cancelled,
// and did not fail: who withdrew an apply hears that.
func TestAJobIsToldToEndWhileItReads(t *testing.T) {
	for _, what := range []string{"the source of a plan", "the source of an apply", "the plan of an apply"} {
		t.Run(what, func(t *testing.T) {
			s := newSetup(t, map[string]string{"app/main.tf": ""})
			key := s.doc.Source.Key
			if what != "the source of a plan" {
				file, err := s.artifacts.Put(t.Context(), "runs/"+s.doc.RunID+"/"+s.doc.JobID+"."+run.ArtifactPlan, newPlan(t))
				if err != nil {
					t.Fatal(err)
				}
				if what == "the plan of an apply" {
					key = file.Key
				}
				s.doc = backendtest.Apply(s.doc, run.Result{Terraform: s.options.TerraformName, Artifacts: map[string]run.Artifact{run.ArtifactPlan: file}})
			}
			content, err := json.Marshal(s.doc)
			if err == nil {
				err = os.WriteFile(filepath.Join(s.options.Dir, DocumentFile), content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := Do(ctx, s.options, endsAtRead{s.artifacts, key, cancel})
			if err != nil {
				t.Fatal(err)
			}
			if r.Outcome != run.OutcomeCancelled || r.Problem.Code != "cancelled" || r.Began {
				t.Errorf("%s, began %v: %+v", r.Outcome, r.Began, r.Problem)
			}
		})
	}
}

func newPlan(t *testing.T) io.Reader {
	t.Helper()
	f, err := os.Open(backendtest.PlanFile(t, map[string]string{"main.tf": ""}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}
