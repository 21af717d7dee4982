package github

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/sandbox/githttp"
)

// gitHandler serves git over smart HTTP. Installation and personal tokens are the passwords, as on GitHub.
func (d *Double) gitHandler() http.Handler {
	server := &githttp.Server{Root: d.dir, Allow: d.allowGit, OnPush: d.gitPushed, Lock: d.lockRefs}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		operation := gitOperation(r)
		d.faults.meet(operation)
		if fault := d.faults.nextGit(operation); fault != nil {
			http.Error(w, fault.Message, fault.Status)
			return
		}
		ctx := context.WithValue(r.Context(), pusherKey{}, &actor{})
		server.ServeHTTP(w, r.WithContext(ctx))
	})
}

// gitOperation spells a request as "git-upload-pack /owner/name.git".
func gitOperation(r *http.Request) string {
	repo, service := path.Split(r.URL.Path)
	if service == "refs" {
		repo, service = strings.TrimSuffix(repo, "info/"), r.URL.Query().Get("service")
	}
	return service + " " + strings.TrimSuffix(repo, "/")
}

// pusherKey is where allowGit leaves the actor of a request for gitPushed.
type pusherKey struct{}

// allowGit says what the bearer of a token may do with a repository. Only known repositories, by their exact name, are
// looked for on disk.
func (d *Double) allowGit(ctx context.Context, _, password, repo string) githttp.Access {
	d.mu.Lock()
	r := d.repo(repo)
	anonymous := r != nil && !r.private
	exact := r != nil && r.fullName() == repo
	d.mu.Unlock()
	t, err := d.useToken(password)
	var refusal *Error
	switch {
	case exact && anonymous && password == "":
		return githttp.Read
	case password != "" && errors.As(err, &refusal) && refusal.Status == http.StatusUnauthorized:
		return githttp.Unknown
	case err != nil || !exact:
		return githttp.None
	}
	by := d.tokenActor(t)
	if who, ok := ctx.Value(pusherKey{}).(*actor); ok {
		*who = by
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &call{d: d, token: t, by: by}
	switch {
	case !c.sees(r):
		return githttp.None
	case t.allows(r, "contents", "write", ""):
		return githttp.Write
	case t.allows(r, "contents", "read", ""):
		return githttp.Read
	}
	return githttp.None
}

// lockRefs is the lock under which pushes over HTTP and the double's own changes of refs exclude each other.
func (d *Double) lockRefs(repo string) (unlock func()) {
	r, err := d.findRepo(repo)
	if err != nil {
		return func() {}
	}
	r.git.writing.Lock()
	return r.git.writing.Unlock
}

// gitPushed makes a push over HTTP known. githttp calls it under lockRefs.
func (d *Double) gitPushed(ctx context.Context, repo string, before, after map[string]string) {
	r, err := d.findRepo(repo)
	who, known := ctx.Value(pusherKey{}).(*actor)
	if err != nil || !known || who.account == nil {
		return
	}
	var changes []refChange
	for _, ref := range sortedKeys(after) {
		if before[ref] != after[ref] {
			changes = append(changes, refChange{ref: ref, before: orZero(before[ref]), after: after[ref]})
		}
	}
	for _, ref := range sortedKeys(before) {
		if after[ref] == "" {
			changes = append(changes, refChange{ref: ref, before: before[ref], after: zeroSHA})
		}
	}
	if err := d.pushed(r, *who, changes); err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Str("repository", repo).Msg("a push was not understood")
	}
}
