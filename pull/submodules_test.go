package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// host is several repositories on one host, and a mirror of the first.
type host struct {
	*testing.T
	repos   map[string]*upstream // by owner/name
	ids     []string             // a repository's id is its place and one
	mirrors *Mirrors
	allowed []string
	found   []string // what Find was requested
}

func newHost(t *testing.T, names ...string) *host {
	t.Helper()
	h := &host{T: t, repos: map[string]*upstream{}, ids: names, mirrors: &Mirrors{Dir: t.TempDir()}, allowed: slices.Clone(names[1:])}
	u := newUpstream(t)
	for _, name := range names {
		h.repos[name] = u.beside(name)
	}
	return h
}

func (h *host) find(_ context.Context, repository string) (int64, Remote, error) {
	h.found = append(h.found, repository)
	i := slices.Index(h.ids, repository)
	if i < 0 {
		return 0, Remote{}, fmt.Errorf("%s: %w", repository, ErrNoAccess)
	}
	return int64(i + 1), h.repos[repository].remote(), nil
}

// tree is a commit of the first repository with its submodules.
func (h *host) tree(sha string) (*Mirror, *Tree) {
	h.Helper()
	mirror, err := h.mirrors.Open(h.Context(), 1)
	if err != nil {
		h.Fatal(err)
	}
	remote := h.repos[h.ids[0]].remote()
	if err := mirror.Fetch(h.Context(), remote, sha); err != nil {
		h.Fatal(err)
	}
	s := Submodules{Mirrors: h.mirrors, Allowed: func(r string) bool { return slices.Contains(h.allowed, r) }, Find: h.find}
	filled, err := s.Fill(h.Context(), remote, tree(h.T, mirror, sha))
	if err != nil {
		h.Fatal(err)
	}
	return mirror, filled
}

// unpacked is the source of a commit on disk, and what of it is refused.
func (h *host) unpacked(sha string) (dir string, refused map[string]string) {
	h.Helper()
	mirror, filled := h.tree(sha)
	var archive bytes.Buffer
	s, err := mirror.Snapshot(h.Context(), filled, []string{"."}, &archive)
	if err != nil {
		h.Fatal(err)
	}
	refused = map[string]string{}
	for _, r := range s.Refused {
		refused[r.Path] = r.Reason
	}
	dir = h.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		h.Fatal(err)
	}
	defer root.Close()
	if err := artifact.Unpack(&archive, root, artifact.Limits{}); err != nil {
		h.Fatal(err)
	}
	return dir, refused
}

func submodule(path, url string) string {
	return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n", path, path, url)
}

