package backendtest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// Resources are what a project has or wants: values by address.
type Resources map[string]string

// Anything is wanted where code takes whatever value there is.
const Anything = "*"

// Infra is an engine without terraform, and the infrastructure that its jobs
// change: a plan compares what the code of a commit wants with what is there, and
// an apply does what its plan says, or fails because the state is another one by
// now. It is for tests of what is made of plans, not of how they are made.
type Infra struct {
	// Put stores an artifact of a job.
	Put func(ctx context.Context, key string, r io.Reader) (run.Artifact, error)
	Now func() time.Time
	// Read says what the code of a job's commit wants of its project; nil: what was
	// told to Code. An error is that of the plan. It may call Begin, nothing else.
	Read func(ctx context.Context, doc run.JobDocument) (Resources, error)
	// Applied, if set, gets what is there after each apply.
	Applied func(project string, has Resources) error

	mu     sync.Mutex
	code   map[string]map[string]Resources // guarded by mu: by commit and project
	live   map[string]Resources            // guarded by mu: what is really there, by project
	state  map[string]Resources            // guarded by mu: what terraform knows of it
	serial map[string]int                  // guarded by mu: of the states
	plans  map[string]infraPlan            // guarded by mu: by id of the job
	fail   map[string]run.Kind             // guarded by mu: the command that fails next, by project
	held   map[run.Kind]bool               // guarded by mu
	jobs   map[string]run.JobDocument      // guarded by mu: that have not ended
	taken  map[string]bool                 // guarded by mu: ids of jobs
	seq    int                             // guarded by mu
	done   []Done                          // guarded by mu

	messages chan run.Message
}

// infraPlan is a stored plan.
type infraPlan struct {
	serial      int
	changes     []run.Change
	after       Resources // that the changes make
	drift, gone []string  // what refreshing found otherwise than the state has it, and what of that is not there
}

// Done is a job that ended by itself, and what it would change or has changed.
type Done struct {
	Document    run.JobDocument
	Changes     []run.Change
	Drift, Gone []string // as in run.Summary; of a plan
	Failed      bool
}

// NewInfra has nothing in it.
func NewInfra() *Infra {
	return &Infra{
		Now: time.Now, code: map[string]map[string]Resources{}, live: map[string]Resources{}, state: map[string]Resources{}, serial: map[string]int{},
		plans: map[string]infraPlan{}, fail: map[string]run.Kind{}, held: map[run.Kind]bool{}, jobs: map[string]run.JobDocument{},
		taken: map[string]bool{}, messages: make(chan run.Message, 1000),
	}
}

// Code says what the code of a commit wants of a project.
func (f *Infra) Code(commit, project string, wants Resources) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.code[commit] == nil {
		f.code[commit] = map[string]Resources{}
	}
	f.code[commit][project] = maps.Clone(wants)
}

// Reset makes a project what it says, and terraform knows it; nothing of it fails.
func (f *Infra) Reset(project string, has Resources) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live[project], f.state[project] = maps.Clone(has), maps.Clone(has)
	f.serial[project]++
	delete(f.fail, project)
}

// Begin is what a project has that was not planned before. Read calls it.
func (f *Infra) Begin(project string, has Resources) {
	f.live[project], f.state[project] = maps.Clone(has), maps.Clone(has)
}

// Drift changes what is there behind terraform's back.
func (f *Infra) Drift(project string, change func(has Resources)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	has := maps.Clone(f.live[project])
	if has == nil {
		has = Resources{}
	}
	change(has)
	f.live[project] = has
}

// Live is what is there.
func (f *Infra) Live(project string) Resources {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.live[project])
}

// Done lists the jobs that ended by themselves, in their order.
func (f *Infra) Done() []Done {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.done)
}

// FailNext lets the next job of a project and command fail; an apply after its
// first change.
func (f *Infra) FailNext(project string, command run.Kind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[project] = command
}

// Hold keeps jobs of a command from ending until they are let go.
func (f *Infra) Hold(command run.Kind) (letGo func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[command] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.held[command] = false
		for _, id := range slices.Sorted(maps.Keys(f.jobs)) {
			if f.jobs[id].Command == command {
				f.work(f.jobs[id])
			}
		}
	}
}

