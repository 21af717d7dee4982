package report

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// Bounds on what is read of a job's artifacts.
const (
	largestSummary = 64 << 20 // bytes; a larger one is shown by its counts alone
	mostOutputs    = 20       // jobs whose output a check run may show
)

// summaries reads the summaries of planned jobs. One that cannot be read is
// left out: the report shows the job's counts, which are in the store, and says
// that the rest is missing.
func (d delivery) summaries(ctx context.Context, jobs []run.Job) (map[string]run.Summary, error) {
	out := map[string]run.Summary{}
	for _, j := range jobs {
		artifact, ok := artifactOf(j, run.ArtifactSummary)
		if !ok || j.State != run.JobSucceeded || artifact.Size > largestSummary {
			continue
		}
		var s run.Summary
		data, err := d.read(ctx, artifact)
		if err == nil {
			err = json.Unmarshal(data, &s)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			zerolog.Ctx(ctx).Warn().Err(err).Str("job", j.ID).Msg("reporting without a summary")
			continue
		}
		out[j.ID] = s
	}
	return out, nil
}

// outputs reads the end of what terraform printed, of failed jobs first.
func (d delivery) outputs(ctx context.Context, jobs []run.Job) (map[string]string, error) {
	out := map[string]string{}
	for _, failed := range []bool{true, false} {
		for _, j := range jobs {
			artifact, ok := artifactOf(j, run.ArtifactOutput)
			if !ok || failed != (j.State == run.JobFailed) || len(out) == mostOutputs {
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
			out[j.ID] = string(data[max(0, len(data)-2*shownOutput):])
		}
	}
	return out, nil
}

func artifactOf(j run.Job, name string) (run.Artifact, bool) {
	if j.Result == nil {
		return run.Artifact{}, false
	}
	a, ok := j.Result.Artifacts[name]
	return a, ok
}

// read returns an artifact's bytes, all of them: only the end of the file
// proves that they are the right ones.
func (d delivery) read(ctx context.Context, a run.Artifact) ([]byte, error) {
	file, err := d.Open(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("opening artifact %s: %w", a.Key, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestSummary+1))
	if err != nil {
		return nil, fmt.Errorf("reading artifact %s: %w", a.Key, err)
	}
	if len(data) > largestSummary {
		return nil, fmt.Errorf("reading artifact %s: more than %d bytes", a.Key, largestSummary)
	}
	return data, nil
}
