package worker

import (
	"cmp"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// What the log says of runs and jobs: one line at the start and one at the end of
// each, whatever became of it (docs/operations.md, "Logs"). It holds nothing that a
// job printed: a job's end is reported by the code of its problem.

// How many names of projects, and bytes of a reason, one line holds.
const (
	loggedProjects = 20
	loggedWhy      = 500
)

// logAccepted says that a run was requested.
func (w *Worker) logAccepted(r run.Run) {
	line := ofRun(w.Log.Info(), r).Str("trigger", string(r.Trigger))
	if r.Line != "" {
		line.Str("line", r.Line)
	}
	line.Msg("run accepted")
}

// logJoined says that a run does what someone else requested, too.
func (w *Worker) logJoined(r run.Run, actor string) {
	ofRun(w.Log.Info(), r).Str("joined", actor).Msg("run joined")
}

// logStep says what came of an event, also to those who count.
func (w *Worker) logStep(before, after run.Run) {
	if w.Stepped != nil {
		w.Stepped(before, after)
	}
	if before.State == run.StateAccepted && after.State != run.StateAccepted && len(after.Jobs) > 0 {
		names := make([]string, len(after.Jobs))
		for i, j := range after.Jobs {
			names[i] = j.Document.Project.Name
		}
		ofRun(w.Log.Info(), after).Strs("projects", names[:min(len(names), loggedProjects)]).Int("jobs", len(names)).
			Strs("flags", after.Flags).Str("head", after.HeadSHA).Msg("run started")
	}
	for i := range after.Jobs {
		j, was := &after.Jobs[i], run.JobQueued
		if b := before.Job(j.ID); b != nil {
			was = b.State
		}
		switch {
		case was == j.State:
		case j.State == run.JobRunning:
			ofJob(w.Log.Info(), after, j).Msg("job started")
		case j.State.Final():
			ended(ofJob(w.Log.Info(), after, j), string(j.State), problemOf(j), j.StartedAt, j.FinishedAt).Msg("job ended")
			if j.Result != nil && j.Result.PlanRead == run.PlanReadDiffers {
				ofJob(w.Log.Warn(), after, j).Str("terraform", j.Result.Terraform).
					Msg("plan file read otherwise than by terraform show")
			}
		}
	}
	if !before.State.Final() && after.State.Final() {
		line := ended(ofRun(w.Log.Info(), after), string(after.State), after.Problem, after.CreatedAt, after.FinishedAt)
		if after.State == run.StateRefused && after.Problem != nil {
			line.Str("why", why(*after.Problem))
		}
		line.Msg("run ended")
	}
}

func ofRun(line *zerolog.Event, r run.Run) *zerolog.Event {
	return line.Str("repository", r.Repository.FullName()).Int("pull_request", r.PullRequest).
		Str("run", r.ID).Str("kind", string(r.Kind)).Str("actor", r.Actor)
}

func ofJob(line *zerolog.Event, r run.Run, j *run.Job) *zerolog.Event {
	return ofRun(line, r).Str("job", j.ID).Str("project", j.Document.Project.Name).Str("environment", j.Document.Environment.Name)
}

// ended adds how something ended, and after how many seconds.
func ended(line *zerolog.Event, result string, p *run.Problem, from, to time.Time) *zerolog.Event {
	seconds := 0.0
	if !from.IsZero() && to.After(from) {
		seconds = to.Sub(from).Round(time.Millisecond).Seconds()
	}
	line.Str("result", result).Float64("duration", seconds)
	if p != nil {
		line.Str("problem", p.Code)
	}
	return line
}

// why is what stood in the way of a run, for the log: not what rules of policy reported
// of a plan, which may hold what is in it.
func why(p run.Problem) string {
	line, _, _ := strings.Cut(cmp.Or(p.Why, p.Message), "\n")
	return strings.ToValidUTF8(line[:min(len(line), loggedWhy)], "")
}

func problemOf(j *run.Job) *run.Problem {
	if j.Result == nil {
		return nil
	}
	return j.Result.Problem
}
