package app

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

func TestTheServerDoesNotStartWithoutWhatIsRequired(t *testing.T) {
	report := jail.Report{
		{Property: jail.Files, Held: true, By: "Landlock"},
		{Property: jail.Lifetime, Remedy: "Boot another kernel."},
	}
	var warned []string
	warn := func(missing string) { warned = append(warned, missing) }
	err := judge(report, config.IsolationRequired, warn)
	if err == nil || !strings.Contains(err.Error(), "(lifetime). Boot another kernel.") || len(warned) > 0 {
		t.Errorf("required: got %v and %q", err, warned)
	}
	if err := judge(report, config.IsolationBestEffort, warn); err != nil || len(warned) != 1 || !strings.Contains(warned[0], "(lifetime). Boot another kernel.") {
		t.Errorf("best effort: got %v and %q", err, warned)
	}
	warned = nil
	if err := judge(report[:1], config.IsolationRequired, warn); err != nil || len(warned) > 0 {
		t.Errorf("with nothing missing: got %v and %q", err, warned)
	}
}
