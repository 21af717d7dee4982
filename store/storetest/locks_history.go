package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// lockHistory is a history of operations that several clients did to one store
// at once.
type lockHistory struct {
	store Store
	fault lockFault // what is wrong with the store on purpose
	runID string    // of a run for claims that save one, too
	start time.Time

	mu      sync.Mutex
	ops     []porcupine.Operation         // guarded by mu
	plans   map[int8][modelProjects]int16 // guarded by mu: fences as last granted
	granted []modelInput                  // guarded by mu: claims
	running []modelInput                  // guarded by mu: begins that have no end
	begun   int16                         // guarded by mu: runs
	dropped []porcupine.Operation         // guarded by mu: that were cancelled; the output is the error
	errs    []error                       // guarded by mu: that no client should see
}

// lockFault does an operation wrongly; do is the right way. It runs where the
// operation does, inside of the transaction.
type lockFault func(in modelInput, l *run.Locks, do func(modelInput) modelOutput)

const lockClients = 6

// record lets clients do n operations altogether.
func (h *lockHistory) record(ctx context.Context, seed uint64, n int) {
	var clients sync.WaitGroup
	for client := range lockClients {
		clients.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			for i := range n / lockClients {
				h.one(ctx, client, h.draw(rng, i), rng.IntN(40) == 0)
			}
		})
	}
	clients.Wait()
}

// draw chooses an operation. Most begins and ends are of what was granted and
// begun before, so that they are likely to work.
func (h *lockHistory) draw(rng *rand.Rand, i int) modelInput {
	one, another := rng.IntN(modelProjects), rng.IntN(modelProjects)
	in := modelInput{pull: int8(1 + rng.IntN(modelPulls)), projects: 1<<one | 1<<another}
	switch p := rng.IntN(100); {
	case p < 30:
		in.op, in.flag = "claim", rng.IntN(2) == 0
	case p < 45:
		in.op = "begin"
		h.beginning(&in, rng)
	case p < 60:
		in.op = "end"
		h.ending(&in, rng)
	case p < 66:
		in.op = "release"
		if rng.IntN(2) == 0 {
			in.projects = 0
		}
	case p < 68:
		in.op, in.flag = "close", rng.IntN(2) == 0
	case p < 75:
		in.op, in.flag = "reopen", rng.IntN(5) > 0
	case p < 80:
		in.op = "turns"
	case p < 87:
		in.op = "idle"
		h.idling(&in, rng)
	case p < 91:
		in.op, in.plan, in.run = "consume", i/20%modelPlans, int16(1+rng.IntN(1000))
	default:
		in.op = "read"
	}
	return in
}

func (h *lockHistory) beginning(in *modelInput, rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.granting(in, rng)
	h.begun++
	in.run, in.fences = h.begun, h.plans[in.pull]
}

func (h *lockHistory) idling(in *modelInput, rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.granting(in, rng)
}

// granting makes an operation mostly about what was granted not long ago. The caller
// holds mu.
func (h *lockHistory) granting(in *modelInput, rng *rand.Rand) {
	if len(h.granted) > 0 && rng.IntN(5) > 0 {
		last := h.granted[max(0, len(h.granted)-1-rng.IntN(4))]
		in.pull, in.projects = last.pull, last.projects
	}
}

func (h *lockHistory) ending(in *modelInput, rng *rand.Rand) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.running) == 0 {
		in.op = "read"
		return
	}
	i := rng.IntN(len(h.running))
	in.run, in.pull = h.running[i].run, h.running[i].pull
	h.running = slices.Delete(h.running, i, i+1)
	in.dirty, in.projects = 1<<rng.IntN(2*modelProjects), set(rng.IntN(1<<modelProjects))
}