// Start is run.Backend's.
func (f *Infra) Start(_ context.Context, doc run.JobDocument) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.taken[doc.JobID] {
		return nil
	}
	f.taken[doc.JobID], f.jobs[doc.JobID] = true, doc
	f.tell(doc, run.MessageStarted, nil)
	if !f.held[doc.Command] {
		f.work(doc)
	}
	return nil
}

// Cancel is run.Backend's.
func (f *Infra) Cancel(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.taken[id] {
		return run.ErrNotFound
	}
	if doc, works := f.jobs[id]; works {
		f.end(doc, &run.Result{Outcome: run.OutcomeCancelled, Problem: &run.Problem{Code: "cancelled", Message: "Cancelled."}})
	}
	return nil
}

// Withdraw is run.Backend's.
func (f *Infra) Withdraw(ctx context.Context, id string) error { return f.Cancel(ctx, id) }

// Approve is run.Backend's; no job here waits for an answer.
func (f *Infra) Approve(context.Context, string, string) error { return run.ErrNotFound }

// Reject is run.Backend's.
func (f *Infra) Reject(context.Context, string, string, string) error { return run.ErrNotFound }

// Run is run.Backend's.
func (f *Infra) Run(ctx context.Context, deliver func(context.Context, run.Message) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-f.messages:
			for deliver(ctx, m) != nil {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(10 * time.Millisecond): // the contract: again until it is taken
				}
			}
		}
	}
}

func (f *Infra) tell(doc run.JobDocument, kind run.MessageKind, result *run.Result) {
	f.seq++
	f.messages <- run.Message{JobID: doc.JobID, Fence: doc.Fence, Seq: f.seq, Kind: kind, At: f.Now(), Result: result}
}

func (f *Infra) end(doc run.JobDocument, result *run.Result) {
	delete(f.jobs, doc.JobID)
	f.tell(doc, run.MessageFinished, result)
}

// work does a job. The caller holds mu.
func (f *Infra) work(doc run.JobDocument) {
	project := doc.Project.Name
	fails := f.fail[project] == doc.Command
	if fails {
		delete(f.fail, project)
	}
	var result *run.Result
	ended := Done{Document: doc}
	switch {
	case doc.Command == run.KindApply:
		result, ended.Changes = f.apply(doc, fails)
	case fails:
		result = failed("plan_failed", "The plan failed: quota exceeded.")
	default:
		var p infraPlan
		result, p = f.plan(doc)
		ended.Changes, ended.Drift, ended.Gone = p.changes, p.drift, p.gone
	}
	ended.Failed = result.Outcome != run.OutcomeSucceeded
	f.done = append(f.done, ended)
	f.end(doc, result)
}

func failed(code, message string) *run.Result {
	return &run.Result{Outcome: run.OutcomeFailed, Problem: &run.Problem{Code: code, Message: message}}
}

func (f *Infra) plan(doc run.JobDocument) (*run.Result, infraPlan) {
	project := doc.Project.Name
	wants := f.code[doc.Commit][project]
	if f.Read != nil {
		var err error
		if wants, err = f.Read(context.Background(), doc); err != nil {
			return failed("plan_failed", "The plan failed: "+err.Error()), infraPlan{}
		}
	}
	p, partial := f.compare(doc, wants)
	p.serial = f.serial[project]
	f.plans[doc.JobID] = p
	sum := sha256.Sum256(fmt.Append(nil, p.changes, p.drift, p.gone))
	summary := run.Summary{Version: run.SummaryVersion, Partial: partial, Counts: counted(p.changes), Changes: p.changes, Drift: p.drift, Gone: p.gone, Digest: hex.EncodeToString(sum[:])}
	text, err := json.Marshal(summary)
	if err != nil {
		panic(err) // text and numbers always marshal
	}
	result := &run.Result{
		Outcome: run.OutcomeSucceeded, Counts: &summary.Counts, Partial: partial, Keeping: run.StateKept, Terraform: "Terraform 1.11.4",
		Artifacts: map[string]run.Artifact{},
	}
	for name, content := range map[string][]byte{run.ArtifactPlan: []byte("plan of " + doc.JobID), run.ArtifactSummary: text} {
		a, err := f.Put(context.Background(), "runs/"+doc.RunID+"/"+doc.JobID+"/"+name, bytes.NewReader(content))
		if err != nil {
			return failed("artifacts", err.Error()), infraPlan{}
		}
		result.Artifacts[name] = a
	}
	return result, p
}

