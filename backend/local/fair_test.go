package local_test

import (
	"fmt"
	"testing"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// of hands over a job of a repository and a person.
func (c *crew) of(t *testing.T, b run.Backend, n int, repository string, repositoryID int64, actor string) {
	t.Helper()
	doc := backendtest.Document(id(n), c.source)
	doc.Repository, doc.RepositoryID, doc.Actor, doc.Limits.Seconds = repository, repositoryID, actor, 600 // none ends because it takes long
	if err := b.Start(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
}

func TestAQuietRepositoryHasTheNextTurnBehindManyOfALoudOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, repository string
		id               int64
	}{{"another organisation", "quiet/infra", 2}, {"another repository of the organisation", "loud/quiet", 3}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c := newCrew(t, f)
			const loud = 10
			e, inbox := f.open(t), backendtest.NewInbox()
			for n := range loud {
				c.of(t, e, n, "loud/infra", 1, fmt.Sprint("p", n%5))
			}
			c.of(t, e, loud, tt.repository, tt.id, "zoe")
			backendtest.Serve(t, e, inbox) // as after a restart: all of them wait
			// The two turns and, since these could take an hour, the one more.
			backendtest.Eventually(t, "the quiet one's last step", func() bool { return c.at(id(loud)) })
			if got := c.most(); got > 3 {
				t.Errorf("%d terraform processes at once", got)
			}
			c.touch(t, "go")
			for n := range loud + 1 {
				inbox.Finished(t, id(n))
			}
		})
	}
}

// at reports whether a job came to its last step.
func (c *crew) at(id string) bool {
	for _, got := range c.did("+ show") {
		if got == id {
			return true
		}
	}
	return false
}

// Whoever has one repository makes a second one.
func TestPlansThatTakeForEverInTwoRepositoriesDoNotStopAnotherOrganisation(t *testing.T) {
	t.Parallel()
	c, inbox := behind(t, func(n int) (string, int64) { return fmt.Sprint("loud/infra-", n%2), int64(1 + n%2) })
	c.touch(t, "go")
	for n := range 7 {
		inbox.Finished(t, id(n))
	}
}

// behind is an engine whose two turns are taken by the first of six plans of loud
// repositories, which nobody lets go on. Job 6, of a quiet one, came behind them, and
// is at its last step.
func behind(t *testing.T, loud func(n int) (repository string, id int64)) (*crew, *backendtest.Inbox) {
	t.Helper()
	f := newFixture(t)
	c := newCrew(t, f)
	e, inbox := f.open(t), backendtest.NewInbox()
	backendtest.Serve(t, e, inbox)
	for n := range 6 {
		repository, number := loud(n)
		c.of(t, e, n, repository, number, "ana")
	}
	c.await(t, "+ show", 2)
	c.of(t, e, 6, "quiet/infra", 3, "zoe")
	backendtest.Eventually(t, "the quiet one's last step", func() bool { return c.at(id(6)) })
	if got := c.most(); got != 3 {
		t.Errorf("%d terraform processes at once, want one more than two", got)
	}
	return c, inbox
}

func TestPlansThatTakeForEverDoNotStopAnotherRepository(t *testing.T) {
	t.Parallel()
	c, inbox := behind(t, func(int) (string, int64) { return "loud/infra", 1 })
	c.touch(t, "go-"+id(6))
	if r := inbox.Finished(t, id(6)); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("the quiet one: %+v", r.Problem)
	}
	if got := len(c.did("+ plan")); got != 3 {
		t.Errorf("%d jobs have begun, want 3: the loud one has no third turn", got)
	}
	c.touch(t, "go")
	for n := range 6 {
		inbox.Finished(t, id(n))
	}
}
