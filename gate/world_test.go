package gate_test

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

func (w *gateWorld) of(t *testing.T) *gateWorld        { t.Helper(); w.World.Of(t); return w }
func (w *gateWorld) forgetful(t *testing.T) *gateWorld { t.Helper(); w.World.Forgetful(t); return w }

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
	calls       = preparetest.Calls
	change      = preparetest.Change
	current     = preparetest.Current
)