// compare says what a plan with its flags would change.
func (f *Infra) compare(doc run.JobDocument, wants Resources) (p infraPlan, partial bool) {
	project := doc.Project.Name
	has, only, replaced := f.live[project], map[string]bool{}, map[string]bool{}
	for _, flag := range doc.Flags {
		name, value, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		switch name {
		case "target":
			partial, only[value] = true, true
		case "refresh-only":
			p = infraPlan{after: maps.Clone(has)}
			p.drift, p.gone = f.drifted(project, has)
			return p, false
		case "refresh":
			has = f.state[project]
		case "replace":
			replaced[value] = true
		}
	}
	p.drift, p.gone = f.drifted(project, has)
	p.after = maps.Clone(has)
	if p.after == nil {
		p.after = Resources{}
	}
	for _, address := range slices.Sorted(maps.Keys(union(has, wants))) {
		if len(only) > 0 && !only[address] {
			continue
		}
		before, is := has[address]
		after, wanted := wants[address]
		c := run.Change{Address: address, Type: "thing", Diff: []run.Attribute{{Path: "value", Before: before, After: after}}}
		switch {
		case !wanted:
			c.Action = run.ActionDestroy
			delete(p.after, address)
		case !is:
			c.Action = run.ActionCreate
		case replaced[address]:
			c.Action = run.ActionReplace
		case before != after && after != Anything:
			c.Action = run.ActionUpdate
		default:
			continue
		}
		if wanted {
			p.after[address] = after
		}
		c.Digest = digested(doc.DigestKey, string(c.Action), before, after)
		p.changes = append(p.changes, c)
	}
	order := []run.Action{run.ActionDestroy, run.ActionReplace, run.ActionUpdate, run.ActionCreate}
	slices.SortStableFunc(p.changes, func(a, b run.Change) int {
		return cmp.Compare(slices.Index(order, a.Action), slices.Index(order, b.Action))
	})
	return p, partial
}

// drifted is what is not as terraform's state has it. The caller holds mu.
func (f *Infra) drifted(project string, has Resources) (drift, gone []string) {
	for _, address := range slices.Sorted(maps.Keys(f.state[project])) {
		value, there := has[address]
		if value != f.state[project][address] || !there {
			drift = append(drift, address)
		}
		if !there {
			gone = append(gone, address)
		}
	}
	return drift, gone
}

// digested is the digest of a change, keyed as a runner's.
func digested(key string, parts ...string) string {
	sum := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(sum, "%q", parts)
	return hex.EncodeToString(sum.Sum(nil))
}

func union(a, b Resources) Resources {
	out := maps.Clone(a)
	if out == nil {
		out = Resources{}
	}
	maps.Copy(out, b)
	return out
}

func (f *Infra) apply(doc run.JobDocument, fails bool) (*run.Result, []run.Change) {
	project := doc.Project.Name
	p, known := f.plans[doc.Plan.JobID]
	if !known || p.serial != f.serial[project] {
		return failed("stale_plan", "The state changed after the plan was made. Comment `/plan`."), nil
	}
	f.serial[project]++
	changes := p.changes
	if fails && len(changes) > 0 {
		changes = changes[:1]
	}
	has := maps.Clone(f.live[project])
	if has == nil {
		has = Resources{}
	}
	for _, c := range changes {
		if c.Action == run.ActionDestroy {
			delete(has, c.Address)
		} else {
			has[c.Address] = p.after[c.Address]
		}
	}
	f.live[project] = has
	f.state[project] = maps.Clone(has)
	if f.Applied != nil {
		if err := f.Applied(project, maps.Clone(has)); err != nil {
			return failed("state", err.Error()), changes
		}
	}
	if fails {
		result := failed("apply_failed", "The apply failed: quota exceeded.")
		result.Began = true
		return result, changes
	}
	counts := counted(changes)
	return &run.Result{Outcome: run.OutcomeSucceeded, Began: true, Counts: &counts, Terraform: "Terraform 1.11.4"}, changes
}

func counted(changes []run.Change) (out run.Counts) {
	for _, c := range changes {
		switch c.Action {
		case run.ActionCreate:
			out.Add++
		case run.ActionUpdate:
			out.Change++
		case run.ActionReplace:
			out.Replace++
		case run.ActionDestroy:
			out.Destroy++
		}
	}
	return out
}