// onDisk is every file and link below a directory, but what git keeps for itself.
func onDisk(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, name)
		switch {
		case err != nil:
			return err
		case e.Name() == ".git" && e.IsDir():
			return fs.SkipDir
		case e.Name() == ".git" || e.IsDir():
			return nil
		case e.Type() == fs.ModeSymlink:
			to, err := os.Readlink(name)
			out[rel] = "-> " + to
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(name)
		out[rel] = fmt.Sprintf("%v %s", info.Mode()&0o100 != 0, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A source is what git clone --recurse-submodules checks out: submodules of a submodule,
// addresses of all kinds, links into a submodule and out of it.
func TestASourceWithSubmodulesIsARecursiveCheckout(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod", "acme/leaf", "other/tools")
	infra, mod, leaf, tools := h.repos["acme/infra"], h.repos["acme/mod"], h.repos["acme/leaf"], h.repos["other/tools"]
	leafSHA := leaf.commit("main", nil, entry{path: "leaf.tf", content: "leaf"})
	leaf.commit("main", []string{leafSHA}, entry{path: "leaf.tf", content: "newer, and not meant"})
	toolsSHA := tools.commit("main", nil, entry{path: "bin/run.sh", content: "#!/bin/sh\n", mode: "100755"})
	modSHA := mod.commit("main", nil, entry{path: ".gitmodules", content: submodule("inner/leaf", "../leaf.git")},
		entry{path: "inner/leaf", content: leafSHA, mode: "160000"}, entry{path: "modules/vpc/main.tf", content: "vpc"},
		entry{path: "out", content: "../../shared.json", mode: "120000"}, entry{path: "leave", content: "inner/leaf/leaf.tf", mode: "120000"})
	sha := infra.commit("main", nil,
		entry{path: ".gitmodules", content: submodule("vendor/mod", mod.url) + submodule("vendor/tools", "../../other/tools") + submodule("vendor/again", "../leaf.git")},
		entry{path: "vendor/mod", content: modSHA, mode: "160000"}, entry{path: "vendor/tools", content: toolsSHA, mode: "160000"}, entry{path: "vendor/again", content: leafSHA, mode: "160000"},
		entry{path: "vendor/mod-is-not-it/x", content: "x"}, entry{path: "shared.json", content: "{}"}, entry{path: "live/main.tf", content: "x"},
		entry{path: "live/vpc", content: "../vendor/mod/modules/vpc", mode: "120000"})
	got, refused := h.unpacked(sha)
	if len(refused) != 0 {
		t.Errorf("refused are %q", refused)
	}
	checkout := filepath.Join(t.TempDir(), "checkout")
	clone := exec.Command("git", "clone", "--quiet", "--recurse-submodules", infra.url, checkout)
	clone.Env = append(environment(), "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=advice.detachedHead", "GIT_CONFIG_VALUE_0=false")
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := onDisk(t, checkout)
	if want["vendor/mod/inner/leaf/leaf.tf"] != "false leaf" || want["vendor/tools/bin/run.sh"] == "" {
		t.Fatalf("the checkout has %q", want)
	}
	if diff := cmp.Diff(want, onDisk(t, got)); diff != "" {
		t.Errorf("(-checkout +source):\n%s", diff)
	}
}

// Where a submodule cannot be had, its place is refused by a sentence that says why, and
// all else is there.
func TestASubmoduleThatCannotBeHadIsRefusedByPath(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod", "acme/private")
	infra, mod := h.repos["acme/infra"], h.repos["acme/mod"]
	good := mod.commit("main", nil, entry{path: "main.tf", content: "m"})
	blob := strings.TrimSpace(mod.git("text", "hash-object", "-w", "--stdin"))
	mod.git("", "tag", "-a", "-m", "x", "v1", good)
	tag := strings.TrimSpace(mod.git("", "rev-parse", "v1"))
	broken := mod.literally("commit", "tree "+mod.tree("100644 ..\x00"+raw(blob))+"\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nx\n")
	h.ids = slices.DeleteFunc(h.ids, func(s string) bool { return s == "acme/private" })
	for name, c := range map[string]struct {
		gitmodules, sha, want string
		asked                 bool // whether anyone looks for a repository
	}{
		"not allowed":                 {submodule("v", "../secret.git"), good, "of acme/secret, which is not fetched for this repository; have your Lockkeeper administrator list it under `repositories[].submodules`", false},
		"another owner":               {submodule("v", "../../evil/mod"), good, "of evil/mod, which is not fetched for this repository", false},
		"no access":                   {submodule("v", "../private"), good, "of acme/private, which the GitHub App may not read; have the App installed", true},
		"a commit that is gone":       {submodule("v", mod.url), strings.Repeat("ab", 20), "of acme/mod, which does not have commit " + strings.Repeat("ab", 20), true},
		"a blob":                      {submodule("v", mod.url), blob, "where " + blob + " is no commit", true},
		"a tag":                       {submodule("v", mod.url), tag, "where " + tag + " is no commit", true},
		"a history that git refuses":  {submodule("v", mod.url), broken, "where git refuses object", true},
		"no .gitmodules":              {"", good, "there is no file .gitmodules", false},
		"another path":                {submodule("v2", mod.url), good, ".gitmodules does not say where it comes from", false},
		"no URL":                      {"[submodule \"v\"]\n\tpath = v\n", good, ".gitmodules does not say where it comes from", false},
		"two URLs":                    {submodule("v", mod.url) + "\turl = ../other\n", good, "of which .gitmodules says two things", false},
		"two of one path":             {submodule("v", mod.url) + strings.Replace(submodule("w", "../other"), "path = w", "path = v", 1), good, "of which .gitmodules says two things", false},
		"a file that git cannot read": {"[submodule \"v\"\n", good, "git cannot read .gitmodules", false},
		"a file without end":          {submodule("v", mod.url) + strings.Repeat("# x\n", maxGitmodules/4), good, ".gitmodules has more than 65536 bytes", false},
		"another host":                {submodule("v", "https://gitlab.example/acme/mod.git"), good, "not one of a repository on the same GitHub", false},
		"includes":                    {"[include]\n\tpath = /etc/hosts\n[submodule \"v\"]\n\tpath = v\n\turl = file:///etc\n", good, "not one of a repository on the same GitHub", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.T, h.found, h.mirrors = t, nil, &Mirrors{Dir: t.TempDir()}
			entries := []entry{{path: "v", content: c.sha, mode: "160000"}, {path: "main.tf", content: "x"}}
			if c.gitmodules != "" {
				entries = append(entries, entry{path: ".gitmodules", content: c.gitmodules})
			}
			infra.tb = t
			dir, refused := h.unpacked(infra.commit(strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ".", ""), nil, entries...))
			if len(refused) != 1 || !strings.Contains(refused["v"], c.want) || !strings.HasPrefix(refused["v"], "it is a submodule") {
				t.Errorf("refused are %q, want %q", refused, c.want)
			}
			if asked := len(h.found) > 0; asked != c.asked {
				t.Errorf("asked for %q", h.found)
			}
			info, err := os.Lstat(filepath.Join(dir, "v"))
			if err != nil || !info.Mode().IsRegular() || info.Mode().Perm() != 0 || info.Size() != 0 {
				t.Errorf("in its place is %v, %v", info, err)
			}
			if content, err := os.ReadFile(filepath.Join(dir, "main.tf")); err != nil || string(content) != "x" {
				t.Errorf("beside it is %q, %v", content, err)
			}
		})
	}
}

