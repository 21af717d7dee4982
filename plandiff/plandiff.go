// Package plandiff compares two plans of one project: what the second would do
// beside the first, what it would leave out, and what it would do otherwise. It
// is pure.
//
// Place in the flow: the runner gave each change of a plan a keyed digest of its
// values (run.Change.Digest); prepare compares the plan that people approved with
// the one that there is, policy decides by the Difference, and its Words are what
// people read.
//
// The package must not know values, reviews, a store or GitHub.
package plandiff

import (
	"cmp"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Change is one thing that a plan would do.
type Change struct {
	Address string // of a resource; "output.<name>" of an output value
	Action  run.Action
	Digest  string // keyed, of its values: equal digests of one project are the same change
}

// What an apply writes to the state without changing anything, because it was
// changed outside of Terraform: that is shown by address, and has no digest.
const (
	ActionDrifted run.Action = "drifted" // the object is another than the state says
	ActionGone    run.Action = "gone"    // it is not there any more
)

// aside reports whether a change is of the state alone. At an address there may be
// one, and another one that changes what is there.
func (c Change) aside() bool { return c.Action == ActionDrifted || c.Action == ActionGone }

// Plan is everything that one plan would do.
type Plan []Change

// Of reads what a plan would do from its summary. What is only read changes
// nothing. ok is false when the summary does not tell the values of some change
// apart, as those of runners that had no key for it: then nothing is known to be
// the same.
func Of(s run.Summary) (p Plan, ok bool) {
	ok = true
	for _, c := range s.Changes {
		if c.Action == run.ActionRead {
			continue
		}
		p, ok = append(p, Change{c.Address, c.Action, c.Digest}), ok && c.Digest != ""
	}
	for _, o := range s.Outputs {
		p, ok = append(p, Change{"output." + o.Name, o.Action, o.Digest}), ok && o.Digest != ""
	}
	gone := map[string]bool{}
	for _, address := range s.Gone {
		gone[address] = true
	}
	for _, address := range s.Drift {
		action := ActionDrifted
		if gone[address] {
			action = ActionGone
		}
		p = append(p, Change{Address: address, Action: action})
	}
	return p, ok
}

// Entry is one address at which two plans differ.
type Entry struct {
	Address string
	Was     run.Action // in the first plan; empty when it was not there
	Is      run.Action // in the second; empty when it is not there
}

// Difference is what two plans differ in: each list has the worst first, what is
// destroyed and replaced before everything else, and then is by address.
type Difference struct {
	Added     []Entry // only the second plan would do it
	Different []Entry // both would do something at the address, and not the same
	Removed   []Entry // only the first would
}

// Between tells what now differs in from before. What would be destroyed and is gone
// is in neither plan any more; what changed outside of Terraform is not told of where
// the plan's own change at the address is another one by that, nor that it was taken
// back.
func Between(before, now Plan) Difference {
	d := between(changes(before), changes(now))
	other := map[string]bool{}
	for _, list := range [][]Entry{d.Added, d.Different} {
		for _, e := range list {
			other[e.Address] = true
		}
	}
	besideNow := asides(now)
	gone := map[string]bool{}
	for _, c := range besideNow {
		gone[c.Address] = gone[c.Address] || c.Action == ActionGone
	}
	for _, e := range d.Removed {
		other[e.Address] = e.Was == run.ActionDestroy && gone[e.Address]
	}
	beside := between(asides(before), besideNow)
	told := func(e Entry) bool { return other[e.Address] }
	d.Added = append(d.Added, slices.DeleteFunc(beside.Added, told)...)
	d.Different = append(d.Different, slices.DeleteFunc(beside.Different, told)...)
	return d
}

func changes(p Plan) Plan { return slices.DeleteFunc(slices.Clone(p), Change.aside) }

func asides(p Plan) Plan {
	return slices.DeleteFunc(slices.Clone(p), func(c Change) bool { return !c.aside() })
}

func between(before, now Plan) Difference {
	was, is := byAddress(before), byAddress(now)
	var d Difference
	for address, changes := range is {
		switch earlier := was[address]; {
		case earlier == nil:
			d.Added = append(d.Added, Entry{Address: address, Is: worst(changes)})
		case !slices.Equal(earlier, changes):
			d.Different = append(d.Different, Entry{Address: address, Was: worst(earlier), Is: worst(changes)})
		}
	}
	for address, changes := range was {
		if is[address] == nil {
			d.Removed = append(d.Removed, Entry{Address: address, Was: worst(changes)})
		}
	}
	for _, list := range [][]Entry{d.Added, d.Different, d.Removed} {
		slices.SortFunc(list, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(severity(a.action()), severity(b.action())), cmp.Compare(severity(a.Was), severity(b.Was)), cmp.Compare(a.Address, b.Address))
		})
	}
	return d
}

// Same reports whether both plans would do the same.
func (d Difference) Same() bool { return d.Within() && len(d.Removed) == 0 }

// Within reports whether the second plan would do nothing that the first would
// not do in the same way.
func (d Difference) Within() bool { return len(d.Added)+len(d.Different) == 0 }

// byAddress groups changes. Terraform names an address once; were it twice, both
// would have to be the same.
func byAddress(p Plan) map[string][]Change {
	out := make(map[string][]Change, len(p))
	for _, c := range p {
		out[c.Address] = append(out[c.Address], c)
	}
	for _, changes := range out {
		slices.SortFunc(changes, func(a, b Change) int {
			return cmp.Or(cmp.Compare(severity(a.Action), severity(b.Action)), cmp.Compare(a.Digest, b.Digest))
		})
	}
	return out
}

func worst(sorted []Change) run.Action { return sorted[0].Action }

// worstFirst is every action that changes something, by what is lost with it.
var worstFirst = []run.Action{run.ActionDestroy, run.ActionReplace, run.ActionForget, run.ActionUpdate, run.ActionCreate, run.ActionNone, ActionGone, ActionDrifted}

// severity is the place of an action; one that is not known is the worst.
func severity(a run.Action) int { return slices.Index(worstFirst, a) }

// action is what happens at the address, or what does not any more.
func (e Entry) action() run.Action { return cmp.Or(e.Is, e.Was) }
