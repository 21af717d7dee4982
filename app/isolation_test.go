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
	var said []string
	say := func(missing string) { said = append(said, missing) }
	err := judge(report, config.IsolationRequired, say)
	if err == nil || !strings.Contains(err.Error(), "(lifetime). Boot another kernel.") || len(said) > 0 {
		t.Errorf("required: got %v and %q", err, said)
	}
	if err := judge(report, config.IsolationBestEffort, say); err != nil || len(said) != 1 || !strings.Contains(said[0], "(lifetime). Boot another kernel.") {
		t.Errorf("best effort: got %v and %q", err, said)
	}
	said = nil
	if err := judge(report[:1], config.IsolationRequired, say); err != nil || len(said) > 0 {
		t.Errorf("with nothing missing: got %v and %q", err, said)
	}
}
