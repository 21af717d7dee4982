package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/outbox"
	sinks "github.com/lockkeeper/lockkeeper/outbox/github"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/store/sqlite"
	"github.com/lockkeeper/lockkeeper/store/sqlite/sqlitetest"
	"github.com/lockkeeper/lockkeeper/worker"
)

// proofWorld is a Lockkeeper of which everything that decides and keeps is real:
// store, worker, locks, gate, policy, and what is shown. What git, GitHub and
// terraform would say is in memory, so that thousands of stories take seconds.
type proofWorld struct {
	*testing.T
	store  *sqlite.Store
	infra  *backendtest.Infra
	worker *worker.Worker
	hub    *hub
	keeper *Keeper
	index  *project.Index
	graph  *project.Graph
	all    []project.Project
	repos  int64

	green, destroyed, undone, left, wrote int // how often a story came that far

	mu    sync.Mutex
	repo  run.Repository     // guarded by mu; each story has its own
	pulls map[int]*proofPull // guarded by mu
	tips  map[string]string  // guarded by mu: of base branches
	made  int                // guarded by mu: commits so far
	base  bool               // guarded by mu: the lockkeeper.yml of the base branches has a mistake
}

// proofPull is a pull request as GitHub and git know it.
type proofPull struct {
	pull.Facts
	from    string // tip of the base when its branch last took it in
	touches []string
	reviews []pull.Review
	broken  bool // its own lockkeeper.yml has a mistake
	names   bool // its own lockkeeper.yml names the project fresh, which that of the base does not
}

// The projects of that world: one that needs no approval, and one that needs one.
const (
	freely = "open"
	guard  = "guarded"
	fresh  = "fresh" // that only a head names
)

const rootModule = "terraform {\n  backend \"local\" {}\n}\nresource \"terraform_data\" \"x\" {}\n"

const proofConfig = `version: 1
projects:
  - {name: open, dir: open, environment: dev}
  - {name: guarded, dir: guarded, environment: prod}
`

