package policy

import "fmt"

// mayWrite: who asks must be able to push.
func mayWrite(f Facts) Reason {
	switch {
	case !f.ByPerson:
		return good("may_write", "Triggered by a push of somebody with write access.")
	case writes(f.Permission):
		return good("may_write", "Who asks has write access.")
	}
	return bad("may_write", fmt.Sprintf("Only people with write access to %s can run commands here: "+
		"ask one of them to comment the command.", quote(f.Repository)))
}
