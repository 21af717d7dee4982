package runner

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/summary"
)

// plan is the work of a plan job: source, init, plan, show, summary.
func (j *job) plan(ctx context.Context) *run.Problem {
	p := j.makePlan(ctx)
	if p == nil {
		if j.doc.Policy == nil { // rules need the turn, too
			j.giveTurn()
		}
		p = j.keep(ctx)
	}
	if p != nil {
		j.makeRoom(p)
		// What was printed is wanted most now, also when the time is over.
		if err := j.putAll(context.WithoutCancel(ctx), map[string]putting{run.ArtifactOutput: j.putOutput}); err != nil {
			fmt.Fprintln(os.Stderr, err) // the problem is worth more than this error
		}
	}
	return p
}

// makePlan runs terraform.
func (j *job) makePlan(ctx context.Context) *run.Problem {
	init, problem := j.initArguments()
	if problem != nil {
		return problem
	}
	args, problem := j.planArguments()
	if problem != nil {
		return problem
	}
	if p := j.unpack(ctx); p != nil {
		return p
	}
	if err := j.installation(); err != nil {
		return unexpected(err)
	}
	j.env = j.environment(os.LookupEnv)
	if j.doc.Project.FromModule == "" {
		j.noteGiven()
	}
	if p := j.initAndPlan(ctx, init, args); p != nil {
		return p
	}
	if p := j.takePlan(); p != nil {
		return p
	}
	return j.show(ctx)
}

// madePlan is where terraform writes the plan: a place that it can write to.
const madePlan = "home/" + run.ArtifactPlan

// reserved are the options of plan that the runner sets, or that would make it
// read or write somewhere else.
var reserved = []string{"out", "input", "lock", "lock-timeout", "no-color", "json", "chdir", "state", "state-out", "backup",
	"backend-config", "generate-config-out", "detailed-exitcode", "var-file", "auto-approve"}

// initArguments, like those of every other command, are given to terraform as
// they are; no shell sees them.
func (j *job) initArguments() ([]string, *run.Problem) {
	p := j.doc.Project
	args := []string{"init", "-input=false", "-no-color"}
	for _, k := range slices.Sorted(maps.Keys(p.BackendConfig)) {
		if !isName(k, ".-") {
			return nil, refusedValue("backend_config", k)
		}
		args = append(args, "-backend-config="+k+"="+p.BackendConfig[k])
	}
	if p.FromModule != "" {
		args = append(args, "-from-module="+p.FromModule)
	}
	return args, nil
}

func (j *job) planArguments() ([]string, *run.Problem) {
	p := j.doc.Project
	// A plan changes no state, and an apply refuses a plan that was made from
	// another state than the present one. So a plan takes no state lock: it needs
	// no permission to write, waits for nobody, and leaves nothing locked when it
	// is killed.
	args := []string{"plan", "-input=false", "-no-color", "-lock=false", "-out=" + j.path(madePlan)}
	for _, v := range p.VarFiles {
		if strings.HasPrefix(v, "/") || !filepath.IsLocal(path.Join(p.Dir, v)) {
			return nil, refusedValue("var_files entry", v)
		}
		args = append(args, "-var-file="+v)
	}
	for _, f := range j.doc.Flags {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		if !strings.HasPrefix(f, "-") || slices.Contains(reserved, name) {
			return nil, refusedValue("flag", f)
		}
		args = append(args, f)
	}
	return args, nil
}

// keep stores what the job made.
func (j *job) keep(ctx context.Context) *run.Problem {
	s, err := j.summarize()
	if err != nil {
		return unexpected(err)
	}
	if !s.Counts.Empty() { // else there is no apply
		if j.made, err = j.findMade(ctx); err != nil {
			return problemOf(err)
		}
	}
	if p := j.judge(ctx, judgeFor); p != nil {
		return p
	}
	content, err := json.Marshal(s)
	if err != nil {
		return unexpected(err)
	}
	put := map[string]putting{
		run.ArtifactPlan:   j.putPlan,
		run.ArtifactOutput: j.putOutput,
		run.ArtifactSummary: func(ctx context.Context, key string) (run.Artifact, error) {
			return j.store.Put(ctx, key, bytes.NewReader(content))
		},
	}
	if len(j.made.files) > 0 {
		put[run.ArtifactMade] = j.putMade
	}
	err = j.putAll(ctx, put)
	if p := ended(ctx); p != nil {
		return p
	}
	if err != nil {
		return unexpected(err)
	}
	j.counts, j.partial = &s.Counts, s.Partial
	return nil
}

// summarize reads the plan's JSON twice: what it marks as sensitive in one place
// must not be shown in another.
func (j *job) summarize() (run.Summary, error) {
	plan, closes, err := j.planJSON()
	if err != nil {
		return run.Summary{}, err
	}
	defer closes()
	size := plan.Size()
	sensitive, err := summary.Sensitive(plan, size)
	if err != nil {
		return run.Summary{}, err
	}
	j.secrets = newRedactor(append(sensitive, j.known...))
	j.masked = true
	if _, err := plan.Seek(0, io.SeekStart); err != nil {
		return run.Summary{}, err
	}
	key, err := hex.DecodeString(j.doc.DigestKey)
	if err != nil {
		return run.Summary{}, errors.New("the digest key of the job's document is not hexadecimal")
	}
	s, err := summary.Read(plan, size, summary.Options{Redact: j.redact, Key: key, Drift: j.drifted, Gone: j.gone})
	if err != nil {
		return run.Summary{}, err
	}
	s.Warnings, err = j.planWarnings()
	return s, err
}

// redact is what every text of the plan goes through.
func (j *job) redact(s string) string { return j.secrets.String(s) }

func (j *job) planWarnings() ([]string, error) {
	kept := &endsOf{head: 1 << 20, tail: 1 << 20}
	if err := j.clean(kept, j.wrote["plan"][0]); err != nil {
		return nil, err
	}
	return warnings(kept.Bytes()), nil
}

func (j *job) putPlan(ctx context.Context, key string) (run.Artifact, error) {
	f, err := os.Open(j.path(run.ArtifactPlan))
	if err != nil {
		return run.Artifact{}, err
	}
	defer func() { _ = f.Close() }()
	stored, err := j.store.Put(ctx, key, f)
	if err == nil && stored.SHA256 != hex.EncodeToString(j.planned[:]) {
		err = errors.New("storing the plan: it is not what was shown")
	}
	return stored, err
}

func (j *job) putOutput(ctx context.Context, key string) (run.Artifact, error) {
	content, err := j.readable()
	if err != nil {
		return run.Artifact{}, err
	}
	return j.store.Put(ctx, key, bytes.NewReader(content))
}
