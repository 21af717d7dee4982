package report

import (
	"fmt"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// machineNote says that jobs have been waiting for a machine for long, and what
// ends that as far as it is known; empty when none has. It says since when and not
// how long: each change of it costs a call.
func machineNote(jobs []run.Job) string {
	var since, until time.Time
	for _, j := range jobs {
		if !j.WaitsForMachine() {
			continue
		}
		if since.IsZero() || j.WaitsSince.Before(since) {
			since = j.WaitsSince
		}
		if until.Before(j.WaitsUntil) {
			until = j.WaitsUntil
		}
	}
	if since.IsZero() {
		return ""
	}
	end := ""
	if !until.IsZero() {
		end = fmt.Sprintf(", and is told to end at %s, begun or not", until.UTC().Format(onClock))
	}
	return fmt.Sprintf("Waits for a machine since %s: what is queued begins when there is one%s. `/cancel` ends it now.", since.UTC().Format(onClock), end)
}

const onClock = "15:04 UTC on January 2"