// A remote that cannot be reached now is no reason to refuse anything for good.
func TestTroubleWithASubmoduleIsTemporary(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod")
	sha := h.repos["acme/infra"].commit("main", nil, entry{path: ".gitmodules", content: submodule("v", "../mod")}, entry{path: "v", content: strings.Repeat("ab", 20), mode: "160000"})
	mirror, err := h.mirrors.Open(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	remote := h.repos["acme/infra"].remote()
	if err := mirror.Fetch(t.Context(), remote, sha); err != nil {
		t.Fatal(err)
	}
	s := Submodules{Mirrors: h.mirrors, Allowed: func(string) bool { return true }}
	s.Find = func(context.Context, string) (int64, Remote, error) {
		return 2, Remote{URL: "http://127.0.0.1:1/acme/mod.git"}, nil
	}
	if _, err := s.Fill(t.Context(), remote, tree(t, mirror, sha)); !errors.Is(err, ErrRemote) {
		t.Errorf("nobody listens: %v", err)
	}
	trouble := errors.New("no key")
	s.Find = func(context.Context, string) (int64, Remote, error) { return 0, Remote{}, trouble }
	if _, err := s.Fill(t.Context(), remote, tree(t, mirror, sha)); !errors.Is(err, trouble) {
		t.Errorf("no token: %v", err)
	}
}

func TestSubmodulesAreBounded(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod")
	mod := h.repos["acme/mod"]
	// Each commit has the one before it as a submodule.
	sha := mod.commit("main", nil, entry{path: "main.tf", content: "0"}, entry{path: "b.tf", content: "0"})
	first := sha
	for i := range 4 {
		sha = mod.commit(fmt.Sprint("deep", i), nil, entry{path: ".gitmodules", content: submodule("m", "../mod.git")}, entry{path: "m", content: sha, mode: "160000"}, entry{path: "main.tf", content: fmt.Sprint(i + 1)})
	}
	infra := h.repos["acme/infra"]
	dir, refused := h.unpacked(infra.commit("main", nil, entry{path: ".gitmodules", content: submodule("m", "../mod.git")}, entry{path: "m", content: sha, mode: "160000"}))
	if len(refused) != 1 || !strings.Contains(refused["m/m/m/m"], "inside of 3 others") {
		t.Errorf("refused are %q", refused)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "m/m/m/main.tf")); err != nil || string(content) != "2" {
		t.Errorf("the third holds %q, %v", content, err)
	}

	var says strings.Builder
	var entries []entry
	for i := range maxSubmodules + 5 {
		says.WriteString(submodule(fmt.Sprintf("m%03d", i), "../mod.git"))
		entries = append(entries, entry{path: fmt.Sprintf("m%03d", i), content: first, mode: "160000"})
	}
	many := infra.commit("many", nil, append(entries, entry{path: ".gitmodules", content: says.String()})...)
	_, refused = h.unpacked(many)
	if len(refused) != 5 || !strings.Contains(refused["m100"], "of one commit 100 are fetched") {
		t.Errorf("refused are %q", refused)
	}

	h.mirrors = &Mirrors{Dir: t.TempDir(), Limits: Limits{Files: 5}}
	few := infra.commit("few", nil, append(slices.Clone(entries[:3]), entry{path: ".gitmodules", content: says.String()})...)
	_, filled := h.tree(few)
	if lacking, err := filled.Submodules(t.Context()); err != nil || !slices.Equal(lacking, []string{"m002"}) || !strings.Contains(filled.notFilled("m002"), "more than 5 files") {
		t.Errorf("lacking are %q, %v", lacking, err)
	}
}

