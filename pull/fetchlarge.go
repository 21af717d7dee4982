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
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockkeeper/lockkeeper/project"
)

const (
	largeBatch   = 100              // objects that one request asks for (Git LFS, "Batch API")
	largeAtOnce  = 4                // objects that are fetched at once
	largeWithin  = 10 * time.Minute // one object, or one question
	maxLargeSays = 4 << 20          // bytes of an answer
)

// FetchLarge brings the content of the commit's large files (Git LFS) into the
// mirror, and of those of its submodules into theirs, as far as it is not there and as the limits allow. What the remote does
// not have, or nobody may have, is left out without an error; Snapshot then says so.
// Errors of the remote are ErrRemote.
//
// The token goes to the remote alone. Where an object is, the remote says: at an
// address with https, or on its own host.
func (m *Mirror) FetchLarge(ctx context.Context, remote Remote, tree *Tree) error {
	if tree.filled != nil {
		for _, p := range tree.filled.parts {
			if err := p.tree.mirror.FetchLarge(ctx, p.remote, p.tree); err != nil {
				return err
			}
		}
		return nil
	}
	missing, err := m.missingLarge(ctx, tree)
	if err != nil || len(missing) == 0 {
		return err
	}
	f := largeFetch{mirror: m, remote: remote}
	f.client = &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 || !f.trusted(r.URL) {
			return fmt.Errorf("a redirect to %s is not followed", r.URL.Host)
		}
		return nil
	}}
	for batch := range slices.Chunk(missing, largeBatch) {
		if err := f.fetch(ctx, batch); err != nil {
			return fmt.Errorf("fetching large files: %w", err)
		}
	}
	return nil
}

// missingLarge are the pointers whose content is not in the mirror. A repository
// says in .gitattributes which files are large, so one that does not is not read
// for it.
func (m *Mirror) missingLarge(ctx context.Context, tree *Tree) ([]pointer, error) {
	files, err := tree.Files(ctx)
	if err != nil {
		return nil, err
	}
	isAttributes := func(f project.File) bool { return f.Regular() && path.Base(f.Path) == ".gitattributes" }
	says := false
	err = tree.stream(ctx, slices.DeleteFunc(slices.Clone(files), func(f project.File) bool { return !isAttributes(f) }),
		func(_ project.File, _ int64, content io.Reader) error {
			text, err := io.ReadAll(io.LimitReader(content, 1<<20))
			says = says || bytes.Contains(text, []byte("filter=lfs"))
			return err
		})
	if err != nil || !says {
		return nil, err
	}
	var missing []pointer
	seen, total := map[pointer]bool{}, int64(0)
	err = tree.stream(ctx, slices.DeleteFunc(slices.Clone(files), func(f project.File) bool { return !f.Regular() }),
		func(_ project.File, size int64, content io.Reader) error {
			if size > maxPointer {
				return nil
			}
			text, err := io.ReadAll(content)
			p, isPointer := parsePointer(text)
			if err != nil || !isPointer || p.extension != "" || seen[p] || p.size > m.limits.FileBytes {
				return err
			}
			seen[p] = true
			if total += p.size; total > m.limits.Bytes {
				return nil // Snapshot says that the commit is too large
			}
			stored, err := m.large().open(p)
			if err == nil {
				return stored.Close()
			}
			missing = append(missing, p)
			return nil
		})
	return missing, err
}

// largeFetch is one FetchLarge.
type largeFetch struct {
	mirror *Mirror
	remote Remote
	client *http.Client
}

// trusted reports an address to which a request may go: the remote's own host, or one
// that proves by its certificate who it is.
func (f *largeFetch) trusted(u *url.URL) bool {
	own, err := url.Parse(f.remote.URL)
	return u.Scheme == "https" || err == nil && u.Scheme == own.Scheme && u.Host == own.Host
}

// largeAction is where an object is, as the batch API answers.
type largeAction struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

