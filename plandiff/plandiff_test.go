package plandiff

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/run"
)

func TestBetween(t *testing.T) {
	one := Plan{{"a", run.ActionDestroy, "1"}}
	for _, tt := range []struct {
		name        string
		before, now Plan
		within      bool
		words       string
	}{
		{"nothing", nil, nil, true, "does the same"},
		{"the same", one, one, true, "does the same"},
		{"in another order", append(Plan{{"b", run.ActionCreate, "2"}}, one...), append(one[:1:1], Change{"b", run.ActionCreate, "2"}), true, "does the same"},
		{"all of it is done", one, nil, true, "no longer destroys `a`"},
		{"one more destroy", one, append(one[:1:1], Change{"b", run.ActionDestroy, "2"}), false, "also destroys `b`"},
		{"the same number, another address", one, Plan{{"b", run.ActionDestroy, "1"}}, false, "also destroys `b` and no longer destroys `a`"},
		{"other values", Plan{{"a", run.ActionUpdate, "1"}}, Plan{{"a", run.ActionUpdate, "2"}}, false, "changes `a` in another way"},
		{"a worse action", Plan{{"a", run.ActionUpdate, "1"}}, Plan{{"a", run.ActionReplace, "1"}}, false, "replaces `a`, which it changed before"},
		{"a better action", Plan{{"a", run.ActionDestroy, "1"}}, Plan{{"a", run.ActionUpdate, "1"}}, false, "changes `a`, which it destroyed before"},
		{"an address twice", append(one[:1:1], one...), append(one[:1:1], Change{"a", run.ActionDestroy, "2"}), false, "destroys `a` in another way"},
		{"an action that nobody knows", nil, Plan{{"a", "explode", "1"}, {"b", run.ActionDestroy, "1"}}, false, "also does something to `a` and also destroys `b`"},
		{"all kinds, the worst first", Plan{{"gone", run.ActionDestroy, "1"}, {"u", run.ActionUpdate, "1"}, {"r", run.ActionCreate, "1"}},
			Plan{{"c", run.ActionCreate, "1"}, {"d2", run.ActionDestroy, "1"}, {"d1", run.ActionDestroy, "1"}, {"f", run.ActionForget, "1"}, {"m", run.ActionNone, "1"},
				{"output.x", run.ActionUpdate, "1"}, {"p", run.ActionReplace, "1"}, {"r", run.ActionReplace, "1"}, {"u", run.ActionUpdate, "2"}}, false,
			"also destroys `d1` and `d2`, also replaces `p`, replaces `r`, which it created before, also forgets `f`, also changes `output.x`, " +
				"also creates `c`, also moves or imports `m`, changes `u` in another way and no longer destroys `gone`"},
		{"more changed outside", one, append(one[:1:1], Change{"x", ActionDrifted, ""}, Change{"y", ActionGone, ""}), false,
			"also removes from the state what is gone at `y` and also writes to the state what changed outside of Terraform at `x`"},
		{"the same changed outside", append(one[:1:1], Change{"x", ActionDrifted, ""}), append(one[:1:1], Change{"x", ActionDrifted, ""}), true, "does the same"},
		{"less changed outside", append(one[:1:1], Change{"x", ActionDrifted, ""}), one, true, "does the same"},
		{"what had changed outside is gone", Plan{{"x", ActionDrifted, ""}}, Plan{{"x", ActionGone, ""}}, false,
			"removes from the state what is gone at `x`, which it took for changed outside of Terraform before"},
		{"what would be destroyed is gone", append(one[:1:1], Change{"b", run.ActionDestroy, "2"}), append(one[:1:1], Change{"b", ActionGone, ""}), true, "no longer destroys `b`"},
		{"what would be destroyed is said to have changed", append(one[:1:1], Change{"b", run.ActionDestroy, "2"}), append(one[:1:1], Change{"b", ActionDrifted, ""}), false,
			"also writes to the state what changed outside of Terraform at `b` and no longer destroys `b`"},
		{"what would be changed is gone", Plan{{"b", run.ActionUpdate, "2"}}, Plan{{"b", ActionGone, ""}}, false, "also removes from the state what is gone at `b` and no longer changes `b`"},
		{"what changed outside is put right", nil, Plan{{"a", run.ActionUpdate, "1"}, {"a", ActionDrifted, ""}}, false, "also changes `a`"},
		{"what is changed anyway changed outside", Plan{{"a", run.ActionUpdate, "1"}}, Plan{{"a", run.ActionUpdate, "1"}, {"a", ActionDrifted, ""}}, false,
			"also writes to the state what changed outside of Terraform at `a`"},
		{"an address that is no address", nil, Plan{{"a`@all", run.ActionCreate, "1"}}, false, "also creates `a?@all`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Between(tt.before, tt.now)
			if got := d.Words(); d.Within() != tt.within || got != tt.words || d.Same() != (tt.words == "does the same") {
				t.Errorf("within %t, same %t: %s\nwant %s", d.Within(), d.Same(), got, tt.words)
			}
		})
	}
}

