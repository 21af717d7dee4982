package gate

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/pull"
)

// The pull request brings h on c on b; g was never there or is not any more.
func TestWhoAnActivityTellsOf(t *testing.T) {
	ids := map[string]int64{"ana": 1, "ben": 2, "eve": 3}
	a := func(before, after, login string) pull.Activity {
		return pull.Activity{Before: before, After: after, Login: login, UserID: ids[login]}
	}
	forced := func(before, after, login string) pull.Activity {
		out := a(before, after, login)
		out.Forced = true
		return out
	}
	const none = "0000"
	for name, tt := range map[string]struct {
		activity []pull.Activity // newest first
		more     bool            // GitHub keeps more
		want     string          // by commit; empty when it is not enough
	}{
		"nothing":                                {nil, false, "h: c: b:"},
		"nothing, and there is more":             {nil, true, ""},
		"one push of everything":                 {[]pull.Activity{a("base", "h", "ana")}, false, "h:ana c:ana b:ana"},
		"a push each":                            {[]pull.Activity{a("c", "h", "ana"), a("b", "c", "ben"), a("base", "b", "eve")}, false, "h:ana c:ben b:eve"},
		"what came before they are here":         {[]pull.Activity{a("base", "h", "ana"), a("older", "base", "eve")}, true, "h:ana c:ana b:ana"},
		"the head again":                         {[]pull.Activity{a("g", "h", "ben"), a("base", "h", "ana")}, false, "h:ben,ana c:ben,ana b:ben,ana"},
		"went back to it":                        {[]pull.Activity{a("b", "h", "ben"), forced("h", "b", "eve"), a("base", "h", "ana")}, false, "h:ben,ana c:ben,ana b:eve,ana"},
		"the head came with none":                {[]pull.Activity{a("base", "g", "ana")}, false, "h: c:ana b:ana"},
		"the head came with none, and it may":    {[]pull.Activity{a("base", "g", "ana")}, true, ""},
		"the beginning is further back":          {[]pull.Activity{a("c", "h", "ana")}, true, ""},
		"the beginning is not kept":              {[]pull.Activity{a("c", "h", "ana"), a("x", "y", "ben")}, false, "h:ana c:ana,ben b:ana,ben"},
		"thrown away":                            {[]pull.Activity{forced("g", "h", "ana"), a("f", "g", "ben"), a(none, "f", "eve")}, false, "h:ana c:ana,ben,eve b:ana,ben,eve"},
		"thrown away in an earlier branch":       {[]pull.Activity{forced("g", "h", "ana"), a(none, "g", "ben"), a("x", none, "eve"), a(none, "x", "eve")}, false, "h:ana c:ana,ben b:ana,ben"},
		"thrown away, and a commit is named":     {[]pull.Activity{forced("g", "h", "ana"), a("c", "g", "ben"), a("base", "c", "ana")}, false, "h:ana c:ana b:ana,ben"},
		"a push of an account that is gone":      {[]pull.Activity{a("c", "h", ""), a("base", "h", "ana")}, false, "h: c:ana b:ana"},
		"a commit by such an account and others": {[]pull.Activity{a("c", "h", "ana"), a("base", "c", ""), a("base", "c", "ben")}, false, "h:ana c:ben b:ben"},
	} {
		brought := []pull.Commit{{SHA: "h", Parents: []string{"c"}}, {SHA: "c", Parents: []string{"b", "base"}}, {SHA: "b", Parents: []string{"base"}}}
		pushes, enough := pushesBy(tt.activity, !tt.more, brought, "h")
		var got []string
		for _, c := range brought {
			var logins []string
			for _, p := range pushes {
				if p.SHA == c.SHA {
					logins = append(logins, p.Login)
				}
			}
			got = append(got, c.SHA+":"+strings.Join(logins, ","))
		}
		if !enough {
			got = nil
		}
		if text := strings.Join(got, " "); text != tt.want {
			t.Errorf("%s: %q, want %q", name, text, tt.want)
		}
	}
}
