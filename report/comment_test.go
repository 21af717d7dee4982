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
func eight() *fixture {
	f := newFixture("r8")
	f.planned("network-prod", "prod", changes(database, bucket, balancer, service, queue, topic))
	f.planned("network-dev", "dev", changes(service))
	f.planned("app-dev", "dev", changes(queue)).planned("app-prod", "prod", changes(queue))
	f.planned("dns-dev", "dev", noChange).planned("dns-prod", "prod", noChange)
	f.planned("data-dev", "dev", run.Summary{
		Changes: []run.Change{topic}, Outputs: []run.OutputChange{{Name: "topic_arn", Action: run.ActionCreate, After: "(known after apply)"}},
		Warnings: []string{"Argument is deprecated: use `name_prefix` instead."}, Drift: []string{"aws_sns_topic.old", "aws_sqs_queue.jobs"}, Gone: []string{"aws_sns_topic.old"},
		Checks: []run.CheckFinding{{Address: "check.health", Status: "fail", Message: "The endpoint answers 503."}},
	})
	return f.planned("data-prod", "prod", run.Summary{Changes: []run.Change{service}, Counts: run.Counts{Import: 1, Move: 2}})
}

// parts1 has changes in parts of values.
func parts1() *fixture {
	rules := change(run.ActionUpdate, "aws_security_group.web",
		run.Attribute{Path: "ingress[1].from_port", Before: "443", After: "9443"}, run.Attribute{Path: "ingress[1].to_port", Before: "443", After: "9443"},
		run.Attribute{Path: "ingress[4]", Before: "{\n  cidr_blocks = [\"10.2.0.0/16\"]\n  description = \"admin\"\n  from_port = 8080\n}"})
	policy := change(run.ActionUpdate, "aws_iam_policy.deploy",
		run.Attribute{Path: "jsondecode(policy).Statement[1]", Note: `Sid = "Buckets"`},
		run.Attribute{Path: "jsondecode(policy).Statement[1].Action", Before: `["s3:GetObject"]`, After: `["s3:*"]`},
		run.Attribute{Path: "jsondecode(policy).Statement[10]", Note: `Sid = "Queues"`},
		run.Attribute{Path: "jsondecode(policy).Statement[10].Resource", Before: `"arn:aws:sqs:::jobs"`, After: `"*"`})
	listener := change(run.ActionUpdate, "aws_lb_listener.https",
		run.Attribute{Path: "default_action", Note: "1 element is at another place: [2] → [0]"},
		run.Attribute{Path: "rules_json", Note: "the same JSON value, written in another way"})
	instance := run.Change{Address: "aws_instance.worker", Type: "aws_instance", Action: run.ActionReplace, Reason: "a changed attribute cannot be updated in place",
		Diff: []run.Attribute{{Path: "user_data", ForcesReplace: true,
			Lines: " #!/bin/sh\n set -eu\n-apt-get install -y docker\n+apt-get install -y docker containerd\n systemctl enable docker\n \n # the agent\n#(48 unchanged lines)\n . /etc/agent\n-exec agent --verbose\n+exec agent"}}}
	forgotten := change(run.ActionForget, "aws_s3_bucket.archive", run.Attribute{Path: "bucket", Before: `"acme-archive"`}, run.Attribute{Path: "tags.team", Before: `"data"`})
	return newFixture("rp").planned("network-prod", "prod", run.Summary{
		Version: run.SummaryVersion, Changes: []run.Change{instance, policy, listener, rules, forgotten},
		Outputs: []run.OutputChange{{Name: "zones", Action: run.ActionUpdate, Diff: []run.Attribute{{Path: "output.zones[3]", After: `"eu-west-1d"`}}}},
		Checks:  []run.CheckFinding{{Address: "check.certificate", Status: "unknown"}, {Address: "check.health", Status: "error", Message: "The name does not resolve."}},
	})
}

func running() *fixture {
	f := newFixture("r2").planned("app-dev", "dev", changes(queue))
	f.run.State, f.run.FinishedAt = run.StateRunning, time.Time{}
	f.job("app-prod", "prod", run.JobRunning)
	f.job("network-dev", "dev", run.JobQueued)
	return f
}

func ended2(state run.State, change func(*run.Run)) View {
	f := newFixture("r1")
	f.run.State = state
	change(&f.run)
	return f.view()
}

func many200() View {
	f := newFixture("r200")
	value := strings.Repeat("a long value that fills the diff ", 24)
	for i := range 200 {
		var list []run.Change
		for k := range 30 {
			list = append(list, change(run.ActionUpdate, fmt.Sprintf("aws_instance.web[%d]", k),
				run.Attribute{Path: "user_data", Before: value, After: value + fmt.Sprint(i)}))
		}
		if i%50 == 7 {
			list = append([]run.Change{database}, list...)
		}
		if i%70 == 9 {
			f.failed(fmt.Sprintf("service-%03d-prod", i), "prod", invalidReference)
			continue
		}
		f.planned(fmt.Sprintf("service-%03d-prod", i), "prod", changes(list...))
	}
	return f.view()
}

