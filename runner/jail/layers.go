package jail

// layers are the means in use.
type layers struct {
	User     bool // user namespace
	Mount    bool // mount namespace with a root of its own
	PID      bool // PID and IPC namespaces
	Landlock int  // version of its interface, 0 for none
	Seccomp  bool
	UID      int  // of the jail alone; 0 for that of the caller
	Cgroup   bool // a control group of its own
}

// keepsFiles reports whether anything keeps foreign files.
func (l layers) keepsFiles() bool { return l.Mount || l.Landlock >= landlockTruncates || l.UID != 0 }

// landlockTruncates is the version from which on Landlock keeps foreign files from
// being emptied.
const landlockTruncates = 3

// landlockScopes is the version from which on Landlock keeps signals and
// abstract sockets inside.
const landlockScopes = 6
