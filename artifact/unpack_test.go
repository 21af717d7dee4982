package artifact

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// file is one plain entry.
func file(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), Linkname: content}
}

// archiveOf makes an archive; the content of a plain entry is in Linkname.
func archiveOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var plain bytes.Buffer
	w := tar.NewWriter(&plain)
	for _, header := range entries {
		content := ""
		if header.Typeflag == tar.TypeReg {
			content, header.Linkname = header.Linkname, ""
		}
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compress(t, plain.Bytes())
}

func compress(t testing.TB, plain []byte) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil, zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	return encoder.EncodeAll(plain, nil)
}

// unpack unpacks into a directory beside which nothing may appear.
func unpack(t testing.TB, archive []byte, limits Limits) (dir string, err error) {
	t.Helper()
	parent := t.TempDir()
	dir = filepath.Join(parent, "source")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	err = Unpack(bytes.NewReader(archive), root, limits)
	beside, _ := os.ReadDir(parent)
	if len(beside) != 1 {
		t.Errorf("something was written outside: %v", beside)
	}
	return dir, err
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if info, _ := entry.Info(); info != nil {
			got[name] = info.Mode().String() + " " + string(content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestUnpack(t *testing.T) {
	script := file("p/run.sh", "#!/bin/sh\n")
	script.Mode = 0o4777 // set-user-id and write for all are not taken over
	dir, err := unpack(t, archiveOf(t, file("a b.tf", "x"), file("p/main.tf", "resource"), script, file("p/q/empty", ""),
		file("line\nfeed", "x"), file(strings.Repeat("long/", 60)+"x", "x"), file("...", "dots")), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"a b.tf": "-rw-r--r-- x", "p/main.tf": "-rw-r--r-- resource", "p/run.sh": "-rwxr-xr-x #!/bin/sh\n", "p/q/empty": "-rw-r--r-- ",
		"line\nfeed": "-rw-r--r-- x", strings.Repeat("long/", 60) + "x": "-rw-r--r-- x", "...": "-rw-r--r-- dots",
	}
	if diff := cmp.Diff(want, contents(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// T03: twelve ways out of the directory, twelve refusals.
func TestT03UnpackRefusesEveryEscape(t *testing.T) {
	link := func(kind byte, name, to string) tar.Header {
		return tar.Header{Typeflag: kind, Name: name, Linkname: to}
	}
	escapes := map[string][]tar.Header{
		"absolute name":          {file("/tmp/x", "x")},
		"parent":                 {file("../x", "x")},
		"parent in the middle":   {file("a/../../x", "x")},
		"parent at the end":      {file("a/..", "x")},
		"unclean name":           {file("a/./b//c", "x")},
		"symlink, then through":  {link(tar.TypeSymlink, "s", ".."), file("s/x", "x")},
		"symlink to a file":      {link(tar.TypeSymlink, "passwd", "/etc/passwd")},
		"symlink out":            {link(tar.TypeSymlink, "d/s", "../../x")},
		"out through another":    {link(tar.TypeSymlink, "deep", "a/b"), file("a/b/x", "x"), link(tar.TypeSymlink, "s", "deep/../../../x")},
		"file through a symlink": {file("d/x", "x"), link(tar.TypeSymlink, "s", "d"), file("s/y", "y")},
		"symlink through one":    {file("d/x", "x"), link(tar.TypeSymlink, "s", "d"), link(tar.TypeSymlink, "s/y", "x")},
		"through one that comes": {file("d/x", "x"), link(tar.TypeSymlink, "s/y", "x"), link(tar.TypeSymlink, "s", "d")},
		"symlink twice":          {link(tar.TypeSymlink, "s", "a"), link(tar.TypeSymlink, "s", "b")},
		"symlink over a file":    {file("a", "x"), link(tar.TypeSymlink, "a", "b")},
		"file over a symlink":    {link(tar.TypeSymlink, "a", "b"), file("a", "x")},
		"symlink to no name":     {link(tar.TypeSymlink, "s", "")},
		"endless symlink":        {link(tar.TypeSymlink, "s", strings.Repeat("a/", 3000))},
		"hard link to a symlink": {link(tar.TypeSymlink, "s", "a"), link(tar.TypeLink, "h", "s")},
		"hard link":              {link(tar.TypeLink, "h", "/etc/passwd")},
		"character device":       {{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3}},
		"named pipe":             {{Typeflag: tar.TypeFifo, Name: "pipe"}},
		"directory entry":        {{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o777}},
		"same name twice":        {file("a", "one"), file("a", "two")},
		"file used as directory": {file("a", "x"), file("a/b", "x")},
		"directory used as file": {file("a/b", "x"), file("a", "x")},
		"the directory itself":   {file(".", "x")},
	}
	if len(escapes) < 12 {
		t.Fatalf("%d shapes", len(escapes))
	}
	for name, entries := range escapes {
		t.Run(name, func(t *testing.T) {
			if _, err := unpack(t, archiveOf(t, entries...), Limits{}); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// Links are as in a checkout, whatever the order of entries is.
func TestUnpackMakesLinks(t *testing.T) {
	link := func(name, to string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
	}
	noted := map[string]string{}
	dir, err := unpack(t, archiveOf(t, link("a/file", "../common/x.tf"), link("dir", "common"), link("dangling", "no/where"), link("loop", "loop"),
		file("common/x.tf", "shared"), link("A/FILE", "file"), file("A/file", "other"), link("chain", "dir/../a/file")),
		Limits{Files: 8, NoteLink: func(name, to string) { noted[name] = to }})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/file": "../common/x.tf", "dir": "common", "dangling": "no/where", "loop": "loop", "A/FILE": "file", "chain": "dir/../a/file"}
	if diff := cmp.Diff(want, noted); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	for name, to := range want {
		if got, err := os.Readlink(filepath.Join(dir, name)); err != nil || got != to {
			t.Errorf("%s leads to %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"a/file": "shared", "dir/x.tf": "shared", "chain": "shared", "A/FILE": "other"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s holds %q, %v", name, got, err)
		}
	}
	if _, err := unpack(t, archiveOf(t, link("a", "b"), link("c", "d")), Limits{Files: 1}); err == nil {
		t.Error("links do not count")
	}
}

// What git has and the archive has not is a file that nobody can read: to leave it
// out would make fileset find fewer files.
func TestUnpackMakesFilesThatNobodyReads(t *testing.T) {
	left := file("left-out", "")
	left.Mode = 0
	dir, err := unpack(t, archiveOf(t, left), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(filepath.Join(dir, "left-out")); err != nil || info.Mode() != 0 {
		t.Errorf("got %v, %v", info, err)
	}
}

func TestUnpackThroughALinkThatIsThereAlready(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := Unpack(bytes.NewReader(archiveOf(t, file("link/x", "x"))), root, Limits{}); err == nil {
		t.Error("accepted")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("written outside: %v", left)
	}
}

func TestUnpackLimits(t *testing.T) {
	archive := archiveOf(t, file("a", "12345"), file("b", "12345"))
	for name, c := range map[string]struct {
		limits Limits
		text   string // empty: accepted
	}{
		"just enough":     {Limits{Files: 2, FileBytes: 5, Bytes: 10}, ""},
		"too many files":  {Limits{Files: 1}, "it is file 2, the limit is 1"},
		"too large a one": {Limits{FileBytes: 4}, "it has 5 bytes, the limit for one file is 4"},
		"too many bytes":  {Limits{Bytes: 9}, "with it the archive has 10 bytes, the limit is 9"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(t, archive, c.limits)
			if (c.text == "") != (err == nil) || (err != nil && (!errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), c.text))) {
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
}

// A small archive must not become a large one, whatever it is large with.
func TestUnpackRefusesBombs(t *testing.T) {
	limits := Limits{Files: 10, FileBytes: 1 << 20, Bytes: 1 << 20}
	padded := append(untarred(t, file("a", "x")), make([]byte, 8<<20)...)
	pax := file("a", "x")
	pax.Format, pax.PAXRecords = tar.FormatPAX, map[string]string{"comment": strings.Repeat("x", 900_000)}
	for name, c := range map[string]struct {
		archive []byte
		text    string
	}{
		"one huge file":           {archiveOf(t, file("a", strings.Repeat("0", 8<<20))), "the limit for one file is"},
		"zeros after the end":     {compress(t, padded), "data follows the end"},
		"second archive after it": {append(archiveOf(t, file("a", "x")), archiveOf(t, file("b", "x"))...), "data follows the end"},
		"window beyond the limit": {hugeWindow(t), "window size exceeded"},
		"huge headers":            {archiveOf(t, pax, pax), "unpacks to more than the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := unpack(t, c.archive, limits); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %q", err, c.text)
			}
		})
	}
}

func untarred(t *testing.T, entries ...tar.Header) []byte {
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	plain, err := decoder.DecodeAll(archiveOf(t, entries...), nil)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// hugeWindow is an archive whose decoder would need 64 MiB.
func hugeWindow(t *testing.T) []byte {
	var out bytes.Buffer
	encoder, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{untarred(t, file("a", "x")), nil} {
		if _, err := encoder.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := encoder.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpackRefusesWhatIsCutShortOrDamaged(t *testing.T) {
	archive := archiveOf(t, file("a", strings.Repeat("abc", 1000)), file("b", "x"))
	for n := range len(archive) {
		if n == 0 {
			continue
		}
		if _, err := unpack(t, archive[:n], Limits{}); err == nil {
			t.Fatalf("%d of %d bytes were accepted", n, len(archive))
		}
	}
	if _, err := unpack(t, []byte("no archive"), Limits{}); err == nil {
		t.Error("text was accepted")
	}
}

// The digest of an artifact is compared at its end, so Unpack must get there.
func TestUnpackNoticesADamagedArtifact(t *testing.T) {
	d, name := openDir(t)
	archive := archiveOf(t, file("a", "x"))
	ref := put(t, d, "source", string(archive))
	other := archiveOf(t, file("a", "y"))
	if len(other) != len(archive) {
		t.Fatal("the test needs archives of one size")
	}
	if err := os.WriteFile(filepath.Join(name, "source"), other, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := d.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := Unpack(r, root, Limits{}); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(archiveOf(f, file("a", "x"), file("b/c", "y")), true)
	f.Add(archiveOf(f, file("../a", "x")), true)
	f.Add(archiveOf(f, file("a/b", "x"), tar.Header{Typeflag: tar.TypeSymlink, Name: "c", Linkname: "a/../a/b"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "a/d", Linkname: ".."}, tar.Header{Typeflag: tar.TypeSymlink, Name: "e", Linkname: "a/d/../x"}), true)
	f.Add([]byte(strings.Repeat("\x00", 1024)), false)
	limits := Limits{Files: 8, FileBytes: 4 << 10, Bytes: 16 << 10}
	f.Fuzz(func(t *testing.T, data []byte, compressed bool) {
		if !compressed {
			data = compress(t, data) // reach the tar reader
		}
		dir, _ := unpack(t, data, limits)
		files, size := 0, int64(0)
		err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			files++
			if info.Mode()&fs.ModeSymlink != 0 {
				if to, err := filepath.EvalSymlinks(name); err == nil && to != dir && !strings.HasPrefix(to, dir+"/") {
					t.Errorf("%s leads to %s", name, to)
				}
				return nil
			}
			if !info.Mode().IsRegular() {
				t.Errorf("%s is no plain file", name)
			}
			size += info.Size()
			return nil
		})
		if err != nil || files > limits.Files || size > limits.Bytes {
			t.Errorf("%d files of %d bytes, %v", files, size, err)
		}
	})
}

// Directories and modes are there only where whoever unpacks takes them.
func TestUnpackDirectoriesAndModes(t *testing.T) {
	dirs := archiveOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "a/b", Mode: 0o700})
	marks := archiveOf(t, tar.Header{Typeflag: tar.TypeLink, Name: "x.sh", Linkname: "x.sh", Mode: 0o755})
	for _, archive := range [][]byte{dirs, marks} {
		if _, err := unpack(t, archive, Limits{}); !errors.Is(err, ErrUnsafe) {
			t.Errorf("got %v", err)
		}
	}
	dir, err := unpack(t, dirs, Limits{Directories: true})
	if info, statErr := os.Stat(filepath.Join(dir, "a/b")); err != nil || statErr != nil || !info.IsDir() {
		t.Errorf("%v, %v", err, statErr)
	}
	var asked []string
	limits := Limits{Files: 1, Executable: func(name string) error { asked = append(asked, name); return nil }}
	if _, err := unpack(t, marks, limits); err != nil || !cmp.Equal(asked, []string{"x.sh"}) {
		t.Errorf("asked for %v: %v", asked, err)
	}
	for _, header := range []tar.Header{
		{Typeflag: tar.TypeLink, Name: "x.sh", Linkname: "y.sh"}, {Typeflag: tar.TypeLink, Name: "../x", Linkname: "../x"},
		{Typeflag: tar.TypeDir, Name: "../x"}, {Typeflag: tar.TypeDir, Name: "x/"}, {Typeflag: tar.TypeFifo, Name: "x"},
	} {
		limits.Directories = true
		if _, err := unpack(t, archiveOf(t, header), limits); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%c %s: %v", header.Typeflag, header.Name, err)
		}
	}
	many := archiveOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "a"}, tar.Header{Typeflag: tar.TypeDir, Name: "b"})
	if _, err := unpack(t, many, limits); !errors.Is(err, ErrUnsafe) {
		t.Errorf("two entries of one: %v", err)
	}
}