// A commit's archive is found again by its ID, which has to tell whether, and with what, its submodules
// were filled.
func TestTheIDOfATreeTellsWhatBecameOfItsSubmodules(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod")
	infra, mod := h.repos["acme/infra"], h.repos["acme/mod"]
	one, two := mod.commit("one", nil, entry{path: "main.tf", content: "1"}), mod.commit("two", nil, entry{path: "main.tf", content: "2"})
	at := func(sha string) []entry {
		return []entry{{path: ".gitmodules", content: submodule("m", "../mod")}, {path: "m", content: sha, mode: "160000"}}
	}
	seen := map[string]string{}
	id := func(what, sha string, again bool) {
		t.Helper()
		_, filled := h.tree(sha)
		id, err := filled.ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if before, there := seen[id]; there != again {
			t.Errorf("%s has the ID of %q", what, before)
		}
		seen[id] = what
	}
	first := infra.commit("a", nil, at(one)...)
	id("filled", first, false)
	id("another commit of the same files", infra.commit("a", []string{first}, at(one)...), true)
	id("another commit of the submodule", infra.commit("b", nil, at(two)...), false)
	h.allowed = nil
	id("not allowed", first, false)
	plain, err := h.mirrors.Open(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tree(t, plain, first).ID(t.Context()); err != nil || seen[id] != "" {
		t.Errorf("without submodules: %q, %v", id, err)
	}
}

// T50: what .gitmodules can say.
func TestOnlyRepositoriesOfTheSameHostAreSubmodules(t *testing.T) {
	for raw, want := range map[string]string{
		"../mod":                                "acme/mod",
		"../mod.git":                            "acme/mod",
		"./../mod/":                             "acme/mod",
		"../../other/mod.git":                   "other/mod",
		"https://github.example/acme/mod":       "acme/mod",
		"https://github.example/acme/mod.git/":  "acme/mod",
		"git@github.example:acme/mod.git":       "acme/mod",
		"https://GitHub.example/Acme/Mod.git":   "Acme/Mod",
		"ssh://git@github.example/acme/mod.git": "acme/mod",

		"": "", "acme/mod": "", "/acme/mod": "", "./mod": "", "../../../acme/mod": "", "../../../../acme/mod": "", "../..": "", "../": "", "../../x": "", "../mod/../..": "",
		"https://github.example.evil/acme/mod": "", "https://github.example@evil/acme/mod": "", "https://me:pw@github.example/acme/mod": "",
		"http://github.example/acme/mod": "", "https://github.example:444/acme/mod": "", "https://github.example/acme/mod?x=y": "", "https://github.example/acme/mod#x": "",
		"https://github.example/acme/mod/x": "", "https://github.example/acme": "", "https://github.example/../acme/mod": "", "https://github.example/acme/..": "", "https://github.example/./mod": "",
		"https://github.example/acme/mod\n": "", "https://github.example/acme/mod\nx: y": "", "https://github.example/acme/%2e%2e": "", "https://github.example//acme/mod": "",
		"file:///etc": "", "ext::sh -c id": "", "git://github.example/acme/mod": "", "-u./payload": "", "--upload-pack=id": "", "git@evil:acme/mod": "", "root@github.example:acme/mod": "",
		"ssh://git@github.example:22/acme/mod": "", "ssh://-oProxyCommand=id/acme/mod": "", "git@github.example:-x/mod": "", "git@github.example:/acme/mod": "", "git@github.example:acme/mod:x": "",
		"!../mod": "", "../mod\x00": "", "../\u202emod": "", `..\mod`: "",
	} {
		got, ok := submoduleAt("https://github.example/acme/infra.git", raw)
		if got != want || ok != (want != "") {
			t.Errorf("%q means %q, want %q", raw, got, want)
		}
	}
}

// As for git since CVE-2018-11235, a .gitmodules that is a link says nothing. A fetch refuses it before.
func TestALinkedGitmodulesIsNone(t *testing.T) {
	u := newUpstream(t)
	sha := u.commit("main", nil, entry{path: "real", content: submodule("v", "../mod")})
	mirror := fetched(t, u, sha)
	commit := tree(t, mirror, sha)
	l, err := commit.list(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.files = slices.Clone(l.files)
	l.files[0].Path, l.files[0].Mode = ".gitmodules", 0o120000
	says, err := commit.gitmodules(t.Context(), l)
	if err != nil || says.mistake == "" || len(says.urls) != 0 {
		t.Errorf("it says %+v, %v", says, err)
	}
	if _, reason := says.repository(u.url, "v"); !strings.Contains(reason, "there is no file .gitmodules") {
		t.Errorf("the reason is %q", reason)
	}
}

// A path of .gitmodules is only ever compared with those of the tree.
func TestPathsOfGitmodulesLeadNowhere(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod")
	good := h.repos["acme/mod"].commit("main", nil, entry{path: "main.tf", content: "m"})
	for _, path := range []string{"../v", "/v", ".git/hooks", "./v", "v/", "v/../v", "a"} {
		sha := h.repos["acme/infra"].commit("main", nil, entry{path: ".gitmodules", content: strings.Replace(submodule("v", "../mod"), "path = v", "path = "+path, 1)},
			entry{path: "v", content: good, mode: "160000"}, entry{path: "a/b", content: "x"})
		h.found = nil
		if _, refused := h.unpacked(sha); len(refused) != 1 || !strings.Contains(refused["v"], "does not say where it comes from") || len(h.found) != 0 {
			t.Errorf("%q: refused are %q, asked for %q", path, refused, h.found)
		}
	}
}

// What is refused of a commit is refused of a submodule, by its path in the commit; a pointer
// is fetched from where the submodule comes from.
func TestASubmoduleIsHeldToTheSameRules(t *testing.T) {
	h := newHost(t, "acme/infra", "acme/mod")
	content := strings.Repeat("large ", 1000)
	oid, pointer := pointerTo(content)
	mod := h.repos["acme/mod"].commit("main", nil, entry{path: ".gitattributes", content: "*.zip filter=lfs\n"}, entry{path: "code.zip", content: pointer}, entry{path: "terraform.tfstate", content: "{}"},
		entry{path: "out", content: "../../../x", mode: "120000"}, entry{path: "up", content: "../../main.tf", mode: "120000"}, entry{path: "latin1-\xe9.tf", content: "x"})
	sha := h.repos["acme/infra"].commit("main", nil, entry{path: ".gitmodules", content: submodule("vendor/mod", "../mod")}, entry{path: "vendor/mod", content: mod, mode: "160000"}, entry{path: "main.tf", content: "x"})
	_, refused := h.unpacked(sha)
	want := map[string]string{
		"vendor/mod/code.zip": "Git LFS", "vendor/mod/terraform.tfstate": "may not be committed", "vendor/mod/out": "leaves the repository", "vendor/mod/latin1-\xe9.tf": "UTF-8",
	}
	for path, says := range want {
		if !strings.Contains(refused[path], says) {
			t.Errorf("%s: %q, want %q", path, refused[path], says)
		}
	}
	if len(refused) != len(want) {
		t.Errorf("refused are %q", refused)
	}

	l := newLFSRemote(t)
	l.objects[oid] = content
	mirror, filled := h.tree(sha)
	filled.filled.parts[1].remote = l.remote()
	if err := mirror.FetchLarge(t.Context(), h.repos["acme/infra"].remote(), filled); err != nil {
		t.Fatal(err)
	}
	dir, refused := h.unpacked(sha)
	if got, err := os.ReadFile(filepath.Join(dir, "vendor/mod/code.zip")); err != nil || string(got) != content || refused["vendor/mod/code.zip"] != "" {
		t.Errorf("it holds %d bytes, %v; refused are %q", len(got), err, refused)
	}
}

func FuzzGitmodules(f *testing.F) {
	f.Add("submodule.v.path\nv\x00submodule.v.url\n../mod\x00")
	f.Add("submodule.path\nv\x00submodule..url\x00submodule.a.b.url\n\n\x00")
	f.Fuzz(func(t *testing.T, printed string) {
		g := parseGitmodules(printed)
		for path := range g.urls {
			repository, reason := g.repository("https://github.example/acme/infra.git", path)
			owner, name, _ := strings.Cut(repository, "/")
			if (repository == "") == (reason == "") || repository != "" && (!ownerForm.MatchString(owner) || !nameForm.MatchString(name)) {
				t.Errorf("%q: %q, %q", path, repository, reason)
			}
		}
	})
}
