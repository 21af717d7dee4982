package run

import (
	"testing"
	"time"
)

// Who joined a plan that is refused for the comment of another one asked when they asked:
// whether that is long ago is judged by it.
func TestWhoIsLeftOverAskedWhenTheyAsked(t *testing.T) {
	asked, now := noon.Add(time.Second), noon.Add(time.Hour)
	r := accepted()
	r.Joined = []Asker{{Key: "b", Trigger: TriggerComment, Actor: "ben", CommentID: 2, At: asked}}
	next, ok := leftOver(r, Refused{At: now, Problem: Problem{Code: "comment_unchanged"}}, now)
	if !ok || !next.CreatedAt.Equal(asked) || next.Actor != "ben" {
		t.Errorf("%t, %+v", ok, next)
	}
}
