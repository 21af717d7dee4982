package jail

import (
	"os"
	"time"
)

// Mode is what happens where a property cannot be held.
type Mode string

// The zero value of a Mode is Required.
const (
	Required   Mode = "required"    // nothing runs
	BestEffort Mode = "best_effort" // it runs in what there is
	Off        Mode = "off"         // it runs with everything that the caller may do; only its processes and limits are looked after
)

// Box is what the programs in a jail may reach, besides the programs and
// libraries of the system. All paths are absolute; what does not exist is left
// out. Paths that a program may write are those whose content it may replace.
type Box struct {
	Read  []string          // files and directories; also to run programs from them
	Own   []string          // files and directories of this jail alone: it may write them, and owns them where it has a user id of its own
	Given []string          // files and directories that are for this jail alone, which it only reads; their content may come later. Of a directory the caller lets everybody read what is in it, and nobody else comes in
	Write []string          // files and directories that it shares with others and may write
	Names map[string]string // further names: what to see there, by the name. Without a mount namespace these are links that the caller made
	Over  *Over             // nil for none; a jail with one needs a mount namespace

	Limits Limits
}

// Over lays one directory over another: at At the programs see everything that is
// in Below and in At, and what they change is kept in At alone. Nothing in a jail
// reaches Below itself.
type Over struct {
	Below string // a directory that does not change as long as the jail stands
	At    string // one of Box.Own
	Work  string // an empty directory of the caller's beside At, which is thrown away afterwards
}

// Limits of everything in a jail. Zero is the default of each.
type Limits struct {
	Memory    int64 // bytes, all processes together
	Processes int   // processes and their threads
	Files     int   // that one process may have open
	FileSize  int64 // bytes of one file
}

// Defaults: Terraform with a large provider takes 1.3 GiB for 20,000 resources,
// and about 30 threads.
var defaults = Limits{Memory: 4 << 30, Processes: 1024, Files: 8192, FileSize: 4 << 30}

// WithDefaults fills in what is zero.
func (l Limits) WithDefaults() Limits {
	if l.Memory <= 0 {
		l.Memory = defaults.Memory
	}
	if l.Processes <= 0 {
		l.Processes = defaults.Processes
	}
	if l.Files <= 0 {
		l.Files = defaults.Files
	}
	if l.FileSize <= 0 {
		l.FileSize = defaults.FileSize
	}
	return l
}

// Config says how to make a Jail.
type Config struct {
	Box    Box
	Mode   Mode
	Binary string     // a binary with this package, which becomes the supervisor; empty for the running one
	Cgroup string     // directory of a control group that the jail makes for itself, in the one of UseCgroup; RemoveCgroup takes it away. Empty for none
	Users  Users      // from which a caller that is root takes the jail's user id; zero is the default
	Stdout *os.File   // of every command
	Stderr *os.File   // of every command
	Keep   []*os.File // stay open in the supervisor, and nowhere else, as long as anything in the jail is alive
}

// Command is one program to run. There is no shell and no search for it.
type Command struct {
	Args  []string      // the program, absolute, and its arguments
	Env   []string      // all of its environment
	Dir   string        // its working directory
	Grace time.Duration // between interrupt and kill
	Last  bool          // it runs to its end also when the process that started the jail is killed; others are killed then
}

// Exit is how a command ended. Nothing that it started is alive any more.
type Exit struct {
	Code   int   // when Signal is 0
	Signal int   // that ended it, 0 for none
	Killed bool  // it did not end in time after it was interrupted
	Broke  Limit // the limit that was seen to be broken, and for which it was killed
	Memory int64 // bytes that the largest of its processes had, at most

	// What was seen of its processes while they ran, ten times a second: the most
	// that one of them requested, used or not, in bytes; that there were at once, with
	// their threads, or that it left; and for how many open files one had room.
	Requested int64
	Processes int
	Files     int
}

// Success reports a command that ended by itself and well.
func (e Exit) Success() bool { return e.Code == 0 && e.Signal == 0 }

// Limit names one of the Limits.
type Limit string

// The limits that are looked at from outside, because the system either has none
// for all processes together, or tells nobody that it was reached.
const (
	LimitMemory    Limit = "memory"
	LimitProcesses Limit = "processes"
	LimitWatches   Limit = "watches" // of epoll(7), of which a user has so many on a machine
)
