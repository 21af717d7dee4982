package aws_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/awstest"
	"github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/backend/aws/container"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// One stack serves all of these: to deploy it takes longer than they do.
func TestOneJobCannotSpeakForAnother(t *testing.T) {
	f := newFixture(t, emulator(t, 2))
	options := f.options
	for _, test := range []struct {
		name string
		does func(*testing.T, *fixture)
	}{
		{"a plan forges no other", aPlanForgesNoOther},
		{"an apply has its own place", anApplyHasItsOwnPlace},
		{"an attempt that Spot ended is not heard", anAttemptThatSpotEndedIsNotHeard},
		{"a function's answer counts", aFunctionsAnswerCounts},
		{"a secret key is told to nobody", aSecretKeyIsToldToNobody},
		{"a probe sees what a job may do", aProbeSeesWhatAJobMayDo},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.Forget(t)
			f.options = options
			test.does(t, f)
			f.Inject(t)
		})
	}
}

// thief is somebody who has the identity of one container or function, and what a
// pull request shows of other jobs: their ids, and which tasks did them.
type thief struct {
	t      *testing.T
	bucket string
	s3     *s3.Client
}

// identity is that of a session of a role of the stack.
func (f *fixture) identity(t *testing.T, role, session string) thief {
	client := bucket.NewClient(f.Config(f.role(role) + ":" + session))
	return thief{t, f.options.Bucket, client}
}

func (a thief) put(key, content string) error {
	_, err := a.s3.PutObject(a.t.Context(), &s3.PutObjectInput{Bucket: &a.bucket, Key: &key, Body: strings.NewReader(content), IfNoneMatch: sdk.String("*")})
	return err
}

