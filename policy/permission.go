package policy

import "fmt"

// mayWrite: who asks must be able to push. The permission is GitHub's legacy
// value, where maintain counts as write and triage as read (REST, "Get
// repository permissions for a user").
func mayWrite(f Facts) Reason {
	r := Reason{Predicate: "may_write"}
	switch {
	case !f.Asked:
		r.OK, r.Text = true, "A push asked, and only people with write access can push."
	case f.Permission == "admin" || f.Permission == "write":
		r.OK, r.Text = true, "Who asks has write access."
	default:
		r.Text = fmt.Sprintf("Only people with write access to `%s` can run commands here. "+
			"Ask one of them to comment the command.", f.Repository)
	}
	return r
}
