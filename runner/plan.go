package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/summary"
)

// plan is the work of a plan job: source, init, plan, show, summary.
func (j *job) plan(ctx context.Context) *run.Problem {
	if j.doc.Command != run.KindPlan {
		return unexpected(fmt.Errorf("this runner does not know the command %q", j.doc.Command))
	}
	args, problem := j.arguments()
	if problem != nil {
		return problem
	}
	dir, problem := j.unpack(ctx)
	if problem != nil {
		return problem
	}
	if err := j.installation(dir); err != nil {
		return unexpected(err)
	}
	j.env = j.environment(os.LookupEnv)
	if p := j.terraform(ctx, "init", dir, args.init...); p != nil {
		return p
	}
	if err := j.shareProviders(); err != nil {
		return unexpected(err)
	}
	if p := j.terraform(ctx, "plan", dir, args.plan...); p != nil {
		return p
	}
	if p := j.terraform(ctx, "show", dir, "show", "-json", "-no-color", j.path(run.ArtifactPlan)); p != nil {
		return p
	}
	j.giveTurn()
	return j.keep(ctx)
}

// arguments of the two commands that depend on the document. They are given to
// terraform as they are; no shell sees them.
type arguments struct{ init, plan []string }

// reserved are the options of plan that the runner sets, or that would make it
// read or write somewhere else.
var reserved = []string{"out", "input", "lock", "lock-timeout", "no-color", "json", "chdir", "state", "state-out", "backup",
	"backend-config", "generate-config-out", "detailed-exitcode", "var-file", "auto-approve"}

func (j *job) arguments() (arguments, *run.Problem) {
	p := j.doc.Project
	a := arguments{init: []string{"init", "-input=false", "-no-color"}}
	for _, k := range slices.Sorted(maps.Keys(p.BackendConfig)) {
		if !isName(k, ".-") {
			return a, refusedValue("backend_config", k)
		}
		a.init = append(a.init, "-backend-config="+k+"="+p.BackendConfig[k])
	}
	if p.FromModule != "" {
		a.init = append(a.init, "-from-module="+p.FromModule)
	}

	// A plan changes no state, and an apply refuses a plan that was made from
	// another state than the present one. So a plan takes no state lock: it needs
	// no permission to write, waits for nobody, and leaves nothing locked when it
	// is killed.
	a.plan = []string{"plan", "-input=false", "-no-color", "-lock=false", "-out=" + j.path(run.ArtifactPlan)}
	for _, v := range p.VarFiles {
		if strings.HasPrefix(v, "/") || !filepath.IsLocal(path.Join(p.Dir, v)) {
			return a, refusedValue("var_files entry", v)
		}
		a.plan = append(a.plan, "-var-file="+v)
	}
	for _, f := range j.doc.Flags {
		name, _, _ := strings.Cut(strings.TrimLeft(f, "-"), "=")
		if !strings.HasPrefix(f, "-") || slices.Contains(reserved, name) {
			return a, refusedValue("flag", f)
		}
		a.plan = append(a.plan, f)
	}
	return a, nil
}

// unpack lays out the source and returns the project's directory in it.
func (j *job) unpack(ctx context.Context) (string, *run.Problem) {
	root, err := os.OpenRoot(j.path("source"))
	if err != nil {
		return "", unexpected(err)
	}
	defer func() { _ = root.Close() }()
	archive, err := j.store.Open(ctx, j.doc.Source)
	if err != nil {
		return "", sourceProblem(err)
	}
	defer func() { _ = archive.Close() }()
	if err := artifact.Unpack(archive, root, artifact.Limits{}); err != nil {
		// Bytes that were changed may look like anything; their digest tells.
		if _, changed := io.Copy(io.Discard, archive); errors.Is(changed, artifact.ErrChanged) {
			err = changed
		}
		return "", sourceProblem(err)
	}
	if p := refuseForbidden(root.FS()); p != nil {
		return "", p
	}
	dir := path.Clean(j.doc.Project.Dir)
	if !filepath.IsLocal(dir) {
		return "", refusedValue("dir", dir)
	}
	if j.doc.Project.FromModule != "" {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return "", unexpected(err)
		}
	}
	info, err := root.Stat(dir)
	if err != nil || !info.IsDir() {
		return "", directoryMissing(dir)
	}
	return filepath.Join(j.path("source"), dir), nil
}

func sourceProblem(err error) *run.Problem {
	switch {
	case errors.Is(err, artifact.ErrUnsafe):
		return sourceRefused(plain(err.Error()))
	case errors.Is(err, artifact.ErrChanged), errors.Is(err, artifact.ErrNotFound):
		return sourceChanged(plain(err.Error()))
	}
	return unexpected(err)
}

// refuseForbidden refuses sources with files that make terraform run something
// else than what a reviewer reads.
func refuseForbidden(source fs.FS) *run.Problem {
	var problem *run.Problem
	err := fs.WalkDir(source, ".", func(name string, _ fs.DirEntry, err error) error {
		if err == nil && name != "." && forbidden(name) {
			problem = sourceRefused(plain(name))
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return unexpected(fmt.Errorf("looking through the source: %w", err))
	}
	return problem
}

// keep stores what the job made.
func (j *job) keep(ctx context.Context) *run.Problem {
	s, err := j.summarize()
	if err != nil {
		return unexpected(err)
	}
	if p := j.judge(ctx, judgeFor); p != nil {
		return p
	}
	content, err := json.Marshal(s)
	if err != nil {
		return unexpected(err)
	}
	err = j.putAll(ctx, map[string]putting{
		run.ArtifactPlan:   j.putPlan,
		run.ArtifactOutput: j.putOutput,
		run.ArtifactSummary: func(ctx context.Context, key string) (run.Artifact, error) {
			return j.store.Put(ctx, key, bytes.NewReader(content))
		},
	})
	if p := ended(ctx); p != nil {
		return p
	}
	if err != nil {
		return unexpected(err)
	}
	j.counts = &s.Counts
	return nil
}

// summarize reads the plan's JSON twice: what it marks as sensitive in one place
// must not be shown in another.
func (j *job) summarize() (run.Summary, error) {
	f, err := os.Open(j.path(printedFile))
	if err != nil {
		return run.Summary{}, err
	}
	defer func() { _ = f.Close() }()
	shown := j.wrote["show"][0]
	size := shown.to - shown.from
	plan := io.NewSectionReader(f, shown.from, size)
	sensitive, err := summary.Sensitive(plan, size)
	if err != nil {
		return run.Summary{}, err
	}
	j.secrets = newRedactor(append(sensitive, slices.Collect(maps.Values(j.given))...))
	j.masked = true
	if _, err := plan.Seek(0, io.SeekStart); err != nil {
		return run.Summary{}, err
	}
	s, err := summary.Read(plan, size, summary.Options{Redact: j.redact})
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
	return j.store.Put(ctx, key, io.LimitReader(f, j.doc.Limits.PlanBytes))
}

func (j *job) putOutput(ctx context.Context, key string) (run.Artifact, error) {
	content, err := j.readable()
	if err != nil {
		return run.Artifact{}, err
	}
	return j.store.Put(ctx, key, bytes.NewReader(content))
}