// one does an operation and writes it down. One that is cancelled in the middle
// and ends with an error must have done nothing: it is not written down.
func (h *lockHistory) one(ctx context.Context, client int, in modelInput, cancelled bool) {
	if cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go cancel()
	}
	call := time.Since(h.start).Nanoseconds()
	out, err := h.carryOut(ctx, in)
	end := time.Since(h.start).Nanoseconds()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.dropped = append(h.dropped, porcupine.Operation{Input: in, Output: err, Call: call, Return: end})
		if !cancelled {
			h.errs = append(h.errs, fmt.Errorf("%s: %w", in.op, err))
		}
		if in.op == "end" {
			h.running = append(h.running, modelInput{run: in.run, pull: in.pull})
		}
		return
	}
	switch {
	case in.op == "claim" && out.blocked == [modelProjects]modelBlocked{}:
		plans := h.plans[in.pull]
		in.projects.each(func(p int) { plans[p] = out.fences[p] })
		h.plans[in.pull] = plans
		h.granted = append(h.granted, in)
	case in.op == "begin" && out.answer == "begun":
		h.running = append(h.running, in)
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: end})
}

// carryOut does an operation to the store.
func (h *lockHistory) carryOut(ctx context.Context, in modelInput) (out modelOutput, err error) {
	change := func(l *run.Locks) (run.Saved, error) {
		do := func(in modelInput) modelOutput {
			out = h.apply(in, l)
			return out
		}
		if h.fault != nil {
			h.fault(in, l, do)
		} else {
			do(in)
		}
		return run.Saved{}, nil
	}
	switch {
	case in.op == "read":
		var l run.Locks
		if l, err = h.store.Locks(ctx); err == nil {
			_, err = change(&l)
		}
	case in.op == "claim" && in.projects.has(0): // as good as any
		_, err = h.store.UpdateRunAndLocks(ctx, h.runID, func(r *run.Run, l *run.Locks) (run.Saved, error) {
			r.Behind++
			return change(l)
		})
	default:
		err = h.store.UpdateLocks(ctx, change)
	}
	if in.op == "consume" && errors.Is(err, run.ErrConsumed) {
		out.answer, err = "consumed", nil
	}
	return out, err
}

// apply does an operation to the value that the store loaded.
func (h *lockHistory) apply(in modelInput, l *run.Locks) (out modelOutput) {
	switch in.op {
	case "read":
		out.all = modelOf(*l)
	case "claim":
		fences, blocked := l.Claim(modelHolder(in.pull), run.Claims(modelDocuments(in)), in.flag, Noon)
		for project, fence := range fences {
			out.fences[modelNumber(project)] = int16(fence)
		}
		for _, b := range blocked {
			out.blocked[modelNumber(b.Project)] = modelBlocked{is: true, holder: int8(b.Holder.PullRequest), place: int8(b.Place)}
		}
	case "begin":
		switch err := l.Begin(modelHolder(in.pull), fmt.Sprint("r", in.run), modelDocuments(in), Noon); {
		case err == nil:
			out.answer = "begun"
		case errors.Is(err, run.ErrFence):
			out.answer = "fence"
		case errors.Is(err, run.ErrSameState):
			out.answer = "same state"
		}
	case "end":
		l.End(fmt.Sprint("r", in.run), modelNames(in.projects), modelNames(in.dirty), nil, Noon)
	case "idle":
		var keys []string
		for _, p := range run.Claims(modelDocuments(in)) {
			keys = append(keys, p.Keys...)
		}
		for i, lock := range l.Locks { // as the end of a plan does
			if lock.Holder.Is(modelHolder(in.pull)) && slices.Contains(keys, lock.Key) {
				l.Locks[i].Idle = true
			}
		}
	case "release":
		released, busy := l.Release(modelHolder(in.pull), modelNames(in.projects))
		out.released, out.busy = modelSet(released), modelSet(busy)
	case "close":
		l.Close(modelHolder(in.pull), in.flag, Noon)
	case "reopen":
		requested := map[bool]time.Time{true: Noon.Add(time.Hour), false: Noon.Add(-time.Hour)}[in.flag]
		out.answer = map[bool]string{true: "open", false: "closed"}[l.Reopen(modelHolder(in.pull), requested)]
	case "turns":
		for i, w := range l.Turns(Noon) {
			out.served[i] = modelPlaceOf(w)
		}
	case "consume":
		l.Consumed = []run.Consumed{{PlanJob: fmt.Sprint("plan", in.plan), ApplyJob: fmt.Sprint("apply", in.run)}}
		out.answer = "given"
	}
	return out
}

