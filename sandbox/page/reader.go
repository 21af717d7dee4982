package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	gh "github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// reader reads what a snapshot does not hold through the double's own REST API,
// in process, with the rights of the person who looks.
type reader struct {
	double *github.Double

	mu      sync.Mutex // guards clients
	clients map[string]*gh.Client
}

// client gives the client of a person; a person's token is made once.
func (r *reader) client(login string) *gh.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients[login] == nil {
		transport := inProcess{handler: r.double.Handler(), token: r.double.As(login).Token()}
		client := gh.NewClient(&http.Client{Transport: transport})
		client.BaseURL.Path = "/api/v3/" // where the double's Handler serves REST
		r.clients[login] = client
	}
	return r.clients[login]
}

// files lists the paths of all files of a branch, sorted.
func (r *reader) files(ctx context.Context, login, repo, branch string) ([]string, error) {
	owner, name := splitRepo(repo)
	tree, response, err := r.client(login).Git.GetTree(ctx, owner, name, branch, true)
	if err != nil {
		return nil, refusal(response, fmt.Errorf("listing the files of %s: %w", branch, err))
	}
	var paths []string
	for _, entry := range tree.Entries {
		if entry.GetType() == "blob" {
			paths = append(paths, entry.GetPath())
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// file reads one file of a branch.
func (r *reader) file(ctx context.Context, login, repo, branch, path string) (string, error) {
	owner, name := splitRepo(repo)
	file, _, response, err := r.client(login).Repositories.GetContents(ctx, owner, name, path, &gh.RepositoryContentGetOptions{Ref: branch})
	if err != nil {
		return "", refusal(response, fmt.Errorf("reading %s of %s: %w", path, branch, err))
	}
	if file == nil {
		return "", &github.Error{Status: http.StatusNotFound} // a directory
	}
	return file.GetContent()
}

// askMergeable makes GitHub find out whether a pull request can be merged: it
// starts to look only when it is asked (docs.github.com, REST, "Get a pull
// request").
func (r *reader) askMergeable(ctx context.Context, login, repo string, number int) error {
	owner, name := splitRepo(repo)
	_, response, err := r.client(login).PullRequests.Get(ctx, owner, name, number)
	if err != nil {
		return refusal(response, fmt.Errorf("asking whether %s#%d can be merged: %w", repo, number, err))
	}
	return nil
}

// checkHead gives the commit that a check run is about.
func (r *reader) checkHead(ctx context.Context, login, repo string, id int64) (string, error) {
	owner, name := splitRepo(repo)
	run, response, err := r.client(login).Checks.GetCheckRun(ctx, owner, name, id)
	if err != nil {
		return "", refusal(response, fmt.Errorf("reading check run %d: %w", id, err))
	}
	return run.GetHeadSHA(), nil
}

// refusal turns an answer of the API into GitHub's own error, for people.
func refusal(response *gh.Response, err error) error {
	var refused *gh.ErrorResponse
	if response != nil && errors.As(err, &refused) {
		return &github.Error{Status: response.StatusCode, Message: refused.Message}
	}
	return err
}

// inProcess answers requests by a handler of this process, with a token.
type inProcess struct {
	handler http.Handler
	token   string
}

func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+t.token)
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, r)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = status }
func (r *recorder) Write(data []byte) (int, error) { return r.body.Write(data) }