func (a thief) get(key, version string) error {
	in := &s3.GetObjectInput{Bucket: &a.bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	_, err := a.s3.GetObject(a.t.Context(), in)
	return err
}

func (a thief) list() error {
	_, err := a.s3.ListObjectsV2(a.t.Context(), &s3.ListObjectsV2Input{Bucket: &a.bucket})
	return err
}

// refused wants that S3 refuses all of it.
func (a thief) refused(attacks map[string]error) {
	a.t.Helper()
	for what, err := range attacks {
		if response, ok := errors.AsType[*awshttp.ResponseError](err); !ok || response.HTTPStatusCode() != http.StatusForbidden {
			a.t.Errorf("%s: %v, want a refusal", what, err)
		}
	}
}

// task is the id of the task that makes, or made, the last attempt of a job.
func (f *fixture) task(t *testing.T, queue, jobID string) string {
	t.Helper()
	client := batch.NewFromConfig(f.Config("deployer"))
	list := must(client.ListJobs(t.Context(), &batch.ListJobsInput{
		JobQueue: &queue, Filters: []types.KeyValuesPair{{Name: sdk.String("JOB_NAME"), Values: []string{jobID}}},
	}))
	if len(list.JobSummaryList) != 1 {
		t.Fatalf("%s has the containers %+v", jobID, list.JobSummaryList)
	}
	jobs := must(client.DescribeJobs(t.Context(), &batch.DescribeJobsInput{Jobs: []string{*list.JobSummaryList[0].JobId}})).Jobs
	arn := sdk.ToString(jobs[0].Container.TaskArn)
	return arn[strings.LastIndex(arn, "/")+1:]
}

// forged is a result that no job of these tests has.
func forged(t *testing.T, artifacts map[string]run.Artifact) string {
	t.Helper()
	return string(must(json.Marshal(run.Result{Outcome: run.OutcomeSucceeded, Counts: &run.Counts{}, Terraform: "forged", Artifacts: artifacts})))
}

func wantOwn(t *testing.T, r run.Result) {
	t.Helper()
	if r.Outcome != run.OutcomeSucceeded || r.Terraform != "Fake 1" {
		t.Errorf("the result that counts is %+v", r)
	}
}

// Whoever has the identity of one plan's container, and knows which task makes the
// plan of somebody else, cannot speak for that: neither before it nor instead of it.
func aPlanForgesNoOther(t *testing.T, f *fixture) {
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	empty := backendtest.Document("run-0", backendtest.Source(t, f.objects, backendtest.FakeSource))
	victim, s := f.held(t, e, "victim-0", empty)
	hostile, own := f.held(t, e, "hostile-0", empty)

	a := f.identity(t, "plan", f.task(t, f.place.PlanQueue, hostile.JobID))
	task := f.task(t, f.place.PlanQueue, victim.JobID)
	its := aws.Place(f.place.PlanRoleID + ":" + task)
	given := f.given(t, victim.JobID)
	attacks := map[string]error{
		"list":                             a.list(),
		"read what the server knows":       a.get("jobs/victim-0.json", ""),
		"write what the server knows":      a.put("jobs/other-0.json", "{}"),
		"write its plan":                   a.put(its+"/victim-0.plan.tfplan", "a plan"),
		"write its result":                 a.put(aws.ResultKey(its, victim.JobID), forged(t, nil)),
		"write how it ended":               a.put("ended/victim-0.json", `{"result": `+forged(t, nil)+`}`),
		"cancel it, knowing its secret":    a.put(aws.CancelledKey(given.Key), "asked to end"),
		"change it, knowing its secret":    a.put(strings.Replace(given.Key, ".json", ".more", 1), "{}"),
		"write where the last version did": a.put("runs/victim/victim-0.result.json", forged(t, nil)),
		"claim its plan":                   a.put(strings.Replace(strings.TrimSuffix(given.Key, ".json"), "inputs", "claims", 1), "hostile-0"),
	}
	mine := aws.Place(f.place.PlanRoleID + ":" + f.task(t, f.place.PlanQueue, hostile.JobID))
	for _, name := range []string{"victim-0.plan.tfplan", "victim-0.summary.json", "victim-0.result.json"} {
		must0(t, a.put(mine+"/"+name, forged(t, nil))) // his own place, and nobody looks there for it
	}
	s.Go(t)
	r := inbox.Finished(t, victim.JobID)
	wantOwn(t, r)
	for name, ref := range r.Artifacts {
		if !strings.HasPrefix(ref.Key, its+"/") {
			t.Errorf("%s is %s", name, ref.Key)
		}
	}
	attacks["read its plan"] = a.get(r.Artifacts[run.ArtifactPlan].Key, "")
	attacks["read its plan by its version"] = a.get(r.Artifacts[run.ArtifactPlan].Key, r.Artifacts[run.ArtifactPlan].Version)
	attacks["read its result"] = a.get(aws.ResultKey(its, victim.JobID), "")
	a.refused(attacks)
	own.Go(t)
	wantOwn(t, inbox.Finished(t, hostile.JobID))

	if ran := f.ran(t, "plan-victim-0-7"); !strings.HasSuffix(ran, "/"+task) {
		t.Errorf("the execution names the task %s, and %s did the job", ran, task)
	}
	if got := f.Refused(t, f.role("plan"), f.role("plan")); len(got) != len(attacks) {
		t.Errorf("there were %d attacks, and by the role's policies these are refused:\n%s", len(attacks), strings.Join(got, "\n"))
	}
	for _, call := range f.Refused(t, "server", f.prefix+"-server") {
		t.Error(call)
	}
}

// ran is the task that the output of an execution names.
func (f *fixture) ran(t *testing.T, name string) string {
	t.Helper()
	arn := strings.Replace(f.options.StateMachine, ":stateMachine:", ":execution:", 1) + ":" + name
	d := must(sfn.NewFromConfig(f.Config("deployer")).DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn}))
	var output struct{ Ran struct{ Task string } }
	must0(t, json.Unmarshal([]byte(sdk.ToString(d.Output)), &output))
	return output.Ran.Task
}

