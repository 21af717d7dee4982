package github

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
	"github.com/lockkeeper/lockkeeper/sandbox/openapi"
)

// doubled is a bench whose GitHub is the sandbox's double, which checks each
// request and answer against GitHub's own description.
func doubled(t *testing.T) (b *bench, d *double.Double, number int) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	spec, err := openapi.Load()
	must(err)
	d, err = double.New(double.Options{
		Dir: t.TempDir(), Checker: openapi.NewChecker(spec, func(violation string) { t.Error(violation) }),
		App: double.App{ID: ourApp, Slug: "lockkeeper", Name: "Lockkeeper", PublicKey: &key.PublicKey,
			Permissions: map[string]string{"checks": "write", "issues": "write", "pull_requests": "write", "metadata": "read", "contents": "write"}},
	})
	must(err)
	server := httptest.NewServer(d.Handler())
	t.Cleanup(func() { server.Close(); d.Close() })
	d.SetBaseURL(server.URL)
	must(d.AddOrg("acme", "alice"))
	must(d.AddRepository("acme", "infra", "main"))
	must(d.SetPermission("acme/infra", "alice", "write"))
	_, err = d.Commit("acme/infra", "main", "alice", "start", double.Files{"main.tf": "# a\n"})
	must(err)
	installation, err := d.Install("acme/infra")
	must(err)
	_, err = d.As("alice").Push("acme/infra", "feature", "change", double.Files{"main.tf": "# b\n"})
	must(err)
	number, err = d.As("alice").OpenPull("acme/infra", "feature", "main", "Change", "Please look.", false)
	must(err)

	apps := ghinstallation.NewAppsTransportFromPrivateKey(http.DefaultTransport, ourApp, key)
	apps.BaseURL = server.URL + "/api/v3"
	transport := ghinstallation.NewFromAppsTransport(apps, installation)
	b = newBench(t)
	b.sinks.Client = func(context.Context, int64) (*github.Client, error) {
		return github.NewClient(&http.Client{Transport: transport}).WithEnterpriseURLs(server.URL, server.URL)
	}
	return b, d, number
}

func TestOnTheDouble(t *testing.T) {
	b, d, number := doubled(t)
	view, err := d.Pull("acme/infra", number)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := d.As("alice").Comment("acme/infra", number, "/plan")
	if err != nil {
		t.Fatal(err)
	}
	r := b.planned(number)
	r.HeadSHA = view.HeadSHA
	b.store.setRun(started(r), run.ReactionTo(viewtest.Repository, number, asked, "eyes"), run.RefreshCheck(r))
	b.drain()
	d.Faults().FailNext(1, http.StatusBadGateway, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments")
	b.store.setRun(r, append(atEnd(r), run.ReplyTo(viewtest.Repository, number, "d1", report.Status(r.Pull(), []run.Run{r}, run.Locks{}, b.now())))...)
	b.drain()
	if !slices.ContainsFunc(b.store.notices, func(n *memNotice) bool { return len(n.causes) > 0 }) {
		t.Error("the 502 met nobody")
	}
	// As if the server had been killed before it could note the comment's id.
	b.store.posted["comment/7/"+strconv.Itoa(number)] = run.Posted{Digest: viewtest.Noon.Add(-time.Hour).Format(time.RFC3339)}
	b.store.put(run.RefreshComment(viewtest.Repository, number))
	b.drain()

	if view, err = d.Pull("acme/infra", number); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range view.Timeline {
		if m.Comment != nil {
			first, _, _ := strings.Cut(m.Comment.Body, "\n")
			said = append(said, fmt.Sprintf("%s (%d reactions): %s", m.Comment.Author, len(m.Comment.Reactions), first))
		}
	}
	want := []string{
		"alice (1 reactions): /plan", "lockkeeper[bot] (0 reactions): **Nothing is running.**",
		"lockkeeper[bot] (0 reactions): ### Plan for `" + r.HeadSHA[:7] + "` on `main` at `9d0e4c2`",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	var checks []string
	for _, c := range view.Checks {
		checks = append(checks, strings.TrimSpace(c.Name+" "+c.Status+" "+c.Conclusion)+": "+c.Title)
	}
	slices.Sort(checks)
	want = []string{"lockkeeper/apply queued: Waiting to be applied: 1 project", "lockkeeper/plan completed success: 1 to add, 1 to destroy"}
	if diff := cmp.Diff(want, checks); diff != "" {
		t.Error(diff)
	}
}
