package doctor

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	engine "github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/run"
)

// endless is a project without providers, backend and resources whose plan is
// never ready: terraform counts for days, needs little memory for it, and cannot be
// interrupted meanwhile. Whoever ends it needs the whole grace time.
const endless = `output "never" {
  value = length([for a in range(1000) : length([for b in range(1000) : length([for c in range(1000) : length([for d in range(1000) : d])])])])
}
`

const (
	underWay    = 5 * time.Second // from the start of a container until terraform runs in it
	endPatience = 90 * time.Second
)

// checkCancel cancels a plan while it runs.
func (d *doctor) checkCancel(ctx context.Context) (string, error) {
	doc, err := d.endlessPlan(ctx)
	if err != nil {
		return "", err
	}
	if err := d.batch.Start(ctx, doc); err != nil {
		return "", err
	}
	if err := d.awaitRunning(ctx, doc); err != nil {
		return "", err
	}
	sleep(ctx, underWay)
	asked := time.Now()
	if err := d.Cancel(ctx, doc.JobID); err != nil {
		return "", fmt.Errorf("cancelling %s, which ends by itself in %d s: %w", doc.JobID, doc.Limits.Seconds, err)
	}
	containers, err := d.awaitEnd(ctx, doc)
	if err != nil {
		return "", err
	}
	took := time.Since(asked)
	end, err := d.Result(ctx, doc)
	if err != nil {
		return "", err
	}
	if end == nil {
		return "", fmt.Errorf("%s was cancelled, and it is not known how it ended", doc.JobID)
	}
	code, err := d.exitCode(ctx, containers[0])
	if err != nil {
		return "", err
	}
	if err := reportedInTime(doc, *end, code); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s was cancelled while it ran: container and execution ended in %.0f s and said so", doc.JobID, took.Seconds()), nil
}

func (d *doctor) endlessPlan(ctx context.Context) (doc run.JobDocument, err error) {
	archive, err := packed("main.tf", endless)
	if err != nil {
		return doc, fmt.Errorf("packing a project: %w", err)
	}
	doc = harmless(run.KindPlan, d.names[0])
	doc.Limits = run.JobLimits{Seconds: 120, PlanBytes: 1 << 20}
	sources := &bucket.Bucket{Client: d.objects, Name: d.o.Bucket}
	if doc.Source, err = sources.PutContent(ctx, "sources", bytes.NewReader(archive)); err != nil {
		return doc, engine.Explain(err)
	}
	return doc, nil
}

func packed(name, content string) ([]byte, error) {
	var b bytes.Buffer
	compressed, err := zstd.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(compressed)
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	err = errors.Join(err, w.Close(), compressed.Close())
	return b.Bytes(), err
}

// awaitRunning waits until a container of the job runs.
func (d *doctor) awaitRunning(ctx context.Context, doc run.JobDocument) error {
	ctx, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	for ; ctx.Err() == nil; sleep(ctx, pause) {
		containers, err := d.Containers(ctx, doc)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(containers, func(j types.JobSummary) bool { return j.Status == types.JobStatusRunning }) {
			return nil
		}
		end, err := d.Result(ctx, doc)
		if err != nil {
			return err
		}
		if end != nil {
			return fmt.Errorf("%s ended before it was cancelled: %s", doc.JobID, howEnded(*end))
		}
	}
	return fmt.Errorf("no container of %s runs after %s", doc.JobID, jobPatience)
}

// awaitEnd waits until execution and containers of the job have ended.
func (d *doctor) awaitEnd(ctx context.Context, doc run.JobDocument) ([]types.JobSummary, error) {
	if _, err := d.awaitExecution(ctx, doc); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	for ; ctx.Err() == nil; sleep(ctx, pause) {
		containers, err := d.Containers(ctx, doc)
		if err != nil {
			return nil, err
		}
		if len(containers) > 0 && !slices.ContainsFunc(containers, engine.Alive) {
			return containers, nil
		}
	}
	return nil, fmt.Errorf("the container of %s still runs %s after it was told to end", doc.JobID, endPatience)
}

// exitCode is that of a container, nil when AWS Batch knows none.
func (d *doctor) exitCode(ctx context.Context, j types.JobSummary) (*int32, error) {
	out, err := d.jobs.DescribeJobs(ctx, &batch.DescribeJobsInput{Jobs: []string{aws.ToString(j.JobId)}})
	if err != nil {
		return nil, engine.Explain(err)
	}
	if len(out.Jobs) == 0 || out.Jobs[0].Container == nil {
		return nil, nil
	}
	return out.Jobs[0].Container.ExitCode, nil
}

// reportedInTime wants that the container itself said that it was cancelled: one
// that is killed before exits with 137, and the engine speaks for it.
func reportedInTime(doc run.JobDocument, r run.Result, code *int32) error {
	if r.Outcome != run.OutcomeCancelled {
		return fmt.Errorf("%s was cancelled, and ended otherwise: %s", doc.JobID, howEnded(r))
	}
	if code != nil && *code != 0 {
		return fmt.Errorf("the container of %s was killed (exit code %d) before it could say how it ended", doc.JobID, *code)
	}
	if code == nil && r.Problem != nil && r.Problem.Message == engine.CancelledBefore(doc).Message {
		return warning{fmt.Errorf("%s was cancelled, and AWS Batch does not say whether its container ended by itself", doc.JobID)}
	}
	return nil
}

func howEnded(r run.Result) string {
	if r.Problem == nil {
		return string(r.Outcome)
	}
	return r.Problem.Code + ": " + r.Problem.Message + "\n" + r.Problem.Detail
}
