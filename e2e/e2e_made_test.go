package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// packing is a terraform beside which something packs a file when it begins to plan, as
// the provider archive does; as long as there is a file large, it is too large.
const packing = `
if [ "$1" = plan ]; then
	printf packed > packed.zip
	[ ! -e "$dir/large" ] || truncate -s 65M large.bin
fi
exec "$terraform" "$@"
`

// Report 10: the apply of a plan that packs a function's code ended with "no such file".
func TestReport10AnApplyHasWhatItsPlanPacked(t *testing.T) {
	s := newScriptStory(t, packing)
	large := filepath.Join(s.dir, "large")
	s.check(os.WriteFile(large, nil, 0o600))
	n := s.open("a", github.Files{"live/dev/network/extra.tf": "resource \"terraform_data\" \"extra\" {\n  input = file(\"packed.zip\")\n}\n"})
	s.quiet()
	s.wants(s.conversation(n), "**network-dev** cannot be applied", "`live/dev/network/large.bin` (with others more than 64 MiB)", "`live/dev/network/packed.zip`")
	s.says(ana, n, "/apply")
	s.untouched(n)
	s.wants(s.conversation(n), "The apply would miss what planning made or changed, `live/dev/network/large.bin` (with others more than 64 MiB)")

	s.check(os.Remove(large))
	s.says(ana, n, "/plan")
	s.wants(s.plans(n)[0].Body, "**Made while planning** for **network-dev**, and taken along to the apply: `live/dev/network/packed.zip`, 6 bytes together.", "SHA-256 of the files made while planning: `")
	s.says(ana, n, "/apply")
	if !s.applied("packed") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}
