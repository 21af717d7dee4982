package run

import (
	"errors"
	"testing"
)

// However preparing ends, what is known of the base is noted: what was planned for
// another one does not count any more.
func TestARunThatCannotBePreparedKnowsItsBase(t *testing.T) {
	for _, err := range []error{errors.New("no disk"), &Temporary{Err: errors.New("502")}, &Temporary{Err: errors.New("x"), Problem: &Problem{Code: "x"}}, &Problem{Code: "x"}} {
		e, ok := AfterPreparing("r1", Preparation{HeadSHA: "aaa", BaseRef: "release"}, err, noon).(Refused)
		if !ok || e.HeadSHA != "aaa" || e.BaseRef != "release" {
			t.Errorf("%v: %+v", err, e)
		}
	}
}