// An apply does all that it must with its own place and its plan, and with its
// identity nobody speaks for another apply or for a plan.
func anApplyHasItsOwnPlace(t *testing.T, f *fixture) {
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	doc, s := f.held(t, e, "apply-0", backendtest.Document("run-0", backendtest.Source(t, f.objects, backendtest.FakeSource)))
	s.Go(t)
	planned := inbox.Finished(t, doc.JobID)
	apply := backendtest.Apply(doc, planned)
	must0(t, e.Start(t.Context(), apply))
	backendtest.Eventually(t, "the apply runs", func() bool { return s.Apply().Runs() == 1 })
	task := f.task(t, f.place.ApplyQueue, apply.JobID)
	s.Apply().Go(t)
	r := inbox.Finished(t, apply.JobID)
	if r.Outcome != run.OutcomeSucceeded || !r.Began || !strings.HasPrefix(r.Artifacts[run.ArtifactOutput].Key, aws.Place(f.place.ApplyRoleID+":"+task)+"/") {
		t.Errorf("%+v", r)
	}
	for principal, role := range map[string]string{"server": f.prefix + "-server", f.role("plan"): f.role("plan"), f.role("apply"): f.role("apply")} {
		for _, call := range f.Refused(t, principal, role) {
			t.Error(call)
		}
	}

	a := f.identity(t, "apply", task)
	plan := planned.Artifacts[run.ArtifactPlan]
	other := aws.Place(f.place.ApplyRoleID + ":" + strings.Repeat("0", 32))
	a.refused(map[string]error{
		"list":                         a.list(),
		"write what another one did":   a.put(aws.ResultKey(other, "other-0"), forged(t, nil)),
		"write a plan":                 a.put(strings.Replace(plan.Key, "apply-0", "other-0", 1), "a plan"),
		"write the result of a plan":   a.put(strings.Replace(plan.Key, "apply-0.plan.tfplan", "other-0.result.json", 1), forged(t, nil)),
		"read a plan without version":  a.get(plan.Key, ""),
		"read the result of a plan":    a.get(strings.TrimSuffix(plan.Key, "plan.tfplan")+"result.json", ""),
		"read what the server knows":   a.get("jobs/apply-0.json", ""),
		"write how another one ended":  a.put("ended/other-0.json", "{}"),
		"answer what waits":            a.put("approvals/run/run-0.answer.json", "{}"),
		"read what another apply said": a.get(aws.ResultKey(aws.Place(f.place.ApplyRoleID+":"+task), apply.JobID), ""),
	})
}

// Credentials of a task last longer than its machine: what is written with those of
// an attempt that Spot ended does not count, whether the next one leaves a result
// or none.
func anAttemptThatSpotEndedIsNotHeard(t *testing.T, f *fixture) {
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	empty := backendtest.Document("run-0", backendtest.Source(t, f.objects, backendtest.FakeSource))
	for _, last := range []string{"succeeds", "dies"} {
		t.Run(last, func(t *testing.T) {
			doc, s := f.held(t, e, last+"-0", empty)
			first := f.task(t, f.place.PlanQueue, doc.JobID)
			f.Interrupt(t, doc.JobID)
			backendtest.Eventually(t, "the plan is made again", func() bool { return s.Runs() == 2 })
			place := aws.Place(f.place.PlanRoleID + ":" + first)
			must0(t, f.identity(t, "plan", first).put(aws.ResultKey(place, doc.JobID), forged(t, nil)))
			if last == "dies" {
				f.killContainer(t, doc.JobID)
				if r := inbox.Finished(t, doc.JobID); r.Problem == nil || r.Problem.Code != "job_lost" {
					t.Errorf("%+v", r)
				}
				return
			}
			s.Go(t)
			wantOwn(t, inbox.Finished(t, doc.JobID))
		})
	}
}

// All plans in functions are one identity. Which version of what it left is the
// result, the function says itself, and what another one writes over it is not read.
func aFunctionsAnswerCounts(t *testing.T, f *fixture) {
	f.options.Lambda = func(run.JobDocument) bool { return true }
	e, inbox := f.engine(t), backendtest.NewInbox()
	doc := backendtest.Document("answered-0", backendtest.Source(t, f.objects, backendtest.FakeSource))
	s := backendtest.NewSignals(t)
	doc.RunID, doc.Project.Terraform, doc.Flags = "answered", backendtest.Fake, []string{s.Flag()}
	s.Go(t)
	must0(t, e.Start(t.Context(), doc))
	machine := sfn.NewFromConfig(f.Config("deployer"))
	arn := strings.Replace(f.options.StateMachine, ":stateMachine:", ":execution:", 1) + ":plan-answered-0-7"
	backendtest.Eventually(t, "the function has answered", func() bool {
		return must(machine.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})).Status == "SUCCEEDED"
	})

	a := f.identity(t, "function", f.place.Function)
	place := aws.Place(f.place.FunctionRoleID + ":" + f.place.Function)
	over := &bucket.Bucket{Client: a.s3, Name: a.bucket}
	must(over.Put(t.Context(), aws.AnswerKey(place, doc.JobID), strings.NewReader(forged(t, nil))))
	must0(t, a.put(aws.ResultKey(place, doc.JobID), forged(t, nil)))
	a.refused(map[string]error{
		"list": a.list(), "read what another one answered": a.get(aws.AnswerKey(place, doc.JobID), ""),
		"write for a container": a.put(aws.ResultKey(aws.Place(f.place.PlanRoleID+":"+strings.Repeat("0", 32)), "other-0"), forged(t, nil)),
		"write how it ended":    a.put("ended/answered-0.json", "{}"),
	})
	backendtest.Serve(t, e, inbox)
	wantOwn(t, inbox.Finished(t, doc.JobID))
	for _, call := range f.Calls(t) {
		if strings.HasSuffix(call.Path, "/submitjob") {
			t.Errorf("it ran on Batch: %+v", call)
		}
	}
	if got := f.Refused(t, f.role("function"), f.role("function")); len(got) != 4 {
		t.Errorf("by the role's policies these are refused:\n%s", strings.Join(got, "\n"))
	}
	for _, call := range f.Refused(t, "server", f.prefix+"-server") {
		t.Error(call)
	}
}

