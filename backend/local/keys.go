package local

import (
	"errors"
	"os"
)

// keysFor is a file that its reader finds the keys of artifacts in: all of them
// for an apply, which reads a plan, and what only encrypts for others. It is nil
// when there are none. The caller closes it.
func (e *Engine) keysFor(j *job) (*os.File, error) {
	text := e.o.Keys.Text(j.doc.Plan != nil)
	if text == "" {
		return nil, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.WriteString(text) // a pipe holds 64 KiB, and sixteen keys are far less
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}
