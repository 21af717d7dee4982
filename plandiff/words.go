package plandiff

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
)

// shown is how many addresses the words of a difference name; the others are
// counted.
const shown = 12

// Words says what the second plan does otherwise than the first, as the end of a
// sentence that begins with "the plan": "also destroys `a` and `b`, and no longer
// creates `c`". Destroyed and replaced things are named first. It is bounded, and
// its addresses are Markdown that is safe to show.
func (d Difference) Words() string {
	if d.Same() {
		return "does the same"
	}
	left := shown
	var parts []string
	for _, lost := range []bool{true, false} {
		for _, list := range [][]Entry{d.Added, d.Different} {
			parts = append(parts, phrases(ofLoss(list, lost), &left)...)
		}
	}
	return join(append(parts, phrases(d.Removed, &left)...))
}

// ofLoss are the entries at which something is destroyed or replaced, or the others.
func ofLoss(list []Entry, lost bool) (out []Entry) {
	for _, e := range list {
		if (severity(e.Is) <= severity(run.ActionReplace)) == lost {
			out = append(out, e)
		}
	}
	return out
}

// phrases says what happens at entries that are sorted, those of one kind together.
func phrases(list []Entry, left *int) (out []string) {
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Was == list[0].Was && list[n].Is == list[0].Is {
			n++
		}
		out = append(out, list[0].phrase(addresses(list[:n], left)))
		list = list[n:]
	}
	return out
}

// addresses names entries as far as there is room. The first is always named.
func addresses(list []Entry, left *int) string {
	most := min(len(list), max(*left, 1))
	*left -= most
	names := make([]string, most)
	for i, e := range list[:most] {
		names[i] = markdown.Quote(e.Address)
	}
	if rest := len(list) - most; rest > 0 {
		return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", rest)
	}
	return join(names)
}

func (e Entry) phrase(what string) string {
	switch {
	case e.Was == "":
		return "also " + verb(e.Is) + " " + what
	case e.Is == "":
		return "no longer " + verb(e.Was) + " " + what
	case e.Was == e.Is:
		return verb(e.Is) + " " + what + " in another way"
	}
	return verb(e.Is) + " " + what + ", which it " + past(e.Was) + " before"
}

func verb(a run.Action) string {
	switch a {
	case run.ActionDestroy:
		return "destroys"
	case run.ActionReplace:
		return "replaces"
	case run.ActionForget:
		return "forgets"
	case run.ActionUpdate:
		return "changes"
	case run.ActionCreate:
		return "creates"
	case run.ActionNone:
		return "moves or imports"
	case ActionGone:
		return "removes from the state what is gone at"
	case ActionDrifted:
		return "writes to the state what changed outside of Terraform at"
	}
	return "does something to"
}

func past(a run.Action) string {
	switch a {
	case run.ActionDestroy:
		return "destroyed"
	case run.ActionReplace:
		return "replaced"
	case run.ActionForget:
		return "forgot"
	case run.ActionUpdate:
		return "changed"
	case run.ActionCreate:
		return "created"
	case run.ActionNone:
		return "moved or imported"
	case ActionGone:
		return "took for gone"
	case ActionDrifted:
		return "took for changed outside of Terraform"
	}
	return "did something else to"
}

func join(parts []string) string {
	switch n := len(parts); n {
	case 0, 1:
		return strings.Join(parts, "")
	default:
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
}