func modelHolder(pull int8) run.Subject {
	return run.Subject{Repository: run.Repository{ID: 7, Owner: "acme", Name: "infra", InstallationID: 1}, PullRequest: int(pull)}
}

func modelDocuments(in modelInput) (docs []run.JobDocument) {
	in.projects.each(func(p int) {
		name := fmt.Sprint("p", p)
		doc := run.JobDocument{RepositoryID: 7, Fence: int64(in.fences[p]), Project: run.JobProject{Name: name, Dir: name, Workspace: "default"}}
		if p < 4 {
			doc.Project.State = fmt.Sprint("s", p/2)
		}
		docs = append(docs, doc)
	})
	return docs
}

func modelNames(projects set) (names []string) {
	projects.each(func(p int) { names = append(names, fmt.Sprint("p", p)) })
	return names
}

func modelNumber(project string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(project, "p"))
	return n
}

func modelSet(projects []string) (s set) {
	for _, p := range projects {
		s |= 1 << modelNumber(p)
	}
	return s
}

func modelPlaceOf(w run.Waiter) modelPlace {
	p := modelPlace{pull: int8(w.Holder.PullRequest), id: int16(w.ID), idle: w.Idle}
	for _, c := range w.Projects {
		p.projects |= modelSet([]string{c.Project})
		for _, key := range c.Keys {
			p.keys[modelNumber(c.Project)] |= 1 << modelKey(key)
		}
	}
	return p
}

func modelKey(key string) (k int) {
	if _, err := fmt.Sscanf(key, "dir:7:p%d//default", &k); err != nil {
		_, _ = fmt.Sscanf(key, "state:s%d", &k)
		k += modelProjects
	}
	return k
}

// modelOf is what someone sees who reads all locks.
func modelOf(l run.Locks) (m model) {
	for _, lock := range l.Locks {
		k := modelKey(lock.Key)
		busy, _ := strconv.Atoi(strings.TrimPrefix(lock.Busy, "r"))
		m.locks[k] = modelLock{
			fence: int16(lock.Fence), holder: int8(lock.Holder.PullRequest), project: int8(modelNumber(lock.Project)), busy: int16(busy),
			closing: lock.Closing, dirty: lock.Dirty, applied: lock.Applied, idle: lock.Idle, merged: lock.Merged,
			place: int16(lock.Place), last: int8(lock.Last.By.PullRequest), lastMerged: lock.Last.Merged,
		}
	}
	m.last = int16(l.LastWaiter)
	for i, w := range l.Waiters {
		if i == len(m.line) { // nobody waits twice: no state of the model is like this one
			m.last = -1
			break
		}
		m.line[i] = modelPlaceOf(w)
	}
	for _, c := range l.Closed {
		m.closed |= 1 << c.Holder.PullRequest
	}
	return m
}

func (u suite) newHistory(t *testing.T, fault lockFault) *lockHistory {
	// What is on disk after a power cut is not the question here, and a flush for
	// each of 200,000 operations would take minutes.
	s := u.open(t, t.TempDir(), false)
	Must[bool](t)(s.CreateRun(t.Context(), Run("1", "k"), nil))
	return &lockHistory{store: s, fault: fault, runID: "1", start: time.Now(), plans: map[int8][modelProjects]int16{}}
}

// check compares a history with the model. When they differ, it says where.
func (h *lockHistory) check(t *testing.T) porcupine.CheckResult {
	t.Helper()
	result, info := porcupine.CheckOperationsVerbose(porcupine.Model{
		Init: func() any { return model{} },
		Step: func(state, in, out any) (bool, any) {
			next, want := state.(model).step(in.(modelInput))
			return want == out.(modelOutput), next
		},
	}, h.ops, time.Minute)
	if result != porcupine.Ok {
		h.explain(t, info)
	}
	return result
}

