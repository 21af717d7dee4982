//go:build long

package e2e

import (
	"testing"
	"time"
)

// The load under which a plan of another repository waited for 187 seconds, and
// GitHub would have refused most of 2,000 writes.
func TestAThousandPlansByFiftyPeopleOnFortyPullRequests(t *testing.T) {
	f := flooded(t, 40, limitsOf(80, 500))
	const commands = 1000
	overtook, took := f.ask(commands, 50)
	waited := f.settled(20 * time.Minute)
	runs := f.answered(commands)
	t.Logf("the quiet repository had its plan after %s and %d of %d loud runs; all was said %s later", took.Round(time.Millisecond), overtook, runs, waited)
	if overtook > runs/2 {
		t.Errorf("%d of %d loud runs ended before the quiet one", overtook, runs)
	}
}
