package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// quiet is a world that many may call at once, that has a status queue, and that
// never answers calls about one job.
type quiet struct {
	mu      sync.Mutex // guards what follows
	world   *world
	silent  string
	batches [][]string       // of messages that the queue still has
	jobs    []map[string]any // of Batch, when there are any
	asked   chan struct{}    // closed by the first call that is never answered; nobody is answered before
	without []string         // calls without a deadline, or with one that is far
}

func (q *quiet) RoundTrip(r *http.Request) (*http.Response, error) {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	name := action + " " + r.Method + " " + r.URL.Path
	q.mu.Lock()
	limit := within
	if action == "ReceiveMessage" {
		limit += time.Second // the poll of these engines
	}
	if deadline, bounded := r.Context().Deadline(); !bounded || time.Until(deadline) > limit {
		q.without = append(q.without, name)
	}
	if q.silent != "" && strings.Contains(r.URL.Path, q.silent) {
		select {
		case <-q.asked:
		default:
			close(q.asked)
		}
		q.mu.Unlock()
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	q.mu.Unlock()
	if q.silent != "" && action == "" {
		<-q.asked
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if r.URL.Path == "/v1/listjobs" && q.jobs != nil {
		return answer(200, map[string]any{"jobSummaryList": q.jobs}, nil), nil
	}
	switch action {
	case "ReceiveMessage":
		return q.receive(r), nil
	case "DeleteMessageBatch", "GetQueueAttributes", "GetLogEvents":
		return answer(200, map[string]any{}, nil), nil
	}
	return q.world.RoundTrip(r)
}

// receive gives the next batch, and nothing when there is none, without a wait.
func (q *quiet) receive(r *http.Request) *http.Response {
	_, _ = io.Copy(io.Discard, r.Body)
	messages := []map[string]any{}
	if len(q.batches) > 0 {
		for i, body := range q.batches[0] {
			messages = append(messages, map[string]any{"Body": body, "ReceiptHandle": fmt.Sprint(i)})
		}
		q.batches = q.batches[1:]
	}
	return answer(200, map[string]any{"Messages": messages}, nil)
}

func newQuiet() *quiet {
	return &quiet{asked: make(chan struct{}), world: &world{
		random: rand.New(rand.NewPCG(1, 1)), objects: map[string]object{}, executions: map[string]string{}, inputs: map[string]string{}, ran: map[string]string{},
		tokens: map[string]string{}, answers: map[string]string{},
	}}
}

// over is a plan whose result lies in the bucket.
func (q *quiet) over(id string) run.JobDocument {
	doc := run.JobDocument{Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Fence: 7, Command: run.KindPlan}
	content, _ := json.Marshal(Input{JobDocument: doc, Key: "inputs/" + id + ".json"})
	q.world.objects["/b/"+jobKey(id)] = object{content: content}
	q.world.objects["/b/"+endedKey(id)] = object{content: []byte(`{"result": {"outcome": "succeeded"}}`)}
	q.world.executions[executionName(doc)], q.world.inputs[executionName(doc)] = "SUCCEEDED", string(content)
	return doc
}

func (q *quiet) engine(o Options) *Engine {
	o.Config = q.world.config()
	o.Config.HTTPClient = &http.Client{Transport: q}
	o.StateMachine, o.Bucket, o.StatusQueue = "arn:aws:states:eu-west-1:123456789012:stateMachine:m", "b", "http://aws/q"
	o.Environments = map[string]Environment{"": {PlanQueue: "p", ApplyQueue: "a"}}
	o.LogGroup, o.DeadLetters, o.Poll, o.Reconcile = "g", "http://aws/d", time.Second, time.Millisecond
	return New(o)
}

// serve runs an engine until all of these jobs are told to be over.
func serve(t *testing.T, e *Engine, jobs ...run.JobDocument) {
	t.Helper()
	ctx, cancel := context.WithTimeout(zerolog.Nop().WithContext(t.Context()), time.Minute)
	defer cancel()
	var mu sync.Mutex
	told := map[string]bool{} // guarded by mu
	err := e.Run(ctx, func(_ context.Context, m run.Message) error {
		mu.Lock()
		defer mu.Unlock()
		told[m.JobID] = true
		for _, j := range jobs {
			if !told[j.JobID] {
				return nil
			}
		}
		cancel()
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, j := range jobs {
		if !told[j.JobID] {
			t.Errorf("nobody was told that %s is over", j.JobID)
		}
	}
}

// One request that is never answered must not keep the others from being told.
func TestOneSilentPeerStopsOnlyItsJob(t *testing.T) {
	for name, jobs := range map[string]struct{ byMessages, bySweep bool }{"messages": {byMessages: true}, "sweep": {bySweep: true}} {
		t.Run(name, func(t *testing.T) {
			q := newQuiet()
			q.silent = "/silent-0."
			docs := []run.JobDocument{q.over("silent-0")}
			for n := range 4 {
				docs = append(docs, q.over(fmt.Sprintf("run%d-0", n)))
			}
			o := Options{}
			if jobs.bySweep {
				o.Open = func(context.Context) ([]run.JobDocument, error) { return docs, nil }
			}
			if jobs.byMessages {
				for _, doc := range docs {
					q.batches = append(q.batches, []string{fmt.Sprintf(`{"job_id": %q}`, doc.JobID)})
				}
			}
			serve(t, q.engine(o), docs[1:]...)
		})
	}
}

func TestEveryCallHasADeadline(t *testing.T) {
	q := newQuiet()
	ctx := zerolog.Nop().WithContext(t.Context())
	plan, waits := q.over("plan-0"), q.over("wait-0")
	waits.Command = run.KindApproval
	apply := run.JobDocument{Version: run.DocumentVersion, JobID: "apply-0", RunID: "apply", Fence: 7, Command: run.KindApply, Plan: &run.JobPlan{JobID: "plan-0"}}
	e := q.engine(Options{Open: func(context.Context) ([]run.JobDocument, error) { return []run.JobDocument{plan, apply}, nil }})
	deliver := func(context.Context, run.Message) error { return nil }
	q.batches = [][]string{{`{"job_id": "plan-0"}`}}
	messages, err := e.receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e.take(ctx, messages, deliver)
	// Most fail: here it counts that what they ask has a deadline.
	_ = e.Start(ctx, apply)
	_ = e.Start(ctx, waits)
	_ = e.Withdraw(ctx, apply.JobID)
	_ = e.Cancel(ctx, apply.JobID)
	_ = e.Approve(ctx, waits.JobID, "octocat")
	_ = e.Reject(ctx, waits.JobID, "octocat", "no")
	_, _ = e.Tail(ctx, apply)
	_, _ = e.DeadLetters(ctx)
	_, _ = ReadSecret(ctx, e.o.Config, "name")
	e.lookAtAll(ctx, deliver)
	for _, call := range q.without {
		t.Errorf("%s may take for ever", call)
	}
	if message, sweep := e.Signs(); message.IsZero() || sweep.IsZero() {
		t.Errorf("the last message was taken %s, and the last sweep ended %s", message, sweep)
	}
}

// A client that waits for answers for ever needs the deadline of its call, and
// then there is no time to ask again.
func TestClientsGiveUpOnAnAnswerThatDoesNotBegin(t *testing.T) {
	headers := func(cfg aws.Config) time.Duration {
		return cfg.HTTPClient.(*awshttp.BuildableClient).GetTransport().ResponseHeaderTimeout
	}
	cfg := Impatient(aws.Config{})
	if got := headers(cfg); got != AnswersWithin {
		t.Errorf("answers may begin after %s", got)
	}
	if got := headers(waiting(cfg, 20*time.Second+AnswersWithin)); got != 30*time.Second {
		t.Errorf("the answer to a long poll may begin after %s", got)
	}
	if got := headers(cfg); got != AnswersWithin {
		t.Errorf("that changed the others: %s", got)
	}
}
