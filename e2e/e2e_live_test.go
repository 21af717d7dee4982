package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/sandbox"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// slowly is a terraform that does what it should and then does not end while its
// gate is closed. What it says last is half of a line.
const slowly = `
case "$1" in plan | apply)
	"$terraform" "$@" || exit
	echo "the token is $TF_VAR_token"
	printf 'and once more %s' "$TF_VAR_token"
	echo "$$" >> "$dir/plans"
	while [ ! -e "$dir/open" ]; do sleep 0.01; done
	exit ;;
esac
exec "$terraform" "$@"
`

const liveToken = "a-token-that-is-printed"

// withToken gives it to terraform in dev, and rules that let everything through.
func withToken(c map[string]any) {
	env := maps.Clone(c["environments"].(map[string]any)["dev"].(map[string]any))
	env["variables"] = map[string]any{"TF_VAR_token": map[string]any{"value": liveToken}}
	c["environments"].(map[string]any)["dev"] = env
}

// closely makes a server look at running jobs all the time.
func closely(a *app.App) { a.Worker.LiveInterval = 300 * time.Millisecond }

// shows waits until the page of a check run shows a text, and returns what it
// shows.
func (s *story) shows(number int, check, text string) string {
	s.Helper()
	var c github.CheckView
	s.until("the check run to show "+text, func() bool {
		for _, c = range s.pull(number).Checks {
			if c.Name == check && strings.Contains(c.Text, text) {
				return true
			}
		}
		return false
	})
	if c.Status != "in_progress" {
		s.Errorf("%s shows %q when it is %s", check, text, c.Status)
	}
	return c.Text
}

func (s *story) lacks(text string, parts ...string) {
	s.Helper()
	for _, p := range parts {
		if strings.Contains(text, p) {
			s.Errorf("%q is in:\n%s", p, text)
		}
	}
}

// T41: what takes long is seen while it runs, in the check run, without secrets,
// and what only the plan's JSON would mark as sensitive not at all.
func TestT41_PeopleSeeWhatLongJobsPrint(t *testing.T) {
	t.Parallel()
	s := &story{newStage(t, aScript, withToken)}
	s.script(slowly)
	t.Cleanup(s.serve(closely))
	g := gate{s.stage}
	n := s.open("a", aChange("a"))
	text := s.shows(n, "lockkeeper/plan", "$ terraform plan\n")
	s.wants(text, "What Terraform prints for **network-dev**, at ")
	s.lacks(text, "token", "will be created")
	g.open()
	s.quiet()
	s.lacks(s.check1(n, "lockkeeper/plan").Text, "What Terraform prints")

	g.close()
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	text = s.shows(n, "lockkeeper/apply", "the token is")
	s.wants(text, "$ terraform apply\n", "terraform_data.extra: Creation complete after", "the token is (redacted)\n```")
	s.lacks(text, liveToken, "once more")
	g.open()
	s.quiet()
	s.lacks(s.check1(n, "lockkeeper/apply").Text, "What Terraform prints")
	if !s.applied("a") {
		t.Error("not applied")
	}

	g.close()
	text = s.shows(s.open("b", aChange("b")), "lockkeeper/plan", "terraform_data.extra: Refreshing state...\n")
	s.lacks(text, "token", "[id=", "will be")
	g.open()
	s.quiet()
}

// What people see of a job in a container is what they see of one on the server.
func TestT41_PeopleSeeWhatLongJobsPrintOnAWS(t *testing.T) {
	long(t) // the engine's own tests have lines that come while a job runs
	dir := t.TempDir()
	a := newAccountWith(t, map[string]string{
		"PATH": dir + ":" + os.Getenv("PATH"), jobsWrite: dir + ":" + filepath.Join(filepath.Dir(dir), "*", "states"),
	})
	a.secret(t, "lockkeeper/dev/plan/token", liveToken)
	a.secret(t, "lockkeeper/dev/apply/token", liveToken)
	s := &story{newStage(t, a.engine)}
	s.dir = dir // of the script
	s.script(strings.ReplaceAll(slowly, "TF_VAR_token", "APPLY_TOKEN"))
	t.Cleanup(s.serve(closely))
	g := gate{s.stage}
	n := s.open("a", aChange("a"))
	s.wants(s.shows(n, "lockkeeper/plan", "$ terraform plan\n"), "What Terraform prints for **network-dev**, at ")
	g.open()
	s.quiet()
	g.close()
	_, err := s.world.GitHub.As(ana).Comment(sandbox.Repository, n, "/apply")
	s.check(err)
	text := s.shows(n, "lockkeeper/apply", "the token is")
	s.wants(text, "$ terraform apply\n", "terraform_data.extra: Creation complete after", "the token is (redacted)\n```")
	s.lacks(text, liveToken, "once more")
	g.open()
	s.quiet()
	a.everyCallIsAllowed(t)
}