// inProofWorld runs f in a bubble of time.
func inProofWorld(t *testing.T, f func(*proofWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &proofWorld{T: t, infra: backendtest.NewInfra(), hub: newHub()}
		var err error
		if w.store, err = sqlite.Open(t.Context(), sqlitetest.File(t)); err != nil {
			t.Fatal(err)
		}
		w.files(t.Context())
		w.serve(func() { f(w) })
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}

// files reads the projects from a commit that is like all of them.
func (w *proofWorld) files(ctx context.Context) {
	tree := memoryTree{"lockkeeper.yml": proofConfig, "open/main.tf": rootModule, "guarded/main.tf": rootModule, "fresh/main.tf": rootModule}
	w.index = new(project.Index)
	var err error
	if w.graph, err = w.index.Graph(ctx, tree); err != nil {
		w.Fatal(err)
	}
	cfg, err := project.Load(ctx, tree, w.graph, project.LoadOptions{DefaultBranch: "main"})
	if err != nil {
		w.Fatal(err)
	}
	w.all = cfg.Projects
}

// memoryTree is a commit in memory.
type memoryTree map[string]string

func (t memoryTree) Files(context.Context) (out []project.File, err error) {
	for path, text := range t {
		sum := sha256.Sum256([]byte(text))
		out = append(out, project.File{Path: path, Blob: hex.EncodeToString(sum[:20]), Mode: 0o100644, Size: int64(len(text))})
	}
	slices.SortFunc(out, func(a, b project.File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (t memoryTree) Submodules(context.Context) ([]string, error) { return nil, nil }

func (t memoryTree) Read(_ context.Context, files []project.File, each func(project.File, []byte) error) error {
	for _, f := range files {
		if err := each(f, []byte(t[f.Path])); err != nil {
			return err
		}
	}
	return nil
}

// serve runs worker and sender while f does what it does.
func (w *proofWorld) serve(f func()) {
	artifacts := &memoryArtifacts{content: map[string][]byte{}}
	w.infra.Put = artifacts.put
	client := func() *github.Client { return github.NewClient(&http.Client{Transport: w.hub}) }
	onGitHub := &sinks.GitHub{
		Store: w.store, Now: time.Now, RetryAfter: pull.RetryAfter, AppID: hubApp, Current: map[string]string{"dev": "strict", "prod": "strict"}, PerMinute: 1 << 30, PerHour: 1 << 30, Open: artifacts.open,
		Client: func(context.Context, int64) (*github.Client, error) { return client(), nil },
	}
	sender := &outbox.Sender{Store: w.store, Sinks: onGitHub.Sinks(), Now: time.Now}
	w.keeper = &Keeper{
		Client: func(int64) (*github.Client, error) { return client(), nil }, Index: w.index, Open: artifacts.open,
		Rules: map[string]policy.Rules{
			"dev":  {Current: policy.CurrentStrict},
			"prod": {Current: policy.CurrentStrict, Approvals: 1},
		},
		Runs: w.store.CommitRuns, Locks: w.store.Locks,
		Branches: func(string) []string { return []string{"main", "release"} }, Now: time.Now,
	}
	w.worker = &worker.Worker{
		Store: w.store, Backend: w.infra, Prepare: w.prepare, Recheck: w.recheck, JudgeGate: w.judge, Changed: w.merged, DigestKey: func(run.JobDocument) string { return "key" }, Notify: sender.Wake, Now: time.Now, RetryFor: time.Minute,
	}
	ctx, cancel := context.WithCancel(w.Context())
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{w.worker.Run, sender.Run} {
		parts.Go(func() {
			if err := part(ctx); err != nil {
				w.Error(err)
			}
		})
	}
	f()
	cancel()
	parts.Wait()
}

// begin is a repository without pull requests.
func (w *proofWorld) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.repos++
	w.repo = run.Repository{ID: w.repos, Owner: "acme", Name: fmt.Sprintf("infra-%d", w.repos), InstallationID: 1}
	w.pulls, w.tips, w.base = map[int]*proofPull{}, map[string]string{}, false
	for _, branch := range []string{"main", "release", "unlisted"} {
		w.tips[branch] = w.commit()
	}
}

// open is a pull request that has no commit yet.
func (w *proofWorld) open(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pulls[n] = &proofPull{Facts: pull.Facts{
		RepositoryID: w.repo.ID, Owner: "acme", Name: w.repo.Name, Number: n, Open: true, Author: "ana", AuthorID: 1,
		HeadRef: fmt.Sprintf("branch-%d", n), BaseRef: "main", DefaultBranch: "main",
	}}
}

// commit makes an id that no other commit has. The caller holds mu.
func (w *proofWorld) commit() string {
	w.made++
	sum := sha256.Sum256(fmt.Append(nil, w.made))
	return hex.EncodeToString(sum[:20])
}

// merged is prepare.Preparer.Merged.
func (w *proofWorld) merged(_ context.Context, repo run.Repository, number int) ([]run.JobDocument, error) {
	d, behind := w.reads(run.Run{Subject: run.Subject{Repository: repo, PullRequest: number}, Kind: run.KindPlan, Trigger: run.TriggerPush})
	if d.pull.BaseRef == "unlisted" {
		return nil, nil
	}
	return documents(w.find(d, behind)), nil
}

// prepare is prepare.Preparer.Prepare where the world answers for git and GitHub.
func (w *proofWorld) prepare(ctx context.Context, r run.Run) (out run.Preparation, err error) {
	d, behind := w.reads(r)
	if r.Kind == run.KindApply {
		out, err = w.prepareApply(ctx, d, behind)
	} else {
		out, err = w.preparePlan(ctx, d, behind)
	}
	return out, Explain(r, err, w.keeper.Now())
}

// reads is what GitHub tells, and how far the head is behind its base.
func (w *proofWorld) reads(r run.Run) (d *pullData, behind int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pr := w.pulls[r.PullRequest]
	facts := pr.Facts
	facts.BaseSHA = w.tips[facts.BaseRef]
	if pr.from != facts.BaseSHA {
		behind = 1
	}
	return &pullData{
		run: r, pull: facts, reviews: slices.Clone(pr.reviews), members: map[string][]string{},
		permissions: map[string]string{"ana": "write", "rui": "write", "ben": "write"},
	}, behind
}

// find chooses the projects, as prepare does with commits.
func (w *proofWorld) find(d *pullData, behind int) Revision {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, pr := d.run, w.pulls[d.run.PullRequest]
	rev := Revision{Graph: w.graph, Behind: behind, Affected: map[string]bool{}}
	all := w.all
	mode := w.keeper.Rules["dev"].NewProjects
	if pr.names && (mode == policy.NewPlan || mode == policy.NewApply) {
		all = append(slices.Clone(all), project.Project{Name: fresh, Dir: "fresh", Workspace: "default", Environment: "dev"})
	}
	for _, proj := range all {
		rev.Affected[proj.Name] = slices.Contains(pr.touches, proj.Name)
		if len(r.Selectors) == 0 && rev.Affected[proj.Name] || slices.Contains(r.Selectors, proj.Name) {
			isNew := proj.Name == fresh
			rev.Targets = append(rev.Targets, Target{
				Project: proj, Document: w.document(d, proj), Keeping: policy.StateKept, HeadOnly: isNew, PlanOnly: isNew && mode == policy.NewPlan,
			})
		}
	}
	return rev
}

// document is what a plan of a project would be made from.
func (w *proofWorld) document(d *pullData, proj project.Project) run.JobDocument {
	backend := map[string]string{"path": "/states/" + proj.Name}
	return run.JobDocument{
		Command: d.run.Kind, Repository: d.run.Repository.FullName(), RepositoryID: d.pull.RepositoryID,
		Commit: d.pull.HeadSHA, BaseCommit: d.pull.BaseSHA, PullRequest: d.run.PullRequest, Actor: d.run.Actor,
		Project: run.JobProject{
			Name: proj.Name, Dir: proj.Dir, Workspace: proj.Workspace, BackendConfig: backend, State: w.graph.State(proj, project.Settings{Backend: backend}),
		},
		Environment: run.JobEnvironment{Name: proj.Environment}, Flags: d.run.Flags,
	}
}

// documents are those of the targets, with their source.
func documents(rev Revision) (docs []run.JobDocument) {
	for _, x := range rev.Targets {
		doc := x.Document
		doc.Source = run.Artifact{Key: "sources/" + doc.Commit, SHA256: doc.Commit}
		docs = append(docs, doc)
	}
	return docs
}

func (w *proofWorld) preparePlan(ctx context.Context, d *pullData, behind int) (run.Preparation, error) {
	out := run.Preparation{HeadSHA: d.pull.HeadSHA, BaseRef: d.pull.BaseRef, BaseSHA: d.pull.BaseSHA, Behind: behind}
	if err := w.keeper.judgePlan(ctx, d); err != nil {
		return out, err
	}
	if err := w.mistaken(); err != nil {
		return out, err
	}
	if w.brings(d.run.PullRequest) {
		out.ConfigMistakes, out.Mistakes = 1, []run.Diagnostic{{Title: mistake, Path: "lockkeeper.yml", Line: 3}}
	}
	rev := w.find(d, behind)
	out.Untouched, out.PlanOnly = rev.Unaffected(), rev.PlansOnly()
	out.Unrefreshed = (&Plan{keeper: w.keeper, data: d}).Unrefreshed(rev)
	if slices.ContainsFunc(rev.Targets, func(x Target) bool { return gated(w.keeper.Rules[x.Environment]) }) {
		out.Gate = &run.Gate{Preview: true} // it is judged when the plan is there
	}
	out.Documents = documents(rev)
	return out, nil
}

const mistake = `no environment is named "prdo"`

// mistaken is the error of a lockkeeper.yml of the base that has a mistake.
func (w *proofWorld) mistaken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.base {
		return nil
	}
	return project.Problems{{File: "lockkeeper.yml", Line: 3, Message: mistake}}
}

// brings reports whether the lockkeeper.yml of a pull request has a mistake.
func (w *proofWorld) brings(number int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pulls[number].broken
}

// load is Keeper.loadInput: what the store keeps is read and judged there.
func (w *proofWorld) load(ctx context.Context, d *pullData, behind int) (*input, error) {
	in := &input{data: d, rev: w.find(d, behind)}
	facts := w.keeper.facts(d, pull.Authors{})
	facts.ByPerson, facts.Permission = true, "write"
	if v := policy.Plan(facts); !v.Allowed {
		return in, refusal(v)
	}
	if err := w.mistaken(); err != nil {
		return in, Explain(d.run, err, w.keeper.Now())
	}
	var err error
	if in.stored, err = w.keeper.stored(ctx, d.run, d.pull.HeadSHA); err != nil {
		return in, err
	}
	if before := slices.DeleteFunc(slices.Clone(in.rev.Targets), func(x Target) bool { return x.PlanOnly }); len(d.run.Selectors) == 0 && len(before) > 0 {
		in.rev.Targets = before // as prepare.Preparer.Find
	}
	if in.targets, err = w.keeper.ruled(in.rev.Targets); err != nil {
		return in, err
	}
	in.facts = w.keeper.facts(d, pull.Authors{Logins: []string{d.pull.Author}})
	in.facts.Behind, in.facts.Pushers = behind, []string{d.pull.Author}
	for _, x := range in.targets {
		facts := policy.Project{
			Name: x.Name, Dir: x.Dir, Environment: x.Document.Environment.Name, Rules: x.rules, Keeping: x.Keeping,
			Touched: in.rev.Affected[x.Name], HeadOnly: x.HeadOnly,
		}
		facts.Before, facts.Unplanned = in.before(x.Project)
		if err := w.keeper.planFacts(ctx, in, &facts, x.Document); err != nil {
			return in, err
		}
		in.facts.Projects = append(in.facts.Projects, facts)
	}
	return in, nil
}

func (w *proofWorld) prepareApply(ctx context.Context, d *pullData, behind int) (run.Preparation, error) {
	out := run.Preparation{HeadSHA: d.pull.HeadSHA, HeadRef: d.pull.HeadRef, BaseRef: d.pull.BaseRef, BaseSHA: d.pull.BaseSHA, Behind: behind}
	in, err := w.load(ctx, d, behind)
	if err != nil {
		return out, err
	}
	if v := policy.Apply(in.facts); !v.Allowed {
		return out, refusal(v)
	}
	plans, unchanged, err := in.plans()
	for _, st := range plans { // as prepare.Preparer.applied
		doc := st.Plan.Document
		doc.Plan, doc.Command, doc.Actor = run.PlanOf(st.Plan), run.KindApply, d.run.Actor
		out.Documents = append(out.Documents, doc)
	}
	out.Unchanged = unchanged
	return out, err
}

// judge is Keeper.Judge.
func (w *proofWorld) judge(ctx context.Context, r run.Run) (run.Gate, error) {
	names, err := w.keeper.shownWith(ctx, r)
	if err != nil {
		return run.Gate{}, err
	}
	asked := run.Run{Subject: r.Pull(), Kind: run.KindApply, Trigger: run.TriggerComment, Selectors: names}
	d, behind := w.reads(asked)
	in, err := w.load(ctx, d, behind)
	if err != nil {
		return run.Gate{}, Explain(asked, err, w.keeper.Now())
	}
	assumeAuthorized(&in.facts)
	gate := w.keeper.gate(in.withReady(policy.Apply(in.facts)))
	if !r.AllProjects() {
		gate.Projects = names
	}
	return gate, nil
}

// recheck is Keeper.Recheck.
func (w *proofWorld) recheck(_ context.Context, r run.Run) error {
	d, _ := w.reads(r)
	switch {
	case d.pull.HeadSHA != r.HeadSHA:
		return headMoved(d.pull.HeadSHA)
	case d.pull.BaseRef != r.BaseRef || d.pull.BaseSHA != r.BaseSHA:
		return baseMoved(r, d.pull.BaseSHA, nil)
	}
	return nil
}

// memoryArtifacts is a store of artifacts.
type memoryArtifacts struct {
	mu      sync.Mutex
	content map[string][]byte // guarded by mu
}

func (m *memoryArtifacts) put(_ context.Context, key string, r io.Reader) (run.Artifact, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return run.Artifact{}, err
	}
	sum := sha256.Sum256(content)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.content[key] = content
	return run.Artifact{Key: key, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))}, nil
}

