package aws

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/lockkeeper/lockkeeper/run"
)

// patient is how long a job may wait for a machine before people are told.
const patient = 5 * time.Minute

// looksPerSweep bounds how often Batch is asked for that: its 50 calls a second are
// for all of the account, and for submissions above all.
const looksPerSweep = 50

// turn is how long a job may wait for its turn beside its own time, as
// deploy/aws/job.asl.json has it.
const turn = 7320 * time.Second

// waits looks whether a job that has been open for a while waits for a machine, or
// began and nobody heard of it. It asks Batch once for each job: whatever comes
// next is a message. Kind is empty when there is nothing to tell.
func (e *Engine) waits(ctx context.Context, doc run.JobDocument) (m run.Message, err error) {
	if doc.Command == run.KindApproval || !e.patience.due(doc.JobID, e.o.Now()) {
		return m, nil
	}
	containers, err := e.Containers(ctx, doc)
	if err != nil {
		return m, err
	}
	if len(containers) == 0 {
		if e.o.Lambda != nil && e.o.Lambda(doc) {
			e.patience.end(doc.JobID)
			return m, nil // it is in the function
		}
		// Batch is busy and does not take it.
		return run.Message{JobID: doc.JobID, Fence: doc.Fence, Seq: seqWaiting, Kind: run.MessageWaiting, At: e.o.Now().UTC().Add(-patient)}, nil
	}
	c := newest(containers)
	switch c.Status {
	case types.JobStatusRunning:
		return run.Message{JobID: doc.JobID, Fence: doc.Fence, Seq: seqStarted, Kind: run.MessageStarted, At: millis(c.StartedAt)}, nil
	case types.JobStatusSubmitted, types.JobStatusPending, types.JobStatusRunnable, types.JobStatusStarting:
		since := millis(c.CreatedAt)
		until := since.Add(time.Duration(doc.Limits.Seconds)*time.Second + turn)
		return run.Message{JobID: doc.JobID, Fence: doc.Fence, Seq: seqWaiting, Kind: run.MessageWaiting, At: since, Until: until}, nil
	}
	return m, nil
}

func millis(t *int64) time.Time { return time.UnixMilli(aws.ToInt64(t)).UTC() }

// patience remembers since when jobs are open of which nobody heard. It is in
// memory alone: after a restart the time begins again. The zero value is ready.
type patience struct {
	mu    sync.Mutex
	since map[string]time.Time // by job id, zero for those of which enough is known; guarded by mu
	looks int                  // that are left until the next sweep; guarded by mu
}

// due reports whether a job has been open for so long that somebody should look.
func (p *patience) due(id string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	since, known := p.since[id]
	if !known {
		if p.since == nil {
			p.since = map[string]time.Time{}
		}
		p.since[id] = now
		return false
	}
	if since.IsZero() || now.Sub(since) < patient || p.looks == 0 {
		return false
	}
	p.looks--
	return true
}

// end notes that nothing needs to be found out about a job any more.
func (p *patience) end(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since == nil {
		p.since = map[string]time.Time{}
	}
	p.since[id] = time.Time{}
}

// keep begins a sweep: it forgets all jobs but these.
func (p *patience) keep(docs []run.JobDocument) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks = looksPerSweep
	kept := map[string]time.Time{}
	for _, doc := range docs {
		if since, known := p.since[doc.JobID]; known {
			kept[doc.JobID] = since
		}
	}
	p.since = kept
}
