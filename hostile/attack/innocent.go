//go:build linux

package attack

import (
	"os"
	"time"
)

// Innocent is no attack: it is what a job of somebody else does meanwhile. It
// keeps its secret in a file of its directory, says there that it waits, and goes
// on when it is told to.
const Innocent = "be-innocent"

// The files of an innocent job in its project's directory, and the variable of its
// secret.
const (
	InnocentSecret   = "innocent-secret"
	InnocentWaits    = "innocent-waits"
	InnocentGoesOn   = "innocent-goes-on"
	InnocentVariable = "INNOCENT_SECRET"
)

// Patience is how long an attack may take; the innocent waits for all of them.
func Patience(name string) time.Duration {
	if name == Innocent {
		return 15 * time.Minute
	}
	return 2 * time.Minute
}

func innocent(r *Report) {
	for name, content := range map[string]string{InnocentSecret: os.Getenv(InnocentVariable), InnocentWaits: ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			r.Broke("writing its own files: %v", err)
		}
	}
	for end := time.Now().Add(Patience(Innocent)); time.Now().Before(end); time.Sleep(5 * time.Millisecond) { // between looks
		if _, err := os.Stat(InnocentGoesOn); err == nil {
			r.say("ends", "")
			return
		}
	}
}
