package runner

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/lockkeeper/lockkeeper/run"
)

// keeping says whether the state that an apply of a plan writes outlives the job, by
// the backend in the plan file: an apply takes it from there. What cannot be read
// is lost.
func (j *job) keeping(b plannedBackend) run.Keeping {
	switch b.kind {
	case "local":
	case "inmem":
		return run.StateLost // ends with each process
	default:
		return run.StateKept
	}
	file, err := b.localFile()
	if err != nil || !filepath.IsAbs(file) || j.isOwn(filepath.Clean(file)) {
		return run.StateLost
	}
	return run.StateKept
}

// isOwn reports whether a path is gone with the job.
func (j *job) isOwn(path string) bool {
	o := j.options
	if o.OwnMachine && !isIn(path, o.Write...) {
		return true
	}
	return isIn(path, append([]string{o.Dir, j.seen(o.Dir)}, o.Given...)...)
}

// isIn reports whether a clean path is one of the directories or lies in one.
func isIn(path string, dirs ...string) bool {
	for _, dir := range dirs {
		if path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") {
			return true
		}
	}
	return false
}

// localFile is where the local backend has the state, or below which directory:
// path is for the workspace "default" alone.
func (b plannedBackend) localFile() (string, error) {
	want := "path"
	if b.workspace != "default" {
		want = "workspace_dir"
	}
	d := msgpack.NewDecoder(bytes.NewReader(b.config))
	n, err := d.DecodeMapLen()
	if err != nil {
		return "", fmt.Errorf("reading the backend of a plan: %w", err)
	}
	for range n {
		key, err := d.DecodeString()
		if err != nil {
			return "", fmt.Errorf("reading the backend of a plan: %w", err)
		}
		if key == want {
			return d.DecodeString() // "" for null
		}
		if err := d.Skip(); err != nil {
			return "", fmt.Errorf("reading the backend of a plan: %w", err)
		}
	}
	return "", nil
}
