package jail

// What the process outside and the supervisor say to each other, as JSON over a
// socket that only they have. Secrets are in the environment of commands, so they
// are on no command line and in no file.

// order is what the supervisor has to do; exactly one field is set.
type order struct {
	Setup  *setup   `json:",omitempty"` // the first order
	Run    *Command `json:",omitempty"` // one at a time
	Signal string   `json:",omitempty"` // for what runs: interrupt or kill
}

// setup is the jail to make.
type setup struct {
	Box    Box
	Layers layers // those to use; the supervisor gives up when one cannot be had
	Groups []int  // further groups of the commands
	Nobody int    // a user id that no process has, when Layers.UID is set
	Tasks  int    // that the user of the commands has already; -1 when they are not counted
}

// What order.Signal may be.
const (
	interrupt = "interrupt"
	kill      = "kill"
)

// answer is what comes back: once after the setup, once after each command.
type answer struct {
	Error string `json:",omitempty"`
	Exit  *Exit  `json:",omitempty"`
}
