package jail

import "strings"

// Property is something that a jail promises.
type Property string

// The properties, by the means that hold them in several ways.
const (
	Files       Property = "files"       // no foreign file can be read or written
	Environment Property = "environment" // nor the environment or memory of a foreign process
	Signals     Property = "signals"     // no process outside can be signalled, limited or slowed
	Lifetime    Property = "lifetime"    // nothing outlives its command
	Limited     Property = "limits"      // memory, processes, open files and sizes of files are bounded
)

// ControlGroups is the means that limit memory and processes where a control group
// was delegated (FindCgroup).
const ControlGroups = "control groups of version 2"

// Finding is what was found out about one property.
type Finding struct {
	Property Property
	Held     bool
	By       string // the means, for people; empty when not held
	Remedy   string // one sentence: what is missing and how to get it; empty when held
}

// Report has a finding for each property.
type Report []Finding

// Missing are the properties that are not held.
func (r Report) Missing() []Finding {
	var out []Finding
	for _, f := range r {
		if !f.Held {
			out = append(out, f)
		}
	}
	return out
}

// remedy is how a machine comes to have what is missing.
const remedy = "allow user namespaces (kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, or the container's seccomp profile), or boot a kernel with Landlock (lsm=landlock,…), or start Lockkeeper as root so that each job has a user id of its own"

// holds tells what these layers hold together.
func (l layers) holds() Report {
	namespaces, landlock, user := "namespaces", "Landlock", "a user id for each job"
	means := func(p Property, by ...string) Finding {
		var have []string
		for _, s := range by {
			if s != "" {
				have = append(have, s)
			}
		}
		f := Finding{Property: p, Held: len(have) > 0, By: strings.Join(have, ", ")}
		if !f.Held {
			f.Remedy = strings.ToUpper(remedy[:1]) + remedy[1:] + "."
		}
		return f
	}
	when := func(have bool, name string) string {
		if have {
			return name
		}
		return ""
	}
	ended := "a process that takes over what is left behind"
	if l.PID || l.UID != 0 {
		ended = ""
	}
	return Report{
		means(Files, when(l.Mount, namespaces), when(l.Landlock >= landlockTruncates, landlock), when(l.UID != 0, user)),
		means(Environment, when(l.Mount && l.PID, namespaces), when(l.Landlock > 0, landlock), when(l.UID != 0, user)),
		means(Signals, when(l.PID, namespaces), when(l.Landlock >= landlockScopes && l.Seccomp, landlock), when(l.UID != 0, user)),
		means(Lifetime, when(l.PID, namespaces), when(l.UID != 0, user), ended),
		means(Limited, when(l.Cgroup, ControlGroups), "resource limits, and a look at all processes every 100 ms"),
	}
}