type largeObject struct {
	OID     string                 `json:"oid"`
	Size    int64                  `json:"size"`
	Actions map[string]largeAction `json:"actions,omitempty"`
}

func (f *largeFetch) fetch(ctx context.Context, batch []pointer) error {
	objects, err := f.ask(ctx, batch)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(largeAtOnce)
	for _, o := range objects {
		p := pointer{oid: o.OID, size: o.Size}
		action, there := o.Actions["download"]
		if !there || !slices.Contains(batch, p) { // the remote has none, or lists what nobody requested
			continue
		}
		g.Go(func() error { return f.take(ctx, p, action) })
	}
	return g.Wait()
}

// ask asks where objects are. A token that the remote does not take is replaced once.
func (f *largeFetch) ask(ctx context.Context, batch []pointer) ([]largeObject, error) {
	token, err := f.remote.token(ctx, "")
	if err != nil {
		return nil, err
	}
	objects, status, err := f.askWith(ctx, token, batch)
	if status == http.StatusUnauthorized && token != "" {
		if token, err = f.remote.token(ctx, token); err != nil {
			return nil, err
		}
		objects, _, err = f.askWith(ctx, token, batch)
	}
	return objects, err
}

func (f *largeFetch) askWith(ctx context.Context, token string, batch []pointer) (_ []largeObject, status int, _ error) {
	wanted := make([]largeObject, len(batch))
	for i, p := range batch {
		wanted[i] = largeObject{OID: p.oid, Size: p.size}
	}
	body, err := json.Marshal(map[string]any{"operation": "download", "transfers": []string{"basic"}, "hash_algo": "sha256", "objects": wanted})
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, largeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(f.remote.URL, ".git")+".git/info/lfs/objects/batch", bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Accept", "application/vnd.git-lfs+json")
	request.Header.Set("Content-Type", "application/vnd.git-lfs+json")
	if token != "" {
		request.Header.Set("Authorization", "Basic "+basicAuth(token))
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrRemote, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, answer.StatusCode, fmt.Errorf("%w: asked for large files, it answered %s", ErrRemote, answer.Status)
	}
	var found struct {
		Objects []largeObject `json:"objects"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxLargeSays)).Decode(&found); err != nil {
		return nil, 0, fmt.Errorf("%w: asked for large files: %w", ErrRemote, err)
	}
	return found.Objects, answer.StatusCode, nil
}

// take fetches one object. It has its name when its size and digest are those of the
// pointer.
func (f *largeFetch) take(ctx context.Context, p pointer, from largeAction) error {
	at, err := url.Parse(from.Href)
	if err != nil || !f.trusted(at) {
		return fmt.Errorf("%w: a large file is said to be where it is not fetched from", ErrRemote)
	}
	ctx, cancel := context.WithTimeout(ctx, largeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.Href, nil)
	if err != nil {
		return err
	}
	for name, value := range from.Header {
		request.Header.Set(name, value)
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRemote, err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusGone:
		return nil
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: a large file was answered by %s", ErrRemote, answer.Status)
	}
	return f.mirror.large().store(p, answer.Body)
}

// store writes the content of a pointer.
func (l largeFiles) store(p pointer, content io.Reader) error {
	name := l.path(p)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".taking-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already when it was renamed
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(temp, digest), io.LimitReader(content, p.size+1))
	if err == nil && (n != p.size || hex.EncodeToString(digest.Sum(nil)) != p.oid) {
		err = fmt.Errorf("%w: a large file is not what its pointer says", ErrRemote)
	}
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}

// largeRetention is how long the content of large files is stored after its last use.
const largeRetention = 30 * 24 * time.Hour

// sweep removes what was not used since.
func (l largeFiles) sweep(since time.Time) error {
	err := filepath.WalkDir(l.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if info, err := entry.Info(); err != nil || info.ModTime().After(since) {
			return err
		}
		return os.Remove(name)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