func (m *memoryArtifacts) open(_ context.Context, a run.Artifact) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.content[a.Key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(content)), nil
}

const hubApp = 99

// hub is what report writes to GitHub: comments and check runs.
type hub struct {
	http.Handler
	mu       sync.Mutex
	ids      int64
	comments map[int64]*hubComment // guarded by mu
	checks   map[int64]*hubCheck   // guarded by mu
}

type hubComment struct {
	ID   int64     `json:"id"`
	Body string    `json:"body"`
	At   time.Time `json:"updated_at"`

	repo, pull string
	App        map[string]int `json:"performed_via_github_app"`
}

type hubCheck struct {
	ID         int64                   `json:"id"`
	Name       string                  `json:"name"`
	HeadSHA    string                  `json:"head_sha"`
	Status     string                  `json:"status"`
	Conclusion string                  `json:"conclusion"`
	Output     github.CheckRunOutput   `json:"output"`
	Actions    []github.CheckRunAction `json:"actions"`
}

func newHub() *hub {
	h := &hub{comments: map[int64]*hubComment{}, checks: map[int64]*hubCheck{}}
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) any) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			h.mu.Lock()
			defer h.mu.Unlock()
			if err := json.NewEncoder(w).Encode(f(r)); err != nil {
				panic(err)
			}
		})
	}
	handle("POST /repos/{owner}/{repo}/issues/{number}/comments", func(r *http.Request) any {
		h.ids++
		h.comments[h.ids] = &hubComment{ID: h.ids, App: map[string]int{"id": hubApp}, repo: r.PathValue("repo"), pull: r.PathValue("number")}
		return dated(into(r, h.comments[h.ids]))
	})
	handle("GET /repos/{owner}/{repo}/issues/{number}/comments", func(*http.Request) any { return []any{} })
	handle("PATCH /repos/{owner}/{repo}/issues/comments/{id}", func(r *http.Request) any { return dated(into(r, h.comments[pathID(r)])) })
	handle("POST /repos/{owner}/{repo}/issues/comments/{id}/reactions", func(*http.Request) any { return map[string]int{"id": 1} })
	handle("POST /repos/{owner}/{repo}/check-runs", func(r *http.Request) any {
		h.ids++
		h.checks[h.ids] = &hubCheck{ID: h.ids}
		return into(r, h.checks[h.ids])
	})
	handle("PATCH /repos/{owner}/{repo}/check-runs/{id}", func(r *http.Request) any {
		c := h.checks[pathID(r)]
		c.Conclusion = ""
		return into(r, c)
	})
	handle("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", func(*http.Request) any {
		return map[string]any{"total_count": 0, "check_runs": []any{}}
	})
	h.Handler = mux
	return h
}

func into[T any](r *http.Request, x *T) *T {
	if err := json.NewDecoder(r.Body).Decode(x); err != nil {
		panic(err)
	}
	return x
}

// dated is a comment that was changed now, in whole seconds as GitHub has them.
func dated(c *hubComment) *hubComment {
	c.At = time.Now().UTC().Truncate(time.Second)
	return c
}

func pathID(r *http.Request) int64 {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return id
}

// RoundTrip answers in this process.
func (h *hub) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code >= 400 {
		return nil, fmt.Errorf("nothing answers %s %s", r.Method, r.URL.Path)
	}
	return answer.Result(), nil
}

// check is the newest of a name at a commit; the zero value when there is none.
func (h *hub) check(commit, name string) (out hubCheck) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.checks {
		if c.HeadSHA == commit && c.Name == name && c.ID > out.ID {
			out = *c
		}
	}
	return out
}
