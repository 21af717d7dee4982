package prepare_test

import (
	"testing"

	"github.com/lockkeeper/lockkeeper/prepare/preparetest"
	double "github.com/lockkeeper/lockkeeper/sandbox/github"
)

// gateWorld is a World with what only these tests do in it.
type gateWorld struct{ *preparetest.World }

func newGateWorld(t *testing.T, files double.Files) *gateWorld {
	t.Helper()
	return &gateWorld{preparetest.NewWorld(t, files)}
}

// fixture is a Fixture with what only these tests do with it.
type fixture struct{ *preparetest.Fixture }

func newFixture(t *testing.T, files double.Files) *fixture {
	t.Helper()
	return &fixture{preparetest.NewFixture(t, files)}
}

type planned = preparetest.Planned

const (
	repository = preparetest.Repository
	root       = preparetest.Root
	config     = preparetest.Config
)

var (
	twoProjects = preparetest.TwoProjects
	names       = preparetest.Names
	by          = preparetest.By
	naming      = preparetest.Naming
	approvals   = preparetest.Approvals
	change      = preparetest.Change
)
