//go:build long

package main

import (
	"testing"
	"time"
)

// The load under which a plan of another repository waited for 187 seconds, and
// GitHub would have refused most of 2,000 writes. With GitHub's limits it takes
// minutes until all is said.
func TestAThousandPlansByFiftyPeopleOnFortyPullRequests(t *testing.T) {
	s, loud, quiet := flooded(t, 40)
	const commands = 1000
	overtook, took := s.flood(commands, 50, loud, quiet)
	s.settled(20 * time.Minute)
	s.answered(commands, loud)
	t.Logf("the quiet repository had its plan after %s and %d loud runs", took.Round(time.Millisecond), overtook)
}
