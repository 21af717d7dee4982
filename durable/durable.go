// Package durable writes small files that are complete or not there at all, also after
// a power cut: results of jobs, their documents, keys. It knows nothing of their content.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// WriteFile writes a file that its owner alone may read. What was there before stays
// until the new content is on the disk. One caller at a time may write a name: the
// temporary file beside it is the name with a dot in front.
func WriteFile(name string, content []byte) error {
	dir, base := filepath.Split(name)
	temp := filepath.Join(dir, "."+base)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// SyncDir makes names durable that a directory got or lost.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
