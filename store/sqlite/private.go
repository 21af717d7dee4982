package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// private makes the files of a database readable by this user alone. SQLite
// gives the log and its index the mode of the database, so that one is made
// first. made says that it was not there.
func private(file string) (made bool, err error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return true, f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	for _, end := range []string{"", "-wal", "-shm"} { // as earlier versions left them
		info, err := os.Stat(file + end)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().Perm() != 0o600 {
			err = os.Chmod(file+end, 0o600)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// unmade removes the file of a database that could not be begun, so that it does
// not look like one that lost everything.
func unmade(file string, made bool) error {
	info, err := os.Stat(file)
	if !made || err != nil || info.Size() > 0 {
		return nil
	}
	return os.Remove(file)
}