func destroys(n int) View {
	var list []run.Change
	for i := range n {
		list = append(list, change(run.ActionDestroy, fmt.Sprintf(`module.fleet["eu-central-1"].aws_instance.web[%d]`, i)))
	}
	return newFixture("r3000").planned("fleet-prod", "prod", changes(list...)).planned("app-dev", "dev", changes(queue)).view()
}

// evil is text that tries everything at once.
const evil = "x`](http://evil.example) ![i](http://evil.example/b.png) <img src=x> @acme/admins #12 GH-3 </details>\n\n```\n# Plan: 0 to add\x1b[31m \u202e " + newHead

// withText is a view with s in every field that anybody else fills.
func withText(s string) *fixture {
	f := newFixture("rx")
	f.run.BaseRef, f.run.Line, f.run.Actor, f.run.BaseSHA = "b"+s, s, s, base+s
	f.run.Notes = []string{"n" + s}
	f.run.Gate = &run.Gate{Missing: []string{"a" + s, "b " + s}}
	f.planned("p-"+s, "e-"+s, run.Summary{
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
	f.outputs[f.run.Jobs[0].ID] = "o" + s
	f.failed("q-"+s, "dev", run.Problem{Code: s, Message: "It went wrong with " + s, Detail: "d" + s})
	f.outputs[f.run.Jobs[1].ID] = "o" + s
	f.run.Problem = &run.Problem{Code: s, Message: s, Detail: "d" + s}
	return f
}

func goldenViews() map[string]View {
	behind := newFixture("rb").planned("network-prod", "prod", changes(service, queue)).planned("app-dev", "dev", changes(queue))
	behind.run.Behind = 3
	behind.run.Notes = []string{"`lockkeeper.yml` changes in this pull request; its new content counts from the merge on.", "No project is left in `live/old`: its directory is gone, so nothing was planned there."}

	first := eight()
	again := newFixture("r9").planned("network-prod", "prod", changes(service))
	again.run.Selectors = []string{"network-prod"}

	older := newFixture("r0").planned("app-dev", "dev", changes(queue))
	older.run.HeadSHA, older.run.State = oldHead, run.StateSuperseded
	cancelled := newFixture("r1")
	cancelled.run.State, cancelled.run.CancelledBy, cancelled.run.PreparedAt = run.StateCancelled, "bob", time.Time{}

	half := running()
	half.run.CancelledBy, half.run.State = "bob", run.StateCancelled
	half.run.Jobs[1].State, half.run.Jobs[2].State = run.JobCancelled, run.JobCancelled

	missing := newFixture("rm").planned("network-prod", "prod", changes(database, queue)).planned("app-dev", "dev", noChange)
	delete(missing.summaries, missing.run.Jobs[0].ID)

	return map[string]View{
		"no_op":           newFixture("rn").planned("app-dev", "dev", noChange).planned("app-prod", "prod", noChange).view(),
		"no_op_one":       newFixture("rn").planned("app-dev", "dev", noChange).view(),
		"parts":           parts1().view(),
		"one":             newFixture("ro").planned("network-prod", "prod", changes(balancer, service, queue)).view(),
		"eight":           eight().view(),
		"equal":           newFixture("re").planned("app-dev", "dev", changes(queue)).planned("app-qa", "qa", changes(queue)).planned("app-prod", "prod", changes(queue, topic)).view(),
		"destroys":        newFixture("rd").planned("network-prod", "prod", changes(database, bucket, balancer)).view(),
		"failed":          newFixture("rf").planned("app-dev", "dev", changes(queue)).failed("app-prod", "prod", invalidReference).view(),
		"all_failed":      newFixture("rf").failed("app-dev", "dev", invalidReference).failed("app-prod", "prod", invalidReference).view(),
		"running":         running().view(),
		"nothing":         ended2(run.StateSucceeded, func(*run.Run) {}),
		"refused":         ended2(run.StateRefused, func(r *run.Run) { r.Trigger, r.Problem = run.TriggerPush, configProblem }),
		"cancelled":       older.then(cancelled),
		"cancelled_half":  half.view(),
		"superseded":      ended2(run.StateSuperseded, func(r *run.Run) { r.SupersededBy = oldHead }),
		"replanned":       first.then(again),
		"too_large":       many200(),
		"destroys_3000":   destroys(3_000),
		"behind":          behind.view(),
		"hostile":         withText(evil).view(),
		"summary_missing": missing.view(),
		"none":            {},
	}
}

var configProblem = &run.Problem{Code: "config", Detail: "lockkeeper.yml:4: projects[0].dri: unknown key",
	Message: "`lockkeeper.yml` on the base branch has mistakes, so nothing was planned. Fix it on the base branch, then comment `/plan`."}

func TestComment(t *testing.T) {
	for name, v := range goldenViews() {
		t.Run(name, func(t *testing.T) {
			got := Comment(v)
			golden(t, "comment_"+name, got)
			if len(got) > commentBudget || utf8.RuneCountInString(got) > commentBudget {
				t.Errorf("the comment has %d bytes, more than %d", len(got), commentBudget)
			}
		})
	}
}
