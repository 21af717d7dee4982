package pull

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// lfsRemote answers as GitHub does: the batch API with the token of the repository,
// objects elsewhere with what the answer names.
type lfsRemote struct {
	url     string
	objects map[string]string // by oid
	token   string
	storage string // where objects are said to be; default: this server
	asked   atomic.Int32
	taken   atomic.Int32
	leaked  atomic.Bool // a token came to the storage
}

func newLFSRemote(t *testing.T) *lfsRemote {
	l := &lfsRemote{objects: map[string]string{}, token: "good"}
	server := httptest.NewServer(http.HandlerFunc(l.serve))
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

func (l *lfsRemote) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/acme/infra.git/info/lfs/objects/batch" && r.Method == http.MethodPost:
		l.batch(w, r)
	case strings.HasPrefix(r.URL.Path, "/storage/"):
		l.taken.Add(1)
		if _, _, credentials := r.BasicAuth(); credentials {
			l.leaked.Store(true)
		}
		content, there := l.objects[strings.TrimPrefix(r.URL.Path, "/storage/")]
		if !there || r.Header.Get("X-Signed") != "yes" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, content)
	default:
		http.NotFound(w, r)
	}
}

func (l *lfsRemote) batch(w http.ResponseWriter, r *http.Request) {
	l.asked.Add(1)
	if _, password, _ := r.BasicAuth(); password != l.token {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	var asked struct {
		Operation string        `json:"operation"`
		Objects   []largeObject `json:"objects"`
	}
	if json.NewDecoder(r.Body).Decode(&asked) != nil || asked.Operation != "download" || r.Header.Get("Accept") != "application/vnd.git-lfs+json" {
		http.Error(w, "no", http.StatusUnprocessableEntity)
		return
	}
	storage := l.storage
	if storage == "" {
		storage = l.url + "/storage/"
	}
	for i, o := range asked.Objects {
		if _, there := l.objects[o.OID]; there {
			asked.Objects[i].Actions = map[string]largeAction{"download": {Href: storage + o.OID, Header: map[string]string{"X-Signed": "yes"}}}
		}
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	_ = json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": asked.Objects})
}

// remote is one whose first token has ended.
func (l *lfsRemote) remote() Remote {
	return Remote{URL: l.url + "/acme/infra.git", Token: func(_ context.Context, refused string) (string, error) {
		if refused == "" {
			return "ended", nil
		}
		return "good", nil
	}}
}

func pointerTo(content string) (oid, text string) {
	digest := sha256.Sum256([]byte(content))
	oid = hex.EncodeToString(digest[:])
	return oid, fmt.Sprintf("%soid sha256:%s\nsize %d\n", pointerVersion, oid, len(content))
}

// What a pointer stands for is in the source, once it is fetched and is what the
// pointer says.
func TestLargeFilesAreFetched(t *testing.T) {
	u, l := newUpstream(t), newLFSRemote(t)
	content := strings.Repeat("large ", 1000)
	oid, text := pointerTo(content)
	gone, goneText := pointerTo("pushed nowhere")
	huge := pointerVersion + "oid sha256:" + strings.Repeat("ab", 32) + "\nsize 999999999\n"
	l.objects[oid] = content
	sha := u.commit("main", nil, entry{path: "live/.gitattributes", content: "*.zip filter=lfs diff=lfs merge=lfs -text\n"},
		entry{path: "live/code.zip", content: text}, entry{path: "live/again.zip", content: text, mode: "100755"}, entry{path: "live/gone.zip", content: goneText},
		entry{path: "live/huge.zip", content: huge}, entry{path: "live/main.tf", content: "x"})
	mirror := fetched(t, u, sha)
	for range 2 { // the second finds it here
		if err := mirror.FetchLarge(t.Context(), l.remote(), tree(t, mirror, sha)); err != nil {
			t.Fatal(err)
		}
	}
	if l.taken.Load() != 1 || l.leaked.Load() {
		t.Errorf("%d objects were taken, with a token: %v", l.taken.Load(), l.leaked.Load())
	}
	got, archive, err := snapshot(t, mirror, sha, ".")
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, r := range got.Refused {
		refused = append(refused, r.Path)
	}
	if strings.Join(refused, " ") != "live/gone.zip live/huge.zip" || len(gone) != 64 {
		t.Errorf("refused are %q", refused)
	}
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := artifact.Unpack(bytes.NewReader(archive), dir, artifact.Limits{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"live/code.zip", "live/again.zip"} {
		if got, err := dir.ReadFile(name); err != nil || string(got) != content {
			t.Errorf("%s holds %d bytes, %v", name, len(got), err)
		}
	}
	if err := mirror.large().sweep(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(mirror.large().dir, "*/*/*")); len(left) != 0 {
		t.Errorf("left are %q", left)
	}
}

// With an extension the stored content is not what a checkout has: a program would have to change
// it. A job got it as it is stored.
func TestALargeFileWithAnExtensionIsRefused(t *testing.T) {
	u, l := newUpstream(t), newLFSRemote(t)
	oid, text := pointerTo("stored")
	l.objects[oid] = "stored"
	extended := strings.Replace(text, "oid ", "ext-0-case sha256:"+strings.Repeat("ab", 32)+"\noid ", 1)
	sha := u.commit("main", nil, entry{path: ".gitattributes", content: "* filter=lfs\n"}, entry{path: "a.zip", content: extended}, entry{path: "b.zip", content: text})
	mirror := fetched(t, u, sha)
	if err := mirror.FetchLarge(t.Context(), l.remote(), tree(t, mirror, sha)); err != nil {
		t.Fatal(err)
	}
	got, _, err := snapshot(t, mirror, sha, ".")
	if err != nil || len(got.Refused) != 1 || got.Refused[0].Path != "a.zip" || !strings.Contains(got.Refused[0].Reason, `the extension "ext-0-case"`) {
		t.Errorf("refused are %+v, %v", got.Refused, err)
	}
}

// T50: what a remote sends instead of an object, and where it says one is.
func TestLargeFilesThatAreNotWhatTheirPointerSaysAreNotKept(t *testing.T) {
	content := "what was meant"
	oid, text := pointerTo(content)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, content) }))
	t.Cleanup(other.Close)
	for name, change := range map[string]func(l *lfsRemote){
		"other bytes":                 func(l *lfsRemote) { l.objects[oid] = "something else" },
		"more bytes":                  func(l *lfsRemote) { l.objects[oid] = content + "!" },
		"fewer bytes":                 func(l *lfsRemote) { l.objects[oid] = content[1:] },
		"another host without https":  func(l *lfsRemote) { l.storage = other.URL + "/" },
		"a file of this machine":      func(l *lfsRemote) { l.storage = "file:///etc/" },
		"no address":                  func(l *lfsRemote) { l.storage = ":" },
		"a token that is never taken": func(l *lfsRemote) { l.token = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			u, l := newUpstream(t), newLFSRemote(t)
			l.objects[oid] = content
			change(l)
			sha := u.commit("main", nil, entry{path: ".gitattributes", content: "* filter=lfs\n"}, entry{path: "a.zip", content: text})
			mirror := fetched(t, u, sha)
			if err := mirror.FetchLarge(t.Context(), l.remote(), tree(t, mirror, sha)); !errors.Is(err, ErrRemote) {
				t.Errorf("got %v", err)
			}
			if left, _ := filepath.Glob(filepath.Join(mirror.large().dir, "*/*/*")); len(left) != 0 {
				t.Errorf("left are %q", left)
			}
			if got, _, err := snapshot(t, mirror, sha, "."); err != nil || len(got.Refused) != 1 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestARepositoryWithoutLargeFilesIsNotAskedFor(t *testing.T) {
	u, l := newUpstream(t), newLFSRemote(t)
	_, text := pointerTo("x")
	sha := u.commit("main", nil, entry{path: "a.zip", content: text}, entry{path: ".gitattributes", content: "*.txt text\n"})
	mirror := fetched(t, u, sha)
	if err := mirror.FetchLarge(t.Context(), l.remote(), tree(t, mirror, sha)); err != nil || l.asked.Load() != 0 {
		t.Errorf("asked %d times, %v", l.asked.Load(), err)
	}
}

// What git-lfs 3.3 makes of each when it checks out: content, or the text. Pointers with
// other line ends or of older versions were planned as text.
func TestAPointerIsWhatACheckoutTakesForOne(t *testing.T) {
	oid := strings.Repeat("ab", 32)
	of := func(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
	version, sha, size := "version https://git-lfs.github.com/spec/v1", "oid sha256:"+oid, "size 5"
	for name, tt := range map[string]struct {
		text string
		is   bool
	}{
		"a pointer":                    {of(version, sha, size), true},
		"without a line end":           {strings.TrimSpace(of(version, sha, size)), true},
		"line ends of Windows":         {strings.ReplaceAll(of(version, sha, size), "\n", "\r\n"), true},
		"blanks around it":             {"\n " + of(version, sha, size) + "\n\n", true},
		"an empty line":                {of(version, "", sha, size), true},
		"an older version":             {of("version https://hawser.github.com/spec/v1", sha, size), true},
		"the oldest version":           {of("version http://git-media.io/v/2", sha, size), true},
		"with an extension":            {of(version, "ext-0-foo sha256:"+oid, sha, size), true},
		"an unknown version":           {of("version https://git-lfs.github.com/spec/v2", sha, size), false},
		"another order":                {of(version, size, sha), false},
		"one line more":                {of(version, sha, size, "foo bar"), false},
		"a digest that is too short":   {of(version, "oid sha256:ab", size), false},
		"a size below nothing":         {of(version, sha, "size -1"), false},
		"no size":                      {of(version, sha), false},
		"nothing":                      {"", false},
		"text in front of the version": {of("x", version, sha, size), false},
	} {
		if p, is := parsePointer([]byte(tt.text)); is != tt.is || is && (p.oid != oid || p.size != 5) {
			t.Errorf("%s: %+v, %t", name, p, is)
		}
	}
}
