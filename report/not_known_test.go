package report

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// That nobody knows what was merged is in the comment and in /status, and is no project.
func TestThatNobodyKnowsWhatWasMergedIsShown(t *testing.T) {
	f := viewtest.New("r1").Planned("app", "dev", viewtest.Changes(viewtest.Queue))
	in := f.Input()
	h := f.Run.Pull()
	in.Locks.Left = []run.Left{{Holder: h, Merged: true}}
	in.Locks.Closed = []run.Closed{{Holder: h, At: viewtest.Noon}}
	body := Comment(in)
	if !strings.Contains(body, "**Merged, and nobody knows what it changed**: the base branch may be ahead of what runs.") || strings.Contains(body, "not applied**: ") {
		t.Error(body)
	}
	other := h
	other.PullRequest++
	for _, on := range []run.Subject{h, other} {
		if status := Status(on, nil, in.Locks, viewtest.Noon); !strings.Contains(status, "#12 was merged, and nobody knows whether the base branch is ahead of what runs") {
			t.Error(status)
		}
	}
}
