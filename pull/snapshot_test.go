package pull

import (
	"archive/tar"
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/project/forbidden"
)

// headers returns the entries of an archive.
func headers(t *testing.T, archive []byte) []tar.Header {
	t.Helper()
	decoder, err := zstd.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var all []tar.Header
	for r := tar.NewReader(decoder); ; {
		header, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *header)
	}
}

func names(t *testing.T, archive []byte) []string {
	var all []string
	for _, header := range headers(t, archive) {
		all = append(all, header.Name)
	}
	return all
}

func snapshot(t *testing.T, m *Mirror, sha string, paths ...string) (Snapshot, []byte, error) {
	t.Helper()
	var archive bytes.Buffer
	s, err := m.Snapshot(t.Context(), tree(t, m, sha), paths, &archive)
	return s, archive.Bytes(), err
}

func TestSnapshotHoldsOnlyWhatWasAskedFor(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "infra/a/main.tf", content: "a"}, entry{path: "infra/a/sub/x.tf", content: "x"},
		entry{path: "infra/ab/main.tf", content: "ab"}, entry{path: "modules/m/m.tf", content: "m"}, entry{path: "top.json", content: "{}"},
		entry{path: "infra/a.tf", content: "not the directory"})
	mirror := fetched(t, u, sha)
	for name, c := range map[string]struct{ paths, want []string }{
		"directories": {[]string{"modules/m", "infra/a"}, []string{"infra/a/main.tf", "infra/a/sub/x.tf", "modules/m/m.tf"}},
		"a file":      {[]string{"top.json"}, []string{"top.json"}},
		"twice":       {[]string{"infra/a/sub", "infra/a/sub/x.tf", "infra/a/sub"}, []string{"infra/a/sub/x.tf"}},
		"everything": {[]string{"."}, []string{"infra/a.tf", "infra/a/main.tf", "infra/a/sub/x.tf",
			"infra/ab/main.tf", "modules/m/m.tf", "top.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, archive, err := snapshot(t, mirror, sha, c.paths...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, names(t, archive)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if want := fmt.Sprintf("%x", sha256.Sum256(archive)); got.SHA256 != want || got.Size != int64(len(archive)) || got.Files != len(c.want) {
				t.Errorf("got %+v for %d bytes with digest %s", got, len(archive), want)
			}
		})
	}
	for _, path := range []string{"nowhere", "infra/a/main.tf/x", "../x", "/etc", "infra/a/", "infra//a", "a/../b"} {
		if _, _, err := snapshot(t, mirror, sha, "infra/a", path); err == nil {
			t.Errorf("%q: no error", path)
		}
	}
	if _, _, err := snapshot(t, mirror, sha, "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that does not exist: %v", err)
	}
}

func TestSnapshotOfEqualContentIsEqual(t *testing.T) {
	u := newUpstream(t)
	var entries []entry
	for i := range 300 {
		entries = append(entries, entry{path: fmt.Sprintf("p/%d.tf", i), content: strings.Repeat(fmt.Sprint(i), 5000)})
	}
	one := u.commit("one", nil, append(entries, entry{path: "other.md", content: "1"})...)
	slices.Reverse(entries)
	two := u.commit("two", nil, append(entries, entry{path: "other.md", content: "2"})...)
	mirror := fetched(t, u, one, two)
	first, archive, err := snapshot(t, mirror, one, "p")
	if err != nil {
		t.Fatal(err)
	}
	second, again, err := snapshot(t, mirror, two, "p")
	if err != nil || !cmp.Equal(first, second) || !bytes.Equal(archive, again) {
		t.Errorf("equal files of two commits: %+v and %+v, %v", first, second, err)
	}
	for _, header := range headers(t, archive) {
		zero := tar.Header{Typeflag: tar.TypeReg, Name: header.Name, Size: header.Size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if diff := cmp.Diff(zero, header); diff != "" {
			t.Fatalf("header (-want +got):\n%s", diff)
		}
	}
}

// T03: names that change what terraform runs.
func TestT03SnapshotRefusesForbiddenNames(t *testing.T) {
	for _, name := range []string{
		"p/.terraform/modules/modules.json", "p/.Terraform/x", "p/.terraform", "p/terraform.tfstate", "p/terraform.tfstate.backup",
		"p/terraform.tfstate.d/prod/x", "p/.terraformrc", "p/terraform.rc", "p/crash.log", "p/errored.tfstate", "p/latin1-\xe9.tf",
	} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			sha := u.commit("main", nil, entry{path: "p/main.tf", content: "x"}, entry{path: name, content: "x"}, entry{path: "q/main.tf", content: "x"})
			mirror := fetched(t, u, sha)
			got, archive, err := snapshot(t, mirror, sha, ".")
			if err != nil || len(got.Refused) != 1 || got.Refused[0].Path != name || !strings.Contains(got.Refused[0].Error(), fmt.Sprintf("%q", name)) {
				t.Errorf("got %+v, %v, want a refusal that names the file", got, err)
			}
			if held := slices.Contains(names(t, archive), name); held != utf8.ValidString(name) {
				t.Errorf("the archive holds it: %v", held)
			}
		})
	}
	for _, name := range []string{".terraform.lock.hcl", ".terraform-version", "p/.github/x", "p/.gitignore", "terraform.tfvars", "my-terraform.tfstate"} {
		if reason := nameRefused(name); reason != "" || forbidden.Name(name) {
			t.Errorf("%s is refused: %s", name, reason)
		}
	}
	for _, name := range []string{".git/config", "p/.GIT", "p/git~1/x"} {
		if nameRefused(name) == "" {
			t.Errorf("%s is allowed", name)
		}
	}
}