// S3 says in a refusal which object it was. No person and no log gets to see the
// secret part of its key.
func aSecretKeyIsToldToNobody(t *testing.T, f *fixture) {
	f.options.LogGroup = "/" + f.prefix + "/jobs"
	e, inbox := f.engine(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	doc, s := f.held(t, e, "secret-0", backendtest.Document("run-0", backendtest.Source(t, f.objects, backendtest.FakeSource)))
	s.Go(t)
	apply := backendtest.Apply(doc, inbox.Finished(t, doc.JobID))
	secret := strings.TrimSuffix(strings.TrimPrefix(f.given(t, doc.JobID).Key, "inputs/"), ".json")
	f.Inject(t, awstest.Fault{Match: map[string]string{"principal": f.role("apply"), "path": ".*/claims/.*"}, Times: 1000, Kind: "error", Status: 403, Code: "AccessDenied"})
	must0(t, e.Start(t.Context(), apply))
	r := inbox.Finished(t, apply.JobID)
	text := fmt.Sprintf("%+v %+v", r, r.Problem)
	logged := must(cloudwatchlogs.NewFromConfig(f.Config("deployer")).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &f.options.LogGroup}))
	for _, event := range logged.Events {
		text += "\n" + *event.Message
	}
	if !strings.Contains(text, "claims/…") {
		t.Errorf("nothing tells of the refusal:\n%s", text)
	}
	for _, no := range []string{secret, strings.TrimPrefix(f.given(t, apply.JobID).Key, "inputs/")[:26]} {
		if strings.Contains(text, no) {
			t.Errorf("%s is in\n%s", no, text)
		}
	}
	if !slices.Contains([]string{"interrupted", "unexpected"}, r.Problem.Code) || r.Began {
		t.Errorf("%+v", r.Problem)
	}
}

// What doctor has jobs try is refused, and where a role may do more it says what.
func aProbeSeesWhatAJobMayDo(t *testing.T, f *fixture) {
	probed := func(f *fixture, id string, command run.Kind) run.Result {
		f.options.Probe = true
		b, inbox := f.engine(t), backendtest.NewInbox()
		stop := backendtest.Serve(t, b, inbox)
		defer stop()
		doc := run.JobDocument{
			Version: run.DocumentVersion, JobID: "probe-" + id + "-0", Command: command, Repository: "lockkeeper/doctor", Actor: "doctor",
			Limits: run.JobLimits{Seconds: 60},
		}
		doc.RunID = run.RunOfJob(doc.JobID)
		must0(t, b.Start(t.Context(), doc))
		return inbox.Finished(t, doc.JobID)
	}
	for _, command := range []run.Kind{run.KindPlan, run.KindApply} {
		if r := probed(f, string(command), command); r.Outcome != run.OutcomeSucceeded {
			t.Errorf("%s: %+v", command, r.Problem)
		}
	}
	other := f.place
	other.PlanRoleID = "AROAOFSOMEBODYELSE"
	f.options.Environments = map[string]aws.Environment{"": other}
	if r := probed(f, "other", run.KindPlan); r.Problem == nil || r.Problem.Code != "job_lost" {
		t.Errorf("with another role's id: %+v", r)
	}
	wide := func(template string) string {
		return strings.ReplaceAll(template, "/tasks/${!aws:userid}/*", "/tasks/*")
	}
	if r := probed(newFixtureOf(t, f.Emulator, wide), "wide", run.KindPlan); r.Problem == nil || r.Problem.Code != container.ProbeCode || r.Problem.Detail != "write what another job of its kind says" {
		t.Errorf("with a wide role: %+v", r.Problem)
	}
}
