package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner"
)

var _ run.Tailer = (*Engine)(nil)

// tailRead is how many bytes of a runner's output are looked at for the last
// lines.
const tailRead = 16 << 10

// Tail implements run.Tailer. The runner replaced secrets before it wrote: the
// files of terraform itself hold them.
func (e *Engine) Tail(_ context.Context, doc run.JobDocument) (string, error) {
	if !isJobID(doc.JobID) {
		return "", nil
	}
	f, err := os.Open(e.files(doc.JobID).path(runner.OutputFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	content := make([]byte, min(info.Size(), tailRead))
	n, err := f.ReadAt(content, info.Size()-int64(len(content)))
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return run.LastLines(string(content[:n])), nil
}