func TestSnapshotLimits(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a", content: "12345"}, entry{path: "b", content: "12345"})
	for name, c := range map[string]struct {
		limits Limits
		text   string // empty: accepted
	}{
		"just enough":    {Limits{Files: 2, Bytes: 10, FileBytes: 5}, ""},
		"too many files": {Limits{Files: 1}, "The commit has 2 files, and a source may have 1. Your Lockkeeper administrator can set `source: reach`"},
		"too many bytes": {Limits{Bytes: 9}, "The commit has more than 9 bytes, which is what a source may have. Your Lockkeeper administrator can set `source: reach`"},
	} {
		t.Run(name, func(t *testing.T) {
			mirror := newMirror(t, c.limits)
			if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
				t.Fatal(err)
			}
			_, _, err := snapshot(t, mirror, sha, ".")
			var refused *RefusedError
			switch {
			case c.text == "" && err != nil:
				t.Error(err)
			case c.text != "" && (!errors.As(err, &refused) || !strings.Contains(err.Error(), c.text)):
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
}

// What cannot be had as in a checkout is there all the same, and nobody can read it.
func TestSnapshotLeavesOutByPath(t *testing.T) {
	u := newUpstream(t)
	other := u.commit("other", nil, entry{path: "x", content: "x"})
	oid := strings.Repeat("ab", 32)
	sha := u.commit("main", nil, entry{path: "a.tf", content: "a"}, entry{path: "live/code.zip", content: pointerVersion + "oid sha256:" + oid + "\nsize 5\n"},
		entry{path: "live/big", content: strings.Repeat("x", 2000)}, entry{path: "live/not-a-pointer", content: pointerVersion + "oid sha256:x\nsize 5\n"},
		entry{path: "live/good", content: "../a.tf", mode: "120000"}, entry{path: "live/out", content: "../../x", mode: "120000"},
		entry{path: "live/through", content: "dir/../../../x", mode: "120000"}, entry{path: "live/dir", content: "../modules/deep", mode: "120000"},
		entry{path: "live/etc", content: "/etc/hosts", mode: "120000"}, entry{path: "live/text", content: strings.Repeat("../a", 1100), mode: "120000"},
		entry{path: "modules/deep/main.tf", content: "m", mode: "100755"}, entry{path: "vendor", content: other, mode: "160000"})
	mirror := newMirror(t, Limits{FileBytes: 1500})
	if err := mirror.Fetch(t.Context(), u.remote(), sha); err != nil {
		t.Fatal(err)
	}
	got, archive, err := snapshot(t, mirror, sha, ".")
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{}
	for _, r := range got.Refused {
		refused[r.Path], _, _ = strings.Cut(r.Reason, ",")
	}
	want := map[string]string{
		"live/code.zip": "it is a pointer of Git LFS whose content is not here; commit the file itself", "live/big": "the file has 2000 bytes", "live/out": "it is a symbolic link that leaves the repository",
		"live/through": "it is a symbolic link that leaves the repository", "live/etc": "it is a symbolic link that leaves the repository",
		"live/text": "it is a symbolic link whose text is no path; remove it", "vendor": "it is a submodule",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	entries := map[string]string{}
	for _, h := range headers(t, archive) {
		entries[h.Name] = fmt.Sprintf("%c %o %d %s", h.Typeflag, h.Mode, h.Size, h.Linkname)
	}
	wantEntries := map[string]string{"a.tf": "0 644 1 ", "live/good": "2 777 0 ../a.tf", "live/dir": "2 777 0 ../modules/deep", "modules/deep/main.tf": "0 755 1 ",
		"live/not-a-pointer": fmt.Sprintf("0 644 %d ", len(pointerVersion)+len("oid sha256:x\nsize 5\n"))}
	for path := range want {
		wantEntries[path] = "0 0 0 "
	}
	if diff := cmp.Diff(wantEntries, entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if got := names(t, archive); !slices.IsSorted(got) {
		t.Errorf("not sorted: %q", got)
	}
}

func TestTreeIDIsThatOfTheFiles(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("main", nil, entry{path: "a", content: "1"})
	two := u.commit("main", []string{one}, entry{path: "a", content: "2"})
	again := u.commit("main", []string{two}, entry{path: "a", content: "1"})
	mirror := fetched(t, u, again)
	ids := map[string]string{}
	for _, sha := range []string{one, two, again} {
		id, err := tree(t, mirror, sha).ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids[sha] = id
	}
	if ids[one] != ids[again] || ids[one] == ids[two] || len(ids[one]) != 40 {
		t.Errorf("got %v", ids)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestSnapshotReportsAWriterThatFails(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "a", content: "12345"})
	mirror := fetched(t, u, sha)
	if _, err := mirror.Snapshot(t.Context(), tree(t, mirror, sha), []string{"."}, fullDisk{}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v", err)
	}
}

// T50: nothing of a hostile repository runs, and the runner gets exactly the
// bytes of the commit.
func TestT50HostileRepository(t *testing.T) {
	canary := filepath.Join(t.TempDir(), "canary")
	evil := "#!/bin/sh\ntouch " + canary + "\n"
	u := newUpstream(t)
	other := u.commit("other", nil, entry{path: "x", content: "x"})
	sha := u.commit("main", nil,
		entry{path: ".gitattributes", content: "* filter=evil diff=evil merge=evil ident text eol=crlf export-subst\n*.lfs filter=lfs\nsecret export-ignore\n"},
		entry{path: ".gitconfig", content: "[filter \"evil\"]\n\tsmudge = touch " + canary + "\n[core]\n\tfsmonitor = touch " + canary + "\n"},
		entry{path: "hooks/post-checkout", content: evil, mode: "100755"},
		entry{path: ".githooks/reference-transaction", content: evil, mode: "100755"},
		entry{path: ".gitmodules", content: "[submodule \"sub\"]\n\tpath = sub\n\turl = https://127.0.0.1:1/sub\n"},
		entry{path: "sub", content: other, mode: "160000"},
		entry{path: "state.lfs", content: "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("ab", 32) + "\nsize 9\n"},
		entry{path: "link.txt", content: "/etc/hostname", mode: "120000"},
		entry{path: "out", content: "../../..", mode: "120000"},
		entry{path: "secret", content: "not for archives? $Format:%H$ $Id$\r\n"},
		entry{path: "Main.tf", content: "upper"}, entry{path: "main.tf", content: "lower"},
		entry{path: ".gitx/config", content: "x"}, entry{path: "git~2", content: "x"}, entry{path: ".git_", content: "x"})
	mirror := fetched(t, u, sha)
	_, archive, err := snapshot(t, mirror, sha, ".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := artifact.Unpack(bytes.NewReader(archive), root, artifact.Limits{}); err != nil {
		t.Fatal(err)
	}
	files, err := tree(t, mirror, sha).Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{"state.lfs": true, "link.txt": true, "out": true} // a pointer, and links that leave
	compareWithCommit(t, dir, slices.DeleteFunc(slices.Clone(files), func(f project.File) bool { return left[f.Path] }))
	if _, err := os.Stat(canary); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something of the repository was run: %v", err)
	}
}

// compareWithCommit hashes every unpacked file as git does: equal ids mean equal bytes.
func compareWithCommit(t *testing.T, dir string, files []project.File) {
	t.Helper()
	want, got := map[string]string{}, map[string]string{}
	for _, file := range files {
		want[file.Path] = file.Blob + " " + map[bool]string{true: "-rwxr-xr-x", false: "-rw-r--r--"}[file.Mode == 0o100755]
	}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode() == 0 {
			return err // left out
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		got[rel] = fmt.Sprintf("%x %s", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content)), info.Mode())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unpacked files and the commit's (-want +got):\n%s", diff)
	}
}

// T50: git itself refuses trees with names that it uses.
func TestT50FetchRefusesMalformedTrees(t *testing.T) {
	for _, name := range []string{".git", ".GIT", "git~1", ".g\u200cit"} {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			blob := strings.TrimSpace(u.git("x", "hash-object", "-w", "--stdin"))
			evil := strings.TrimSpace(u.git("100644 blob "+blob+"\t"+name+"\n", "mktree"))
			sha := strings.TrimSpace(u.git("", "commit-tree", "-m", "x", evil))
			u.git("", "update-ref", "refs/heads/main", sha)
			mirror := newMirror(t, Limits{})
			if err := mirror.Fetch(t.Context(), u.remote(), sha); err == nil || !strings.Contains(err.Error(), "hasDotgit") {
				t.Errorf("got %v, want git's refusal", err)
			}
		})
	}
}
