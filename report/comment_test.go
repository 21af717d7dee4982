package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/report/view"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".md")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (go test ./report -update writes it anew):\n%s", file, diff)
	}
}

// eight is one run of eight projects in two environments.
func eight() *viewtest.Fixture {
	f := viewtest.New("r8")
	f.Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Bucket, viewtest.Balancer, viewtest.Service, viewtest.Queue, viewtest.Topic))
	f.Planned("network-dev", "dev", viewtest.Changes(viewtest.Service))
	f.Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Planned("app-prod", "prod", viewtest.Changes(viewtest.Queue))
	f.Planned("dns-dev", "dev", viewtest.NoChange).Planned("dns-prod", "prod", viewtest.NoChange)
	f.Planned("data-dev", "dev", run.Summary{
		Changes: []run.Change{viewtest.Topic}, Outputs: []run.OutputChange{{Name: "topic_arn", Action: run.ActionCreate, After: "(known after apply)"}},
		Warnings: []string{"Argument is deprecated: use `name_prefix` instead."}, Drift: []string{"aws_sns_topic.old", "aws_sqs_queue.jobs"}, Gone: []string{"aws_sns_topic.old"},
		Checks: []run.CheckFinding{{Address: "check.health", Status: "fail", Message: "The endpoint answers 503."}},
	})
	return f.Planned("data-prod", "prod", run.Summary{Changes: []run.Change{viewtest.Service}, Counts: run.Counts{Import: 1, Move: 2}})
}

// parts1 has changes in parts of values.
func parts1() *viewtest.Fixture {
	rules := viewtest.Change(run.ActionUpdate, "aws_security_group.web",
		run.Attribute{Path: "ingress[1].from_port", Before: "443", After: "9443"}, run.Attribute{Path: "ingress[1].to_port", Before: "443", After: "9443"},
		run.Attribute{Path: "ingress[4]", Before: "{\n  cidr_blocks = [\"10.2.0.0/16\"]\n  description = \"admin\"\n  from_port = 8080\n}"})
	policy := viewtest.Change(run.ActionUpdate, "aws_iam_policy.deploy",
		run.Attribute{Path: "jsondecode(policy).Statement[1]", Note: `Sid = "Buckets"`},
		run.Attribute{Path: "jsondecode(policy).Statement[1].Action", Before: `["s3:GetObject"]`, After: `["s3:*"]`},
		run.Attribute{Path: "jsondecode(policy).Statement[10]", Note: `Sid = "Queues"`},
		run.Attribute{Path: "jsondecode(policy).Statement[10].Resource", Before: `"arn:aws:sqs:::jobs"`, After: `"*"`})
	listener := viewtest.Change(run.ActionUpdate, "aws_lb_listener.https",
		run.Attribute{Path: "default_action", Note: "1 element is at another place: [2] → [0]"},
		run.Attribute{Path: "rules_json", Note: "the same JSON value, written in another way"})
	instance := run.Change{Address: "aws_instance.worker", Type: "aws_instance", Action: run.ActionReplace, Reason: "a changed attribute cannot be updated in place",
		Diff: []run.Attribute{{Path: "user_data", ForcesReplace: true,
			Lines: " #!/bin/sh\n set -eu\n-apt-get install -y docker\n+apt-get install -y docker containerd\n systemctl enable docker\n \n # the agent\n#(48 unchanged lines)\n . /etc/agent\n-exec agent --verbose\n+exec agent"}}}
	forgotten := viewtest.Change(run.ActionForget, "aws_s3_bucket.archive", run.Attribute{Path: "bucket", Before: `"acme-archive"`}, run.Attribute{Path: "tags.team", Before: `"data"`})
	return viewtest.New("rp").Planned("network-prod", "prod", run.Summary{
		Version: run.SummaryVersion, Changes: []run.Change{instance, policy, listener, rules, forgotten},
		Outputs: []run.OutputChange{{Name: "zones", Action: run.ActionUpdate, Diff: []run.Attribute{{Path: "output.zones[3]", After: `"eu-west-1d"`}}}},
		Checks:  []run.CheckFinding{{Address: "check.certificate", Status: "unknown"}, {Address: "check.health", Status: "error", Message: "The name does not resolve."}},
	})
}

