// Package githttp serves bare git repositories over git's smart HTTP protocol
// (gitprotocol-http(5)) as GitHub does: the same answers to people without
// access, fetches by any SHA, partial clones, refs/pull that nobody can push to.
//
// It is the git half of the sandbox's GitHub double. It knows repositories on
// disk and nothing of pull requests, users or webhooks: who may do what, and
// what a push means, the double says through Allow and OnPush.
package githttp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// Access is what somebody may do with a repository.
type Access int

// Each level includes the one before.
const (
	Unknown Access = iota - 1 // nobody has these credentials
	None                      // not even learn that the repository exists
	Read                      // fetch
	Write                     // push
)

// Server answers /{owner}/{repo}.git/… and /{owner}/{repo}/… for the bare
// repositories at Root/{owner}/{repo}.git. Its fields must not change once it
// serves. It may not be copied.
type Server struct {
	// Root is a directory. Nothing outside of it is ever served.
	Root string
	// Allow says what the bearer of HTTP basic credentials may do; both are
	// empty for a request without any. repo is "owner/name". It is asked on
	// every request and before the repository is looked for.
	Allow func(ctx context.Context, user, password, repo string) Access
	// OnPush, if set, is called after each push, also a refused or broken one,
	// with all refs (full name to SHA) before and after, under the repository's
	// lock and before the client is answered. ctx has the values of the push
	// request's context, but is not cancelled with it.
	OnPush func(ctx context.Context, repo string, before, after map[string]string)
	// Lock, if set, takes the lock that guards a repository's refs and returns
	// its release. Set it where others move refs too, or OnPush would see their
	// changes as the pusher's. Without it pushes exclude each other only.
	Lock func(repo string) (unlock func())

	mu    sync.Mutex // guards locks
	locks map[string]*sync.Mutex

	abilities sync.Map // what upload-pack of version 2 can do, by directory: it names no ref, and stays the same
}

const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// call is one understood request.
type call struct {
	service   string // uploadPack or receivePack
	advertise bool   // the first request of a conversation, which lists refs
	repo      string // owner/name
	protocol  string // value of the Git-Protocol header
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, ok := parse(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if !s.authorized(w, r, c) {
		return
	}
	dir, err := s.find(c.repo)
	if err != nil {
		zerolog.Ctx(r.Context()).Debug().Err(err).Msg("git repository not found")
		notFound(w)
		return
	}
	w.Header().Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
	switch {
	case c.advertise:
		s.advertise(w, r, c, dir)
	case c.service == receivePack:
		s.push(w, r, c, dir)
	default:
		s.exchange(w, r, c, dir)
	}
}

// Names as GitHub allows them. No pattern matches "." or "..".
var (
	ownerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,38}$`)
	repoName  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
	protocols = regexp.MustCompile(`^[a-z0-9=:]{1,64}$`)
)

func parse(r *http.Request) (call, bool) {
	owner, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	name, endpoint, _ := strings.Cut(rest, "/")
	name = strings.TrimSuffix(name, ".git")
	if !ownerName.MatchString(owner) || !repoName.MatchString(name) || name == "." || name == ".." {
		return call{}, false
	}
	c := call{repo: owner + "/" + name, service: endpoint}
	if r.Method == http.MethodGet && endpoint == "info/refs" {
		c.service, c.advertise = r.URL.Query().Get("service"), true
	} else if r.Method != http.MethodPost {
		return call{}, false
	}
	if p := r.Header.Get("Git-Protocol"); protocols.MatchString(p) {
		c.protocol = p
	}
	return c, c.service == uploadPack || c.service == receivePack
}

// authorized answers the request itself, in GitHub's words, if it is not.
func (s *Server) authorized(w http.ResponseWriter, r *http.Request, c call) bool {
	needed := Read
	if c.service == receivePack {
		needed = Write
	}
	user, password, hasCredentials := r.BasicAuth()
	access := s.Allow(r.Context(), user, password, c.repo)
	switch {
	case access >= needed:
		return true
	case access == Unknown && hasCredentials:
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Invalid username or token. Password authentication is not supported for Git operations.", http.StatusUnauthorized)
	case !hasCredentials:
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Authentication required.", http.StatusUnauthorized)
	case access == None:
		notFound(w)
	default:
		http.Error(w, "Write access to repository not granted.", http.StatusForbidden)
	}
	return false
}

func notFound(w http.ResponseWriter) { http.Error(w, "Repository not found.", http.StatusNotFound) }

// find returns the directory of a repository. os.Root keeps a symbolic link
// from leading outside.
func (s *Server) find(repo string) (string, error) {
	root, err := os.OpenRoot(s.Root)
	if err != nil {
		return "", fmt.Errorf("opening the repositories: %w", err)
	}
	defer root.Close()
	name := filepath.FromSlash(repo) + ".git"
	if _, err := root.Stat(filepath.Join(name, "HEAD")); err != nil {
		return "", fmt.Errorf("looking for %s: %w", repo, err)
	}
	return filepath.Abs(filepath.Join(s.Root, name))
}

// push runs a push and tells OnPush, whatever became of it: refs that moved
// before a client went away have moved.
func (s *Server) push(w http.ResponseWriter, r *http.Request, c call, dir string) {
	defer s.lock(c.repo)()
	ctx := context.WithoutCancel(r.Context())
	before, err := refs(ctx, dir)
	if err != nil {
		unavailable(ctx, w, err)
		return
	}
	s.exchange(w, r, c, dir)
	after, err := refs(ctx, dir)
	if err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Msg("a push went unnoticed")
		return
	}
	if s.OnPush != nil {
		s.OnPush(ctx, c.repo, before, after)
	}
}

func (s *Server) lock(repo string) (unlock func()) {
	if s.Lock != nil {
		return s.Lock(repo)
	}
	s.mu.Lock()
	if s.locks == nil {
		s.locks = map[string]*sync.Mutex{}
	}
	l, ok := s.locks[repo]
	if !ok {
		l = new(sync.Mutex)
		s.locks[repo] = l
	}
	s.mu.Unlock()
	l.Lock()
	return l.Unlock
}

// requestBody unpacks what git compresses (requests of many "have" lines).
func requestBody(r *http.Request) (io.Reader, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return r.Body, nil
	}
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, fmt.Errorf("unpacking the request: %w", err)
	}
	return unzipped, nil
}

func unavailable(ctx context.Context, w http.ResponseWriter, err error) {
	zerolog.Ctx(ctx).Error().Err(err).Msg("git failed")
	http.Error(w, "The repository cannot be read now. Try again later.", http.StatusInternalServerError)
}
