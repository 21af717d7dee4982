package github

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/run"
)

// Bounds on what is read of a job's artifacts.
const (
	mostRead    = 64 << 20 // bytes of one
	mostOutputs = 20       // jobs whose output the check runs of a commit may show
)

// summaries reads the summaries of planned jobs. One that cannot be read is
// left out: the report shows the job's counts, which are in the store, and says
// that the rest is missing.
func (d delivery) summaries(ctx context.Context, m view.Model) (map[string]run.Summary, error) {
	out := map[string]run.Summary{}
	for _, s := range m.Projects {
		j := s.Plan
		artifact, ok := j.Artifact(run.ArtifactSummary)
		if !ok || j.State != run.JobSucceeded || artifact.Size > run.MaxSummaryBytes {
			continue
		}
		summary, err := d.summary(ctx, artifact)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.ID).Msg("reporting without a summary")
			continue
		}
		out[j.ID] = summary
	}
	return out, nil
}

func (d delivery) summary(ctx context.Context, a run.Artifact) (run.Summary, error) {
	file, err := d.Open(ctx, a)
	if err != nil {
		return run.Summary{}, fmt.Errorf("opening artifact %s: %w", a.Key, err)
	}
	defer file.Close()
	return run.ReadSummary(file)
}

// outputs reads the end of what terraform printed: of each list in turn, of
// failed jobs first.
func (d delivery) outputs(ctx context.Context, lists ...[]run.Job) (map[string]string, error) {
	all := map[string]string{}
	for _, list := range lists { // each has its own room: an apply takes none from the plans, whose check would change with it
		out, err := d.outputsUpTo(ctx, 2*report.ShownOutput, list)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, out)
	}
	return all, nil
}

// largestOutput is how much of what an apply printed is read to see how far it came.
const largestOutput = 4 << 20

// outputsUpTo reads the last limit bytes of what terraform printed for jobs, of failed
// ones first.
func (d delivery) outputsUpTo(ctx context.Context, limit int, jobs []run.Job) (map[string]string, error) {
	out := map[string]string{}
	for _, j := range view.FailedFirst(jobs) {
		artifact, ok := j.Artifact(run.ArtifactOutput)
		if !ok || len(out) == mostOutputs {
			continue
		}
		data, err := d.read(ctx, artifact)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.ID).Msg("reporting without an output")
			continue
		}
		out[j.ID] = string(data[max(0, len(data)-limit):])
	}
	return out, nil
}

// locks reads all locks and everybody who waits.
func (d delivery) locks(ctx context.Context) (run.Locks, error) {
	l, err := d.Store.Locks(ctx)
	if err != nil {
		return run.Locks{}, storeError(fmt.Errorf("reading the locks: %w", err))
	}
	return l, nil
}

// read returns an artifact's bytes, all of them: only the end of the file
// proves that they are the right ones.
func (d delivery) read(ctx context.Context, a run.Artifact) ([]byte, error) {
	file, err := d.Open(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("opening artifact %s: %w", a.Key, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, mostRead+1))
	if err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", a.Key, err)
	}
	if len(data) > mostRead {
		return nil, fmt.Errorf("reading artifact %s: more than %d bytes", a.Key, mostRead)
	}
	return data, nil
}

// live asks for what jobs that run printed last.
func (d delivery) live(jobs []run.Job) map[string]run.Lines {
	if d.Live == nil {
		return nil
	}
	out := map[string]run.Lines{}
	for _, j := range jobs {
		if j.State == run.JobRunning {
			out[j.ID] = d.Live(j.ID)
		}
	}
	return out
}

// waits is why no job begins; empty when nothing keeps them.
func (d delivery) waits() string {
	if d.Waits == nil {
		return ""
	}
	return d.Waits()
}
