package prepare

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
	p      *Preparer
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
	tree := memoryTree{"lockkeeper.yml": proofConfig, "open/main.tf": root, "guarded/main.tf": root, "fresh/main.tf": root}
	w.p = &Preparer{Index: new(project.Index)}
	var err error
	if w.graph, err = w.p.Index.Graph(ctx, tree); err != nil {
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
	*w.p = Preparer{
		Client: func(int64) (*github.Client, error) { return client(), nil }, Index: w.p.Index, Open: artifacts.open,
		Environments: Environments{Default: "dev", ByName: map[string]Environment{
			"dev":  {Job: run.JobEnvironment{Name: "dev"}, BackendConfig: map[string]string{"path": "/states/{project}"}},
			"prod": {Job: run.JobEnvironment{Name: "prod"}, BackendConfig: map[string]string{"path": "/states/{project}"}},
		}},
		Rules: map[string]policy.Rules{
			"dev":  {Current: policy.CurrentStrict},
			"prod": {Current: policy.CurrentStrict, Approvals: 1},
		},
		Runs: func(ctx context.Context, id int64, n int) ([]run.Run, error) {
			return w.store.PullRuns(ctx, id, n, 100)
		}, Locks: w.store.Locks,
		Branches: func(string) []string { return []string{"main", "release"} }, MaxProjects: 5, Now: time.Now,
	}
	w.worker = &worker.Worker{
		Store: w.store, Backend: w.infra, Prepare: w.prepare, Recheck: w.recheck, JudgeGate: w.judge, Changed: w.merged, DigestKey: func(run.JobDocument) string { return "key" }, Notify: sender.Wake, Now: time.Now, Patience: time.Minute,
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

// merged is Preparer.Merged.
func (w *proofWorld) merged(_ context.Context, repo run.Repository, number int) ([]run.JobDocument, error) {
	rd, _ := w.reading(run.Run{Repository: repo, PullRequest: number, Kind: run.KindPlan, Trigger: run.TriggerPush})
	if rd.pull.BaseRef == "unlisted" {
		return nil, nil
	}
	return w.documents(rd, w.find(rd.run, 0))
}

// prepare is Preparer.Prepare where the world answers for git and GitHub.
func (w *proofWorld) prepare(ctx context.Context, r run.Run) (out run.Preparation, err error) {
	rd, behind := w.reading(r)
	if r.Kind == run.KindApply {
		out, err = w.prepareApply(ctx, rd, behind)
	} else {
		out, err = w.preparePlan(ctx, rd, behind)
	}
	return out, w.p.outcome(r, err)
}

// reading is what GitHub tells, and how far the head is behind its base.
func (w *proofWorld) reading(r run.Run) (rd *reading, behind int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pr := w.pulls[r.PullRequest]
	facts := pr.Facts
	facts.BaseSHA = w.tips[facts.BaseRef]
	if pr.from != facts.BaseSHA {
		behind = 1
	}
	return &reading{
		run: r, pull: facts, reviews: slices.Clone(pr.reviews), members: map[string][]string{},
		permissions: map[string]string{"ana": "write", "rui": "write", "ben": "write"},
	}, behind
}

// find chooses the projects, as found.choose does with commits.
func (w *proofWorld) find(r run.Run, behind int) found {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := found{graph: w.graph, behind: behind, touched: map[string]bool{}, headOnly: map[string]policy.NewProjects{}}
	all := w.all
	if proj := (project.Project{Name: fresh, Dir: "fresh", Workspace: "default", Environment: "dev"}); w.pulls[r.PullRequest].names {
		f.headOnly[fresh] = w.p.newProjects("acme/infra", proj)
		if f.isNew(fresh) {
			all = append(slices.Clone(all), proj)
		}
	}
	for _, proj := range all {
		f.touched[proj.Name] = slices.Contains(w.pulls[r.PullRequest].touches, proj.Name)
		if len(r.Selectors) == 0 && f.touched[proj.Name] || slices.Contains(r.Selectors, proj.Name) {
			f.projects = append(f.projects, proj)
		}
	}
	return f
}

func (w *proofWorld) documents(rd *reading, f found) (docs []run.JobDocument, err error) {
	for _, proj := range f.projects {
		doc, err := w.p.document(rd.run, rd.pull, f.graph, proj)
		if err != nil {
			return nil, err
		}
		doc.Source = run.Artifact{Key: "sources/" + doc.Commit, SHA256: doc.Commit}
		docs = append(docs, doc)
	}
	return docs, nil
}

func (w *proofWorld) preparePlan(ctx context.Context, rd *reading, behind int) (run.Preparation, error) {
	out := run.Preparation{HeadSHA: rd.pull.HeadSHA, BaseRef: rd.pull.BaseRef, BaseSHA: rd.pull.BaseSHA, Behind: behind}
	if err := w.p.judgePlan(ctx, rd); err != nil {
		return out, err
	}
	if err := w.mistaken(); err != nil {
		return out, err
	}
	if w.brings(rd.run.PullRequest) {
		out.ConfigMistakes, out.Mistakes = 1, []run.Diagnostic{{Title: mistake, Path: "lockkeeper.yml", Line: 3}}
	}
	f := w.find(rd.run, behind)
	out.Untouched, out.PlanOnly = f.untouched(), f.plansOnly()
	var err error
	if out.Unrefreshed, err = w.p.unrefreshed(rd.run, f); err != nil {
		return out, err
	}
	if slices.ContainsFunc(f.projects, func(x project.Project) bool { return gated(w.p.Rules[x.Environment]) }) {
		out.Gate = &run.Gate{Foreseen: true} // it is judged when the plan is there
	}
	out.Documents, err = w.documents(rd, f)
	return out, err
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

// consider is Preparer.consider: what the store keeps is read and judged there.
func (w *proofWorld) consider(ctx context.Context, rd *reading, behind int) (*considered, error) {
	c := &considered{rd: rd, found: w.find(rd.run, behind)}
	facts := w.p.facts(rd, pull.Authors{})
	facts.Asked, facts.Permission = true, "write"
	if v := policy.Plan(facts); !v.Allowed {
		return c, refusal(v)
	}
	if err := w.mistaken(); err != nil {
		return c, w.p.outcome(rd.run, err)
	}
	var err error
	if c.stored, err = w.p.stored(ctx, rd.run, rd.pull.HeadSHA); err != nil {
		return c, err
	}
	if len(rd.run.Selectors) == 0 {
		c.found.beforeMerge()
	}
	docs, err := w.documents(rd, c.found)
	if err != nil {
		return c, err
	}
	for i, proj := range c.found.projects {
		docs[i].Source = run.Artifact{} // as Preparer.refresh
		c.projects = append(c.projects, candidate{proj, docs[i], w.p.Rules[docs[i].Environment.Name]})
	}
	c.facts = w.p.facts(rd, pull.Authors{Logins: []string{rd.pull.Author}})
	c.facts.Behind, c.facts.Pushers = behind, []string{rd.pull.Author}
	for _, x := range c.projects {
		facts := policy.Project{
			Name: x.Name, Dir: x.Dir, Environment: x.doc.Environment.Name, Rules: x.rules, Keeping: w.p.keeping(c.found.graph, x.Project, x.doc),
			Touched: c.found.touched[x.Name], HeadOnly: c.found.isNew(x.Name),
		}
		facts.Before, facts.Unplanned = c.before(x.Project)
		if err := w.p.planFacts(ctx, c, &facts, x.doc); err != nil {
			return c, err
		}
		c.facts.Projects = append(c.facts.Projects, facts)
	}
	return c, nil
}

func (w *proofWorld) prepareApply(ctx context.Context, rd *reading, behind int) (run.Preparation, error) {
	out := run.Preparation{HeadSHA: rd.pull.HeadSHA, HeadRef: rd.pull.HeadRef, BaseRef: rd.pull.BaseRef, BaseSHA: rd.pull.BaseSHA, Behind: behind}
	c, err := w.consider(ctx, rd, behind)
	if err != nil {
		return out, err
	}
	if v := policy.Apply(c.facts); !v.Allowed {
		return out, refusal(v)
	}
	out.Documents, out.Unchanged, err = w.p.plans(c)
	return out, err
}

// judge is Preparer.Judge.
func (w *proofWorld) judge(ctx context.Context, r run.Run) (run.Gate, error) {
	names, err := w.p.shownWith(ctx, r)
	if err != nil {
		return run.Gate{}, err
	}
	asked := run.Run{Repository: r.Repository, PullRequest: r.PullRequest, Kind: run.KindApply, Trigger: run.TriggerComment, Selectors: names}
	rd, behind := w.reading(asked)
	c, err := w.consider(ctx, rd, behind)
	if err != nil {
		return run.Gate{}, w.p.outcome(asked, err)
	}
	anybody(&c.facts)
	gate := w.p.gate(w.p.withReady(c, policy.Apply(c.facts)))
	if !r.Whole() {
		gate.Projects = names
	}
	return gate, nil
}

// recheck is Preparer.Recheck.
func (w *proofWorld) recheck(_ context.Context, r run.Run) error {
	rd, _ := w.reading(r)
	switch {
	case rd.pull.HeadSHA != r.HeadSHA:
		return headMoved(rd.pull.HeadSHA)
	case rd.pull.BaseRef != r.BaseRef || rd.pull.BaseSHA != r.BaseSHA:
		return baseMoved(r, rd.pull.BaseSHA, nil)
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