func running() *viewtest.Fixture {
	f := viewtest.New("r2").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue))
	f.Run.State, f.Run.FinishedAt = run.StateRunning, time.Time{}
	f.Job("app-prod", "prod", run.JobRunning)
	f.Job("network-dev", "dev", run.JobQueued)
	return f
}

// withoutMachine lets what is queued wait for a machine.
func withoutMachine(f *viewtest.Fixture) *viewtest.Fixture {
	for i, j := range f.Run.Jobs {
		if j.State == run.JobQueued {
			f.Run.Jobs[i].WaitsSince, f.Run.Jobs[i].WaitsUntil = viewtest.Noon.Add(time.Minute), viewtest.Noon.Add(150*time.Minute)
		}
	}
	return f
}

func ended2(state run.State, change func(*run.Run)) view.Input {
	f := viewtest.New("r1")
	f.Run.State = state
	change(&f.Run)
	return f.Input()
}

func many200() view.Input {
	f := viewtest.New("r200")
	value := strings.Repeat("a long value that fills the diff ", 24)
	for i := range 200 {
		var list []run.Change
		for k := range 30 {
			list = append(list, viewtest.Change(run.ActionUpdate, fmt.Sprintf("aws_instance.web[%d]", k),
				run.Attribute{Path: "user_data", Before: value, After: value + fmt.Sprint(i)}))
		}
		if i%50 == 7 {
			list = append([]run.Change{viewtest.Database}, list...)
		}
		if i%70 == 9 {
			f.Failed(fmt.Sprintf("service-%03d-prod", i), "prod", viewtest.InvalidReference)
			continue
		}
		f.Planned(fmt.Sprintf("service-%03d-prod", i), "prod", viewtest.Changes(list...))
	}
	return f.Input()
}

func destroys(n int) view.Input {
	var list []run.Change
	for i := range n {
		list = append(list, viewtest.Change(run.ActionDestroy, fmt.Sprintf(`module.fleet["eu-central-1"].aws_instance.web[%d]`, i)))
	}
	return viewtest.New("r3000").Planned("fleet-prod", "prod", viewtest.Changes(list...)).Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Input()
}

// evil is text that tries everything at once.
const evil = "x`](http://evil.example) ![i](http://evil.example/b.png) <img src=x> @acme/admins #12 GH-3 </details>\n\n```\n# Plan: 0 to add\x1b[31m \u202e " + viewtest.NewHead

// withText is a view with s in every field that anybody else fills.
func withText(s string) *viewtest.Fixture {
	f := viewtest.New("rx")
	f.Run.BaseRef, f.Run.Line, f.Run.Actor, f.Run.BaseSHA = "b"+s, s, s, viewtest.Base+s
	f.Run.Notes = []string{"n" + s}
	f.Run.Gate = &run.Gate{Missing: []string{"a" + s, "b " + s}}
	f.Planned("p-"+s, "e-"+s, run.Summary{
		Changes: []run.Change{
			{Address: "a" + s, Action: run.ActionDestroy, Reason: s, MovedFrom: s, Diff: []run.Attribute{{Path: s, Before: "b" + s}}},
			{Address: "a" + s, Action: run.ActionUpdate, Diff: []run.Attribute{{Path: "a", Before: "1\n```\n</details>", After: s, ForcesReplace: true}}},
			{Address: "a" + s, Action: run.ActionUpdate, Diff: []run.Attribute{{Path: s, Lines: "-" + s + "\n " + s + "\n" + s}, {Path: s, Note: s, ForcesReplace: true}, {Note: s}}},
			{Address: "a" + s, Action: run.ActionForget, Diff: []run.Attribute{{Path: s, Before: s}}},
			{Address: "a" + s, Action: run.Action(s)},
		},
		Outputs:  []run.OutputChange{{Name: s, Before: s, After: s}, {Name: s, Diff: []run.Attribute{{Path: s, Lines: "+" + s}, {Path: s, Note: s}}}},
		Warnings: []string{s}, Drift: []string{s}, Checks: []run.CheckFinding{{Address: s, Status: s, Message: s}}, Digest: "d" + s,
	})
	f.Outputs[f.Run.Jobs[0].ID] = "o" + s
	f.Failed("q-"+s, "dev", run.Problem{Code: s, Message: "It went wrong with " + s, Detail: "d" + s})
	f.Outputs[f.Run.Jobs[1].ID] = "o" + s
	f.Run.Problem = &run.Problem{Code: s, Message: s, Detail: "d" + s}
	return f
}

