package runner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What a job left in place of a file: nothing of the server is read, and nothing
// is waited for.
func TestOnlyPlainFilesOfAJobAreRead(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	check(t, os.WriteFile(secret, []byte("the key"), 0o600))
	for name, c := range map[string]struct {
		make func(t *testing.T, file string)
		want string // what is read; empty is an error
	}{
		"a file":                 {func(t *testing.T, file string) { check(t, os.WriteFile(file, []byte("state"), 0o600)) }, "state"},
		"a link":                 {func(t *testing.T, file string) { check(t, os.Symlink(secret, file)) }, ""},
		"a link to a file of it": {func(t *testing.T, file string) { check(t, os.Symlink("main.tf", file)) }, ""},
		"a FIFO":                 {func(t *testing.T, file string) { check(t, syscall.Mkfifo(file, 0o600)) }, ""},
		"a directory":            {func(t *testing.T, file string) { check(t, os.Mkdir(file, 0o700)) }, ""},
		"a device":               {func(t *testing.T, file string) { check(t, os.Symlink("/dev/zero", file)) }, ""},
		"a large sparse file": {func(t *testing.T, file string) {
			check(t, os.WriteFile(file, nil, 0o600))
			check(t, os.Truncate(file, 1<<40))
		}, ""},
		"a directory that leads out": {func(t *testing.T, file string) {
			dir := filepath.Dir(file)
			check(t, os.RemoveAll(dir))
			check(t, os.Symlink(filepath.Dir(secret), dir))
			check(t, os.Symlink("secret", filepath.Join(filepath.Dir(secret), filepath.Base(file))))
		}, ""},
		"a directory that leads to the job's own files": {func(t *testing.T, file string) {
			dir := filepath.Dir(file)
			check(t, os.WriteFile(filepath.Join(filepath.Dir(filepath.Dir(dir)), filepath.Base(file)), []byte("result"), 0o600))
			check(t, os.RemoveAll(dir))
			check(t, os.Symlink("..", dir))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := &job{options: Options{Dir: t.TempDir()}}
			j.dir = j.path("source/app")
			check(t, os.MkdirAll(j.dir, 0o700))
			file := filepath.Join(j.dir, "errored.tfstate")
			c.make(t, file)
			content, err := j.read(file, 1000)
			if string(content) != c.want || (err == nil) != (c.want != "") {
				t.Errorf("read %q, %v", content, err)
			}
			if errors.Is(err, fs.ErrNotExist) && name != "a directory that leads out" {
				t.Errorf("not looked at: %v", err)
			}
		})
	}
}

// The lock file of an archive, and what a program of init left in place of the
// configuration, are read with a bound.
func TestLockFilesAndConfigurationAreReadWithABound(t *testing.T) {
	t.Parallel()
	s := newSetup(t, map[string]string{"app/main.tf": resource, "app/.terraform.lock.hcl": strings.Repeat("#", maxLockFile+1)})
	wantProblem(t, s.run(t), "source_refused", "lock file is larger")
	for _, size := range []int{maxLockFile + 1, maxPlanConfiguration + 1} { // of a shared tree it is read and not noted
		s = newSetup(t, large(map[string]string{"app/main.tf": resource, "app/.terraform.lock.hcl": strings.Repeat("#", size)}))
		s.options.Sources = sharing(t)
		wantProblem(t, s.run(t), "source_refused", "lock file")
	}

	j := &job{options: Options{Dir: t.TempDir()}}
	j.dir = j.path("source")
	large := filepath.Join(j.dir, "large.tf")
	check(t, errors.Join(os.Mkdir(j.dir, 0o700), os.WriteFile(large, nil, 0o600), os.Truncate(large, maxPlanConfiguration+1)))
	var err error
	j.tree, err = os.OpenRoot(j.dir)
	check(t, err)
	t.Cleanup(j.leave)
	if _, err := j.initInputs(nil); err == nil {
		t.Error("configuration of any size is read")
	}
	outside := []byte(`{"Modules": [{"Key": "", "Dir": "."}, {"Key": "m", "Dir": "../../../../../../../../etc"}]}`)
	check(t, os.Remove(large))
	if _, err := j.initInputs(outside); err == nil {
		t.Error("a directory outside is read")
	}
}
