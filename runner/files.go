package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lockkeeper/lockkeeper/durable"
	"github.com/lockkeeper/lockkeeper/run"
)

// errClaimed means that the job has begun before.
var errClaimed = errors.New("the job has begun before")

// maxDocument bounds a job document, in bytes.
const maxDocument = 1 << 20

// claim marks the job as begun, or returns errClaimed. A job whose end is not known is
// never begun again.
func claim(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ClaimFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errClaimed
	}
	if err != nil {
		return fmt.Errorf("claiming the job: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("claiming the job: %w", err)
	}
	return nil
}

// keepClaim makes the claim outlive a power cut, for a job that may change something. One
// that cannot may as well be made again then, and does not wait for the disk.
func keepClaim(dir string) error {
	if err := durable.SyncDir(dir); err != nil {
		return fmt.Errorf("claiming the job: %w", err)
	}
	return nil
}

func readDocument(dir string) (run.JobDocument, error) {
	name := filepath.Join(dir, DocumentFile)
	info, err := os.Stat(name)
	if err != nil {
		return run.JobDocument{}, fmt.Errorf("reading the job document: %w", err)
	}
	if info.Size() > maxDocument {
		return run.JobDocument{}, fmt.Errorf("reading the job document: it has %d bytes of at most %d", info.Size(), maxDocument)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return run.JobDocument{}, fmt.Errorf("reading the job document: %w", err)
	}
	var doc run.JobDocument
	if err := json.Unmarshal(content, &doc); err != nil {
		return run.JobDocument{}, fmt.Errorf("reading the job document: %w", err)
	}
	if doc.Version != run.DocumentVersion {
		return run.JobDocument{}, fmt.Errorf("reading the job document: this runner understands version %d, it has %d", run.DocumentVersion, doc.Version)
	}
	return doc, nil
}

// writeResult leaves the result behind, durably, complete or not at all.
func writeResult(dir string, r run.Result) error {
	content, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, ResultFile), content); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
