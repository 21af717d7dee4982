package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/cli"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// seenByOthers lists what users of the machine beside the server's own can read of a
// directory, by the modes on the way to it.
func seenByOthers(t *testing.T, dir string) (seen []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		mode := info.Mode().Perm()
		if info.Mode()&fs.ModeSymlink == 0 && mode&0o066 != 0 { // what a link says of itself means nothing
			seen = append(seen, fmt.Sprintf("%s %v", rel, mode))
		}
		if entry.IsDir() && mode&0o011 == 0 {
			return fs.SkipDir // nobody passes
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// Finding 10: another user of the machine copied and read the database. Service
// managers make a data directory of mode 0755, and earlier versions made readable
// files in it.
func TestNothingOfTheDataDirectoryIsForOthers(t *testing.T) {
	for name, as := range map[string]func(*stage){"the own user": func(*stage) {}, "the image's user": (*stage).asImageUser} {
		t.Run(name, func(t *testing.T) {
			if name == "the own user" && os.Geteuid() == 0 {
				long(t)
			}
			s := &story{newStage(t)}
			defer unix.Umask(unix.Umask(0))
			dir := filepath.Join(s.dir, "server")
			s.check(os.Mkdir(filepath.Join(dir, "jobs"), 0o755))
			for _, name := range []string{"", "lockkeeper.db", "lockkeeper.db-wal", "lockkeeper.db-shm"} {
				s.check(os.Chmod(filepath.Join(dir, name), 0o755))
			}
			if len(seenByOthers(t, dir)) < 5 {
				t.Fatal("others should see it until the server starts")
			}
			as(s.stage)
			s.launch()
			defer s.kill()
			n := s.planned("a")
			s.says(ana, n, "/apply")
			s.wants(s.conversation(n), "Applied")
			if seen := seenByOthers(t, dir); len(seen) > 0 {
				t.Errorf("others can read:\n%s", strings.Join(seen, "\n"))
			}
			for name, want := range map[string]fs.FileMode{".": modeOf(s.stage), "jobs": modeOf(s.stage), "artifacts": 0o700, "mirrors": 0o700, "lockkeeper.db": 0o600} {
				info, err := os.Stat(filepath.Join(dir, name))
				s.check(err)
				if info.Mode().Perm() != want {
					t.Errorf("%s has the mode %v, want %v", name, info.Mode().Perm(), want)
				}
			}
		})
	}
}

// modeOf is the mode of a directory that jobs pass through: under a user id of their own
// when the server is root.
func modeOf(s *stage) fs.FileMode {
	if s.user != nil || os.Geteuid() != 0 {
		return 0o700
	}
	return 0o711
}

func newEncryptionKey(t *testing.T) string {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key.String() + "\n"
}

// withSecret is a stage whose plans hold a secret, and whose terraform leaves a
// state behind, which holds it too, when the file fail is there. key may be "".
func withSecret(t *testing.T, secret, key string) *story {
	t.Helper()
	t.Parallel()
	s := &story{newStage(t, aScript, func(c map[string]any) {
		for _, env := range c["environments"].(map[string]any) {
			env.(map[string]any)["variables"] = map[string]any{"TF_VAR_token": map[string]any{"value": secret}}
		}
		if key != "" {
			c["encryption_key_file"] = filepath.Join(filepath.Dir(c["data_dir"].(string)), "encryption-key")
		}
	})}
	s.script(`
if [ "$1" = apply ] && [ -e "$dir/fail" ]; then
	echo "{\"token\": \"$TF_VAR_token\"}" > errored.tfstate
	echo 'Error: Failed to save state' >&2
	exit 1
fi
exec "$terraform" "$@"
`)
	s.key(key)
	return s
}

// key writes the file of the server's keys.
func (s *story) key(text string) {
	s.Helper()
	s.check(os.WriteFile(filepath.Join(s.dir, "encryption-key"), []byte(text), 0o600))
}

func usesToken(text string) github.Files {
	return github.Files{"live/dev/network/extra.tf": "variable \"token\" {\n  sensitive = true\n}\nresource \"terraform_data\" \"extra\" {\n  input = \"" + text + "-${var.token}\"\n}\n"}
}

// holding lists the files of the data directory with a text in them, also in
// what is packed: a plan file is a zip.
func (s *story) holding(text string) (files []string) {
	s.Helper()
	dir := filepath.Join(s.dir, "server")
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if bytes.Contains(content, []byte(text)) || bytes.Contains(unzipped(content), []byte(text)) {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return nil
	})
	if err != nil && !os.IsNotExist(err) { // jobs tidy up meanwhile
		s.Fatal(err)
	}
	return files
}

func unzipped(content []byte) (all []byte) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil
	}
	for _, file := range archive.File {
		if f, err := file.Open(); err == nil {
			text, _ := io.ReadAll(f)
			all = append(all, text...)
		}
	}
	return all
}

