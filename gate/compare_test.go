package gate

import (
	"fmt"
	"testing"
)

func TestForeseenGatesAreForgotten(t *testing.T) {
	var p previews
	for i := range 3 * maxPreviews {
		p.keep(fmt.Sprint(i), &input{})
	}
	if len(p.byRun) != maxPreviews || len(p.order) != maxPreviews {
		t.Errorf("%d and %d are remembered", len(p.byRun), len(p.order))
	}
	if p.take(fmt.Sprint(3*maxPreviews-1)) == nil || p.take("0") != nil || len(p.order) != maxPreviews-1 {
		t.Error("not the newest are remembered")
	}
}
