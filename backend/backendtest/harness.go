// Package backendtest is the contract of run.Backend as a test suite. Every
// engine passes it.
//
// It must not know any engine: an engine's own test makes a Harness and calls
// Run.
package backendtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/vmihailenco/msgpack/v5"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lockkeeper/lockkeeper/run"
)

// Harness is what an engine's test gives to the suite. An engine of a harness
// runs one job at a time, maps the version Fake to the program of
// FakeTerraform and an empty version to a real terraform, and waits one second
// between interrupt and kill.
type Harness struct {
	// Open makes an engine on the harness's state. It is called again after a
	// Run ended or an engine was dropped.
	Open      func(t testing.TB) run.Backend
	Artifacts Artifacts
	// Tamper changes one byte of a stored artifact.
	Tamper func(t testing.TB, ref run.Artifact)
	// Environment is one with PlanToken and ApplyToken.
	Environment func(t testing.TB) run.JobEnvironment
	// KillRunner ends the runner of a running job as kill -9 does.
	KillRunner func(t testing.TB, jobID string)
	// Forgets says that the files of a killed runner are lost.
	Forgets bool
}

// Artifacts is the part of an artifact store that the suite needs.
type Artifacts interface {
	PutContent(ctx context.Context, prefix string, r io.Reader) (run.Artifact, error)
	ReadAll(ctx context.Context, ref run.Artifact, max int64) ([]byte, error)
}

// patience is how long the suite waits for something that has to happen, and of
// many things for the next one.
const patience = time.Minute

// Source stores files as a source archive. "-> x" is a symbolic link to x.
func Source(t testing.TB, a Artifacts, files map[string]string) run.Artifact {
	t.Helper()
	ref, err := a.PutContent(t.Context(), "sources", bytes.NewReader(Archive(t, files)))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// PlanFile makes a plan file of a root module, as terraform writes it, for a
// terraform that is a script. It names a provider, so its apply needs an init.
func PlanFile(t testing.TB, module map[string]string) (path string) {
	t.Helper()
	return planFile(t, module, "local", map[string]any{"path": nil, "workspace_dir": nil})
}

// planFile is PlanFile of a state in a backend of this kind.
func planFile(t testing.TB, module map[string]string, kind string, config map[string]any) (path string) {
	t.Helper()
	path = filepath.Join(Shared(t), "made.tfplan")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	entries := map[string]string{"tfplan": TFPlan(t, kind, config, "default"), "tfconfig/modules.json": `[{"Key": "", "Dir": "."}]`,
		".terraform.lock.hcl": "provider \"registry.terraform.io/example/fake\" {\n  version = \"1.0.0\"\n  hashes = [\n    \"h1:none=\",\n  ]\n}\n"}
	for name, content := range module {
		entries["tfconfig/m-/"+name] = content
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		entry, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(entry, entries[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TFPlan is the message that is the plan in a plan file, of a state in this
// backend and workspace, and nothing else.
func TFPlan(t testing.TB, kind string, config any, workspace string) string {
	t.Helper()
	packed, err := msgpack.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	field := func(to []byte, number protowire.Number, content string) []byte {
		return protowire.AppendString(protowire.AppendTag(to, number, protowire.BytesType), content)
	}
	backend := field(nil, 1, kind)
	backend = field(backend, 2, string(field(nil, 1, string(packed))))
	backend = field(backend, 3, workspace)
	plan := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3) // version of the format
	return string(field(field(plan, 13, string(backend)), 14, "1.11.4"))
}

// Archive packs files as an archive: "-> x" is a symbolic link to x, "=> x" a hard one,
// and a name that ends in "/" a directory.
func Archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	compressed, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(compressed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o644}
		content := files[name]
		if to, isLink := strings.CutPrefix(content, "-> "); isLink {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeSymlink, to, 0, ""
		}
		if to, isHard := strings.CutPrefix(content, "=> "); isHard {
			h.Typeflag, h.Linkname, h.Size, content = tar.TypeLink, to, 0, ""
		}
		if dir, isDir := strings.CutSuffix(name, "/"); isDir {
			h.Typeflag, h.Name = tar.TypeDir, dir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Document is a plan job of the directory "app" in a source.
func Document(id string, source run.Artifact) run.JobDocument {
	return run.JobDocument{
		Version: run.DocumentVersion, JobID: id, RunID: run.RunOfJob(id), Fence: 7, Command: run.KindPlan,
		Repository: "acme/infra", RepositoryID: 1, Commit: "3f2c1ab", BaseCommit: "9d0e4c2", Actor: "octocat",
		Project: run.JobProject{Name: "app", Dir: "app", Workspace: "default"},
		Source:  source,
		Limits:  run.JobLimits{Seconds: 60, PlanBytes: 1 << 20},
	}
}

// Apply is the job that applies what a plan job made.
func Apply(planned run.JobDocument, plan run.Result) run.JobDocument {
	doc := planned
	doc.Command, doc.JobID = run.KindApply, "apply-"+planned.JobID
	doc.RunID = run.RunOfJob(doc.JobID)
	doc.Plan = run.PlanOf(run.Job{ID: planned.JobID, Document: planned, Result: &plan})
	return doc
}

// Inbox collects messages and can refuse them.
type Inbox struct {
	mu     sync.Mutex
	refuse func(run.Message) bool // guarded by mu
	all    []run.Message          // guarded by mu: also those that were refused
	grew   chan struct{}          // guarded by mu: closed when all grew
}

// NewInbox makes one that takes everything.
func NewInbox() *Inbox { return &Inbox{grew: make(chan struct{})} }

// Refuse makes Deliver return an error for some messages; nil takes all again.
func (i *Inbox) Refuse(which func(run.Message) bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refuse = which
}

// Deliver is what an engine's Run is given.
func (i *Inbox) Deliver(_ context.Context, m run.Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.all = append(i.all, m)
	close(i.grew)
	i.grew = make(chan struct{})
	if i.refuse != nil && i.refuse(m) {
		return fmt.Errorf("message %d of job %s is refused", m.Seq, m.JobID)
	}
	return nil
}

// Of lists the messages of a job that arrived so far.
func (i *Inbox) Of(jobID string) []run.Message {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(i.all), func(m run.Message) bool { return m.JobID != jobID })
}

// Await waits for the n-th message of one kind about a job. As long as messages
// of other jobs come, its turn may be still to come.
func (i *Inbox) Await(t testing.TB, jobID string, kind run.MessageKind, n int) run.Message {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		i.mu.Lock()
		grew, seen := i.grew, 0
		for _, m := range i.all {
			if m.JobID == jobID && m.Kind == kind {
				if seen++; seen == n {
					i.mu.Unlock()
					return m
				}
			}
		}
		i.mu.Unlock()
		select {
		case <-grew:
			timeout.Reset(patience)
		case <-timeout.C:
			t.Fatalf("message %q number %d of job %s did not come; there are %+v", kind, n, jobID, i.Of(jobID))
		}
	}
}

// Finished waits for the end of a job.
func (i *Inbox) Finished(t testing.TB, jobID string) run.Result {
	t.Helper()
	m := i.Await(t, jobID, run.MessageFinished, 1)
	if m.Result == nil {
		t.Fatalf("job %s finished without a result", jobID)
	}
	return *m.Result
}

// Eventually waits until a condition holds.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	timeout := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

// Serve runs an engine until stop is called, which waits for its Run.
func Serve(t testing.TB, b run.Backend, inbox *Inbox) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, inbox.Deliver) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the engine's Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
