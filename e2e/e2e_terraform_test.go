package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// aScript is the change of the server's config for a stage whose terraform is a
// shell script; see script. It has no jail: it reaches into the stage, and some kill
// the server, which nothing in a jail can.
func aScript(c map[string]any) {
	c["isolation"] = "off"
	shim := filepath.Join(filepath.Dir(c["data_dir"].(string)), "terraform")
	c["terraform"] = map[string]any{"binaries": []string{shim}}
}

// script writes that script. In its text $terraform is the real one and $dir is
// the stage's directory.
func (s *stage) script(text string) {
	s.Helper()
	real, err := exec.LookPath("terraform")
	if err != nil {
		real, err = exec.LookPath("tofu")
	}
	s.check(err)
	text = "#!/bin/sh\nterraform='" + real + "'\ndir='" + s.dir + "'\n" + text
	syscall.ForkLock.RLock() // a child that holds it open for writing keeps it from being run (ETXTBSY)
	err = os.WriteFile(filepath.Join(s.dir, "terraform"), []byte(text), 0o755)
	syscall.ForkLock.RUnlock()
	s.check(err)
}

// newScriptStory is a story whose terraform is a script.
func newScriptStory(t *testing.T, text string, change ...func(map[string]any)) *story {
	t.Helper()
	t.Parallel()
	s := &story{newStage(t, append(change, aScript)...)}
	s.script(text)
	t.Cleanup(s.serve())
	return s
}

// holding is a terraform that does not begin to plan while its gate is closed.
// Each plan leaves a line in the file plans.
const holding = `
if [ "$1" = plan ]; then
	trap 'exit 130' INT
	echo "$$" >> "$dir/plans"
	while [ ! -e "$dir/open" ]; do sleep 0.01; done
	trap - INT
fi
exec "$terraform" "$@"
`

// gate is where the plans of a stage wait.
type gate struct{ *stage }

func (g gate) open() {
	g.Helper()
	g.check(os.WriteFile(filepath.Join(g.dir, "open"), nil, 0o600))
}

func (g gate) close() {
	g.Helper()
	g.check(os.Remove(filepath.Join(g.dir, "open")))
}

// plans counts the plans that began, held or not.
func (g gate) plans() int {
	content, err := os.ReadFile(filepath.Join(g.dir, "plans"))
	if err != nil {
		return 0
	}
	return strings.Count(string(content), "\n")
}

// await waits until that many plans have begun.
func (g gate) await(n int) {
	g.Helper()
	g.poll("terraform to begin", func() bool { return g.plans() >= n })
}

// newHeldStory is a story whose plans wait at a closed gate.
func newHeldStory(t *testing.T, change ...func(map[string]any)) (*story, gate) {
	t.Helper()
	s := newScriptStory(t, holding, change...)
	return s, gate{s.stage}
}
