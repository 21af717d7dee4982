package local

import (
	"context"
	"errors"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

type noBinaries struct{}

func (noBinaries) Binary(context.Context, string) (b toolchain.Binary, err error) {
	return b, errors.New("there is none")
}

func engineThatStartsNothing(t *testing.T) *Engine {
	t.Helper()
	e, err := New(t.Context(), Options{Dir: t.TempDir(), Artifacts: t.TempDir(), Executable: []string{"/nowhere"}, Terraform: noBinaries{}, Parallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Without a mount namespace two jobs of one project would be seen at one place.
func TestWithoutAMountNamespaceJobsOfAProjectTakeTurns(t *testing.T) {
	for _, tt := range []struct {
		name    string
		offer   jail.Offer
		other   func(*run.JobDocument)
		atOnce  int
		command run.Kind
	}{
		{"one project", jail.Offer{}, func(*run.JobDocument) {}, 1, run.KindPlan},
		{"an apply of it", jail.Offer{}, func(*run.JobDocument) {}, 1, run.KindApply},
		{"one project, with a namespace", jail.Offer{Names: true}, func(*run.JobDocument) {}, 2, run.KindPlan},
		{"with a namespace, and no name for it", jail.Offer{Names: true}, func(d *run.JobDocument) { d.Repository = "../x" }, 1, run.KindPlan},
		{"another project", jail.Offer{}, func(d *run.JobDocument) { d.Project.Name = "other" }, 2, run.KindPlan},
		{"another workspace", jail.Offer{}, func(d *run.JobDocument) { d.Project.Workspace = "other" }, 2, run.KindPlan},
		{"another repository", jail.Offer{}, func(d *run.JobDocument) { d.RepositoryID = 99 }, 2, run.KindPlan},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := engineThatStartsNothing(t)
			e.offer = tt.offer
			for i, id := range []string{"run-0", "run-1"} {
				doc := backendtest.Document(id, run.Artifact{})
				doc.Command = tt.command
				if i == 1 || tt.atOnce == 1 {
					tt.other(&doc)
				}
				if err := e.Start(context.Background(), doc); err != nil {
					t.Fatal(err)
				}
			}
			first := e.next()
			second := e.next()
			if first == nil || (second != nil) != (tt.atOnce == 2) {
				t.Fatalf("%d turns at once, want %d", map[bool]int{true: 2, false: 1}[second != nil], tt.atOnce)
			}
			if second == nil {
				e.reach(first, stageWriting) // starts no more terraform
				if e.next() == nil {
					t.Error("the second never has its turn")
				}
			}
		})
	}
}

// Every job of a project is seen at one place, and none of another project.
func TestAProjectIsSeenAtOnePlace(t *testing.T) {
	e := engineThatStartsNothing(t)
	at := func(offer jail.Offer, id string, change func(*run.JobDocument)) string {
		t.Helper()
		e.offer = offer
		doc := backendtest.Document(id, run.Artifact{})
		change(&doc)
		view, err := e.view(&job{id: id, doc: doc})
		if err != nil {
			t.Fatal(err)
		}
		return view
	}
	same := func(*run.JobDocument) {}
	other := func(d *run.JobDocument) { d.Project.Name = "other" }
	if a, b := at(jail.Offer{}, "run-1", same), at(jail.Offer{}, "run-2", same); a != b || at(jail.Offer{}, "run-1", other) == a {
		t.Errorf("links: %s and %s", a, b)
	}
	names := jail.Offer{Names: true}
	if got := at(names, "run-1", same); got != "/lockkeeper/acme/infra" || at(names, "run-2", same) != got {
		t.Errorf("seen at %s", got)
	}
	for _, hostile := range []string{"", "acme", "../..", "acme/..", "a/b/c", "acme/in fra", "acme/\x00"} {
		if got := seenName(hostile); got != "" {
			t.Errorf("%q is seen at %s", hostile, got)
		}
	}
}