const canaryToken = "canary-5e1b0c77"

// Plans and saved states hold secrets in clear. Without a key they lie in the
// artifacts so, which is why there is one.
func TestSecretsOfPlansAndStatesAreNotStoredInClear(t *testing.T) {
	for name, key := range map[string]string{"without a key": "", "with a key": newEncryptionKey(t)} {
		t.Run(name, func(t *testing.T) {
			if key == "" {
				long(t) // why there is a key
			}
			s := withSecret(t, canaryToken, key)
			t.Cleanup(s.serve())
			n := s.open("a", usesToken("a"))
			s.quiet()
			s.check(os.WriteFile(filepath.Join(s.dir, "fail"), nil, 0o600))
			s.says(ana, n, "/apply")
			s.wants(s.conversation(n), "The apply made changes but could not write the state")
			if key == "" {
				s.poll("the secret in the plan and the state alone", func() bool {
					files := s.holding(canaryToken)
					return len(files) == 2 && slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, run.ArtifactPlan) }) &&
						slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, run.ArtifactErroredState) })
				})
				return
			}
			s.wants(s.conversation(n), "`, which is encrypted (decrypt it with `age --decrypt` and the server's key)")
			s.poll("the jobs to tidy up, and no secret in the data directory", func() bool { return len(s.holding(canaryToken)) == 0 })
			if len(s.holding("age-encryption.org/v1")) < 2 {
				t.Error("nothing is encrypted")
			}
			for _, line := range strings.Fields(key) {
				if files := s.holding(line); len(files) > 0 {
					t.Errorf("the key is in %v", files)
				}
			}
		})
	}
}

// An encrypted plan outlives the server and a new key before the old one; with
// the old one gone it is refused, and a new plan heals that.
func TestAnEncryptedPlanIsAppliedAfterARestartAndARotation(t *testing.T) {
	long(t) // a runner says it of each key
	first, second, third := newEncryptionKey(t), newEncryptionKey(t), newEncryptionKey(t)
	s := withSecret(t, canaryToken, first)
	stop := s.serve()
	a := s.open("a", usesToken("a"))
	s.quiet()
	stop()
	stop = s.serve()
	s.says(ana, a, "/apply")
	s.wants(s.conversation(a), "Applied")
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, a))
	s.quiet()

	b := s.open("b", usesToken("b"))
	s.quiet()
	stop()
	s.key(second + first)
	stop = s.serve()
	s.says(ana, b, "/apply")
	s.wants(s.conversation(b), "Applied")
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, b))
	s.quiet()

	c := s.open("c", usesToken("c"))
	s.quiet()
	stop()
	s.key(third)
	stop = s.serve()
	t.Cleanup(stop)
	s.says(ana, c, "/apply")
	s.wants(s.conversation(c), "The plan is encrypted with a key that the server does not have any more: comment `/plan`.")
	if strings.Contains(s.conversation(c), "Applied") {
		t.Errorf("it was applied:\n%s", s.conversation(c))
	}
	s.says(ana, c, "/plan")
	s.says(ana, c, "/apply")
	s.wants(s.conversation(c), "Applied")
}

// Finding 4: a load balancer that waits for /readyz sends no webhook before.
func TestAFreshServerIsReady(t *testing.T) {
	s := newStage(t)
	var handler http.Handler
	stop := s.serve(func(a *app.App) { handler = a.Handler })
	defer stop()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Finding 10: half a database, its log gone, was served as if nothing had
// happened.
func TestAServerWithHalfADatabaseDoesNotStart(t *testing.T) {
	s := &story{newStage(t)}
	s.launch()
	s.planned("a")
	s.kill()
	s.check(s.store.Close())
	file := filepath.Join(s.dir, "server", "lockkeeper.db")
	info, err := os.Stat(file)
	s.check(err)
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(file + end); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	s.check(os.Truncate(file, info.Size()/2))
	cfg, err := cli.LoadConfig(t.Context(), s.config)
	s.check(err)
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err == nil {
		s.check(a.Close())
		t.Fatal("it starts")
	}
	s.wants(err.Error(), "is damaged", `docs/operations.md, "The store is damaged"`)
	page, err := os.ReadFile("../docs/operations.md")
	s.check(err)
	s.wants(strings.ToLower(string(page)), "**the store is damaged.**")
}