func goldenViews() map[string]view.Input {
	behind := viewtest.New("rb").Planned("network-prod", "prod", viewtest.Changes(viewtest.Service, viewtest.Queue)).Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue))
	behind.Run.Behind = 3
	behind.Run.Notes = []string{"`lockkeeper.yml` changes in this pull request; its new content counts from the merge on.", "No project is left in `live/old`: its directory is gone, so nothing was planned there."}

	first := eight()
	again := viewtest.New("r9").Planned("network-prod", "prod", viewtest.Changes(viewtest.Service))
	again.Run.Selectors = []string{"network-prod"}

	older := viewtest.New("r0").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue))
	older.Run.HeadSHA, older.Run.State = viewtest.OldHead, run.StateSuperseded
	cancelled := viewtest.New("r1")
	cancelled.Run.State, cancelled.Run.CancelledBy, cancelled.Run.PreparedAt = run.StateCancelled, "bob", time.Time{}

	half := running()
	half.Run.CancelledBy, half.Run.State = "bob", run.StateCancelled
	half.Run.Jobs[1].State, half.Run.Jobs[2].State = run.JobCancelled, run.JobCancelled

	missing := viewtest.New("rm").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Queue)).Planned("app-dev", "dev", viewtest.NoChange)
	delete(missing.Summaries, missing.Run.Jobs[0].ID)

	return map[string]view.Input{
		"no_op":           viewtest.New("rn").Planned("app-dev", "dev", viewtest.NoChange).Planned("app-prod", "prod", viewtest.NoChange).Input(),
		"no_op_one":       viewtest.New("rn").Planned("app-dev", "dev", viewtest.NoChange).Input(),
		"parts":           parts1().Input(),
		"one":             viewtest.New("ro").Planned("network-prod", "prod", viewtest.Changes(viewtest.Balancer, viewtest.Service, viewtest.Queue)).Input(),
		"eight":           eight().Input(),
		"equal":           viewtest.New("re").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Planned("app-qa", "qa", viewtest.Changes(viewtest.Queue)).Planned("app-prod", "prod", viewtest.Changes(viewtest.Queue, viewtest.Topic)).Input(),
		"destroys":        viewtest.New("rd").Planned("network-prod", "prod", viewtest.Changes(viewtest.Database, viewtest.Bucket, viewtest.Balancer)).Input(),
		"failed":          viewtest.New("rf").Planned("app-dev", "dev", viewtest.Changes(viewtest.Queue)).Failed("app-prod", "prod", viewtest.InvalidReference).Input(),
		"all_failed":      viewtest.New("rf").Failed("app-dev", "dev", viewtest.InvalidReference).Failed("app-prod", "prod", viewtest.InvalidReference).Input(),
		"running":         running().Input(),
		"nothing":         ended2(run.StateSucceeded, func(*run.Run) {}),
		"refused":         ended2(run.StateRefused, func(r *run.Run) { r.Trigger, r.Problem = run.TriggerPush, viewtest.ConfigProblem }),
		"cancelled":       older.Then(cancelled),
		"cancelled_half":  half.Input(),
		"superseded":      ended2(run.StateSuperseded, func(r *run.Run) { r.SupersededBy = viewtest.OldHead }),
		"replanned":       first.Then(again),
		"too_large":       many200(),
		"destroys_3000":   destroys(3_000),
		"behind":          behind.Input(),
		"hostile":         withText(evil).Input(),
		"summary_missing": missing.Input(),
		"none":            {},
	}
}

func TestComment(t *testing.T) {
	for name, in := range goldenViews() {
		t.Run(name, func(t *testing.T) {
			got := Comment(in)
			golden(t, "comment_"+name, got)
			if len(got) > commentBudget || utf8.RuneCountInString(got) > commentBudget {
				t.Errorf("the comment has %d bytes, more than %d", len(got), commentBudget)
			}
		})
	}
}
