package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/lockkeeper/lockkeeper/run"
)

// world is the AWS of one seed: the calls that the engine makes, answered from
// memory by one goroutine. Any call may be refused or lose its answer.
type world struct {
	random     *rand.Rand
	trouble    bool   // calls may fail
	between    func() // happens now and then before a call is answered
	listed     func() // happens before containers are listed
	refuses    string // begins the paths of objects that are refused
	objects    map[string]object
	executions map[string]string // status, by name
	inputs     map[string]string // of executions, by name
	ran        map[string]string // tasks, by name of the execution that waited for them
	containers []*container
	messages   []string          // bodies
	tokens     map[string]string // executions that wait or waited for approval, by token
	answers    map[string]string // the calls that let them go on
}

type object struct {
	content []byte
	at      time.Time
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// RoundTrip answers a call.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.trouble && w.chance(12) {
		return answer(http.StatusServiceUnavailable, map[string]any{"__type": "ThrottlingException"}, nil), nil
	}
	if between := w.between; between != nil && w.chance(10) {
		w.between = nil // its own calls are left alone
		between()
		w.between = between
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body) // from memory
	}
	response := w.serve(r, body)
	if w.trouble && w.chance(12) {
		return nil, io.ErrUnexpectedEOF
	}
	return response, nil
}

func (w *world) serve(r *http.Request, body []byte) *http.Response {
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in map[string]any
	if action != "" {
		_ = json.Unmarshal(body, &in)
	}
	name := func() string { s := in["executionArn"].(string); return s[strings.LastIndex(s, ":")+1:] }
	switch {
	case action == "StartExecution":
		n := in["name"].(string)
		if w.executions[n] != "" {
			return answer(400, map[string]any{"__type": "ExecutionAlreadyExists"}, nil)
		}
		w.executions[n] = "RUNNING"
		if w.inputs == nil {
			w.inputs, w.ran = map[string]string{}, map[string]string{}
		}
		w.inputs[n] = in["input"].(string)
		var given Input
		_ = json.Unmarshal([]byte(w.inputs[n]), &given)
		if given.Command == run.KindApproval {
			w.wait(given.JobDocument, n)
		} else {
			w.contain(given, n)
		}
		return answer(200, map[string]any{"executionArn": "x", "startDate": 1}, nil)
	case action == "DescribeExecution":
		if w.executions[name()] == "" {
			return answer(400, map[string]any{"__type": "ExecutionDoesNotExist"}, nil)
		}
		d := map[string]any{"status": w.executions[name()], "input": w.inputs[name()]}
		if task := w.ran[name()]; task != "" {
			d["output"] = `{"ran": {"task": "arn:aws:ecs:eu-west-1:123456789012:task/` + task + `"}}`
		}
		return answer(200, d, nil)
	case action == "StopExecution":
		if w.executions[name()] == "" {
			return answer(400, map[string]any{"__type": "ExecutionDoesNotExist"}, nil)
		}
		if w.executions[name()] == "RUNNING" {
			w.executions[name()] = "ABORTED"
		}
		return answer(200, map[string]any{"stopDate": 1}, nil)
	case action == "SendTaskSuccess" || action == "SendTaskFailure":
		return w.goOn(action, in["taskToken"].(string))
	case r.URL.Path == "/v1/listjobs":
		if w.listed != nil {
			w.listed()
		}
		jobs := []map[string]any{}
		var asked struct{ JobQueue string }
		_ = json.Unmarshal(body, &asked)
		for _, c := range w.containers {
			if c.in.Batch.Queue != asked.JobQueue {
				continue
			}
			status := map[bool]string{true: "FAILED", false: "RUNNING"}[c.ended]
			jobs = append(jobs, map[string]any{"jobId": c.task, "jobName": c.in.JobID, "status": status})
		}
		return answer(200, map[string]any{"jobSummaryList": jobs}, nil)
	case r.URL.Path == "/v1/describejobs":
		return answer(200, map[string]any{"jobs": w.describe(body)}, nil)
	}
	return w.object(r, body)
}

// contain makes a container of an execution.
func (w *world) contain(in Input, execution string) {
	w.containers = append(w.containers, &container{world: w, in: in, execution: execution, task: fmt.Sprintf("task%d", len(w.containers))})
}

// describe is DescribeJobs.
func (w *world) describe(body []byte) []map[string]any {
	var asked struct{ Jobs []string }
	_ = json.Unmarshal(body, &asked)
	jobs := []map[string]any{}
	for n, c := range w.containers {
		if slices.Contains(asked.Jobs, c.task) {
			task := map[string]any{"taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/cluster/" + c.task}
			jobs = append(jobs, map[string]any{"jobId": c.task, "createdAt": n, "attempts": []any{map[string]any{"container": task}}})
		}
	}
	return jobs
}

// wait begins the wait of an execution for an answer.
func (w *world) wait(doc run.JobDocument, execution string) {
	token := "token-of-" + execution
	w.tokens[token] = execution
	w.say(fmt.Sprintf(`{"job_id": %q, "since": "2026-01-01T00:00:00Z", "token": %q}`, doc.JobID, token))
}

// goOn is SendTaskSuccess and SendTaskFailure.
func (w *world) goOn(action, token string) *http.Response {
	execution := w.tokens[token]
	if execution == "" {
		return answer(400, map[string]any{"__type": "InvalidToken"}, nil)
	}
	if w.executions[execution] != "RUNNING" {
		gone := []string{"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
		return answer(400, map[string]any{"__type": gone[w.random.IntN(len(gone))]}, nil)
	}
	w.answers[execution] += action
	w.endWait(execution, "SUCCEEDED")
	return answer(200, map[string]any{}, nil)
}

// endWait ends an execution that waits, and perhaps says so.
func (w *world) endWait(execution, status string) {
	w.executions[execution] = status
	if job, isWait := strings.CutPrefix(execution, "approval-"); isWait {
		w.say(fmt.Sprintf(`{"job_id": %q}`, job[:strings.LastIndex(job, "-")]))
	}
}

// say sends a message: it is lost, comes once, or twice.
func (w *world) say(body string) {
	for range w.random.IntN(3) {
		w.messages = append(w.messages, body)
	}
}

// object is S3: GetObject, and PutObject with its condition.
func (w *world) object(r *http.Request, body []byte) *http.Response {
	there, exists := w.objects[r.URL.Path]
	switch {
	case w.refuses != "" && strings.HasPrefix(r.URL.Path, w.refuses):
		return answer(403, nil, []byte("<Error><Code>AccessDenied</Code><Message>not authorized to do this on "+r.URL.Path+"</Message></Error>"))
	case r.Method == http.MethodGet && !exists:
		return answer(404, nil, []byte("<Error><Code>NoSuchKey</Code></Error>"))
	case r.Method == http.MethodGet:
		response := answer(200, nil, there.content)
		response.Header.Set("Last-Modified", there.at.Format(http.TimeFormat))
		return response
	case exists && r.Header.Get("If-None-Match") == "*":
		return answer(412, nil, []byte("<Error><Code>PreconditionFailed</Code></Error>"))
	}
	w.objects[r.URL.Path] = object{body, time.Unix(int64(len(w.objects)), 0).UTC()}
	return answer(200, nil, nil)
}

func answer(status int, value map[string]any, content []byte) *http.Response {
	if value != nil {
		content, _ = json.Marshal(value)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: int64(len(content)), Body: io.NopCloser(bytes.NewReader(content))}
}

func (w *world) config() aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String("http://aws"), HTTPClient: &http.Client{Transport: w},
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.RateLimiter = ratelimit.None
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
	}
}