func TestWordsAreBounded(t *testing.T) {
	var p Plan
	for _, action := range worstFirst {
		for i := range 500 {
			p = append(p, Change{strings.Repeat("x", 5000) + string(rune('a'+i%26)) + strings.Repeat("y", i), action, "1"})
		}
	}
	if words := Between(nil, p).Words(); len(words) > 4000 || !strings.HasPrefix(words, "also destroys `x") || !strings.Contains(words, " and 488 more") {
		t.Errorf("%d bytes: %s", len(words), words)
	}
}

func TestOf(t *testing.T) {
	s := run.Summary{
		Changes: []run.Change{{Address: "a", Action: run.ActionDestroy, Digest: "1"}, {Address: "data.b", Action: run.ActionRead}},
		Outputs: []run.OutputChange{{Name: "o", Action: run.ActionCreate, Digest: "2"}},
	}
	s.Drift, s.Gone = []string{"c", "d"}, []string{"d"}
	want := Plan{{"a", run.ActionDestroy, "1"}, {"output.o", run.ActionCreate, "2"}, {"c", ActionDrifted, ""}, {"d", ActionGone, ""}}
	if p, ok := Of(s); !ok || cmp.Diff(want, p) != "" {
		t.Errorf("%t %v", ok, p)
	}
	s.Outputs[0].Digest = ""
	if _, ok := Of(s); ok {
		t.Error("an output whose value nobody knows can be compared")
	}
	s = run.Summary{Changes: []run.Change{{Address: "a", Action: run.ActionUpdate}}}
	if _, ok := Of(s); ok {
		t.Error("a change whose values nobody knows can be compared")
	}
	if p, ok := Of(run.Summary{}); !ok || len(p) > 0 {
		t.Errorf("an empty plan: %t %v", ok, p)
	}
}

// A plan is within another exactly when each of its changes is one of that one's, and so
// is what it writes to the state; but that what would be destroyed is gone.
func TestWithinAgainstAModel(t *testing.T) {
	plan := rapid.Custom(func(t *rapid.T) Plan {
		var p Plan
		for _, address := range []string{"a", "b", "c", "d"} {
			if rapid.Bool().Draw(t, "there") {
				p = append(p, Change{address, rapid.SampledFrom(worstFirst[:3]).Draw(t, "action"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "digest")})
			}
			if aside := rapid.SampledFrom([]run.Action{"", "", ActionDrifted, ActionGone}).Draw(t, "aside"); aside != "" {
				p = append(p, Change{address, aside, ""})
			}
		}
		return p
	})
	rapid.Check(t, func(t *rapid.T) {
		before, now := plan.Draw(t, "before"), plan.Draw(t, "now")
		had, has, destroys := map[Change]bool{}, map[string]bool{}, map[string]bool{}
		for _, c := range before {
			had[c] = true
			destroys[c.Address] = destroys[c.Address] || c.Action == run.ActionDestroy
		}
		does := map[Change]bool{}
		for _, c := range now {
			if !c.aside() {
				has[c.Address] = true
				does[c] = true
			}
		}
		want := true
		for _, c := range now {
			want = want && (had[c] || c.Action == ActionGone && destroys[c.Address] && !has[c.Address])
		}
		all := true
		for _, c := range before {
			all = all && (c.aside() || does[c])
		}
		d, back := Between(before, now), Between(now, before)
		if d.Within() != want || d.Same() != (want && all) {
			t.Fatalf("%+v", d)
		}
		d, back = Between(changes(before), changes(now)), Between(changes(now), changes(before))
		if len(d.Added) != len(back.Removed) || len(d.Removed) != len(back.Added) || len(d.Different) != len(back.Different) {
			t.Fatalf("there %+v\nback %+v", d, back)
		}
		if len(d.Added)+len(d.Different) > len(now) || len(d.Removed)+len(d.Different) > len(before) {
			t.Fatalf("more than there is: %+v", d)
		}
	})
}