// explain reports how far the model could follow, and what could come next.
func (h *lockHistory) explain(t *testing.T, info porcupine.LinearizationInfo) {
	t.Helper()
	var longest []porcupine.Operation
	for _, ops := range info.PartialLinearizationsOperations()[0] {
		if len(ops) > len(longest) {
			longest = ops
		}
	}
	var m model
	done := map[int64]bool{}
	for _, op := range longest {
		m, _ = m.step(op.Input.(modelInput))
		done[op.Call] = true
	}
	ends := int64(math.MaxInt64) // of the first operation that is left
	for _, op := range h.ops {
		if !done[op.Call] {
			ends = min(ends, op.Return)
		}
	}
	t.Logf("the model could follow %d of %d operations, to %+v", len(longest), len(h.ops), m.line)
	begins := ends
	for _, op := range h.ops {
		if !done[op.Call] && op.Call <= ends {
			begins = min(begins, op.Call)
			_, want := m.step(op.Input.(modelInput))
			t.Logf("from %d to %d ns %+v (-model +store):\n%s", op.Call, op.Return, op.Input, cmp.Diff(want, op.Output.(modelOutput),
				cmp.AllowUnexported(modelOutput{}, model{}, modelLock{}, modelPlace{}, modelBlocked{})))
		}
	}
	for _, d := range h.dropped {
		if d.Call <= ends && d.Return >= begins {
			t.Logf("cancelled from %d to %d ns: %+v: %v", d.Call, d.Return, d.Input, d.Output)
		}
	}
}

// seen counts what happened, so that a test can tell a history in which nothing
// did.
func (h *lockHistory) seen(counts map[string]int) {
	for _, op := range h.ops {
		in, out := op.Input.(modelInput), op.Output.(modelOutput)
		counts[in.op+" "+out.answer]++
		for _, b := range out.blocked {
			switch {
			case b.is && b.place == 0:
				counts["claim closed"]++
			case b.is && b.holder == in.pull:
				counts["claim during an apply"]++
			case b.is && b.holder == 0:
				counts["claim behind others"]++
			case b.is:
				counts["claim of what is held"]++
			}
		}
		if out.fences != [modelProjects]int16{} {
			counts["claim granted"]++
		}
		if out.served[1].pull != 0 {
			counts["turns of several"]++
		}
		if out.busy != 0 && out.released != 0 {
			counts["release of a part"]++
		}
		for _, l := range out.all.locks {
			if l.dirty && l.closing {
				counts["read dirty and closing"]++
			}
		}
	}
}

// TestLocksAreLinearizable lets clients use locks at once, cuts some of them off
// in the middle, and makes sure that what they saw is what they would have seen
// one after the other.
func (u suite) TestLocksAreLinearizable(t *testing.T) {
	histories, operations := 8, 4000
	if longtest.On() {
		histories = 50
	}
	if testing.Short() {
		histories, operations = 5, 1000
	}
	counts := map[string]int{}
	for i := range histories {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			h := u.newHistory(t, nil)
			h.record(t.Context(), uint64(i), operations)
			if len(h.errs) > 0 {
				t.Fatal(h.errs[0])
			}
			if got := h.check(t); got != porcupine.Ok {
				t.Errorf("%d operations: %s", len(h.ops), got)
			}
			h.seen(counts)
		})
	}
	if testing.Short() {
		return
	}
	for _, what := range []string{
		"claim granted", "claim of what is held", "claim behind others", "claim during an apply", "claim closed", "begin begun", "begin fence",
		"begin same state", "end ", "release of a part", "turns of several", "reopen open", "reopen closed", "consume given", "consume consumed",
		"read dirty and closing",
	} {
		if counts[what] < 5 {
			t.Errorf("%q happened %d times: the histories say little", what, counts[what])
		}
	}
}
