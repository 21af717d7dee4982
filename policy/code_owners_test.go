package policy

import (
	"strings"
	"testing"
)

// Lockkeeper knows nobody by an e-mail address, so it asks for no approval of one.
func TestOwnersByAddressAreNotAskedToApprove(t *testing.T) {
	for owners, want := range map[string]string{
		"ops@acme.example":                  "names `ops@acme.example` alone for `infra/net`, and Lockkeeper knows nobody by an e-mail address, so no approval counts there: name a user or team instead.",
		"ops@acme.example dev@acme.example": "names `ops@acme.example` and `dev@acme.example` alone for",
		"ops@acme.example @rui":             "ask one of `rui` to approve it.",
		"@acme/ops":                         "ask one of `acme/ops` to approve it.",
	} {
		r := ownerApproved(Facts{BaseRef: "main", HeadSHA: strings.Repeat("a", 40)}, Project{Dir: "infra/net", Owners: strings.Fields(owners), Rules: Rules{CodeOwners: true}})
		if r.OK || !strings.Contains(r.Text, want) {
			t.Errorf("%s: %s, want %s", owners, r.Text, want)
		}
	}
}
