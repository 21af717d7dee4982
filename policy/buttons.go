package policy

import "fmt"

// takesButtons: an environment can want what changes it in writing, in a comment
// that GitHub shows to everybody and that is read again there.
func takesButtons(f Facts, p Project) Reason {
	if !f.Button || !p.Rules.NoButtons {
		return good("buttons", "")
	}
	return bad("buttons", fmt.Sprintf("The server's config takes no button for %s: comment the command.", quote(p.Environment)))
}
