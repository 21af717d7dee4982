package policy

import "fmt"

// stateFound: what an earlier apply made is in no state that a plan sees, so the
// next apply would make it once more. Only a person can say that it is repaired.
func stateFound(_ Facts, p Project) Reason {
	if !p.Astray {
		return good("state_found", "")
	}
	where := "a file beside the backend"
	if p.AstrayIn != "" {
		where = "the server's file " + quote(p.AstrayIn)
	}
	return bad("state_found", fmt.Sprintf("What an earlier apply made stands only in %s, so no plan knows of it and an apply would make it again: "+
		"run `terraform init` and `terraform state push` with that file where the project has a backend, then comment `/unlock` and `/plan`.", where))
}
