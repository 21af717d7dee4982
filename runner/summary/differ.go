package summary

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// maxDiff bounds the changed attributes of one resource, in bytes. Those that
// come later are counted.
const maxDiff = 64 << 10

// differ collects the changed attributes of one resource.
type differ struct {
	render  renderer
	replace [][]any
	out     []run.Attribute
	at      []location // of out
	size    int
	left    int       // attributes that did not fit
	digest  hash.Hash // of all, in full
}

func newDiffer(r renderer, replace [][]any) *differ {
	return &differ{render: r, replace: replace, digest: sha256.New()}
}

// add notes a changed attribute. whole is what the attribute shows only a part
// of.
func (d *differ) add(at location, a run.Attribute, whole string) {
	a.Path = cut(d.render.path(at.after), maxPath)
	for _, p := range d.replace {
		a.ForcesReplace = a.ForcesReplace || at.touches(p)
	}
	content, _ := json.Marshal(a) // strings always encode
	fmt.Fprintf(d.digest, "%s %d %s\n", content, len(whole), whole)
	if d.size += len(content); d.size > maxDiff && len(d.out) > 0 {
		d.left++
		return
	}
	d.out = append(d.out, a)
	d.at = append(d.at, at)
}

// finish makes sure that what forces a replacement is said, and how much did
// not fit.
func (d *differ) finish() {
	for _, p := range d.replace {
		d.blame(p)
	}
	if d.left > 0 {
		d.out = append(d.out, run.Attribute{Note: "and " + count(d.left, "more change") + ", left out for size"})
	}
}

// blame finds a change for a path of which no part changes, as elements are
// matched here: then it is some other element of that list.
func (d *differ) blame(path []any) {
	for end := len(path); end > 0; end-- {
		found := false
		for i, at := range d.at {
			if len(at.after) > 0 && at.touches(path[:end]) {
				d.out[i].ForcesReplace, found = true, true
			}
		}
		if found {
			return
		}
	}
}

func (d *differ) sum() string { return hex.EncodeToString(d.digest.Sum(nil)) }

// moved tells which elements are at another place.
func moved(pairs []pair) string {
	const shown = 8
	var places []string
	for i, p := range pairs {
		if i == shown {
			places = append(places, fmt.Sprintf("%d more", len(pairs)-i))
			break
		}
		places = append(places, fmt.Sprintf("[%d] → [%d]", p.before, p.after))
	}
	verb := "is"
	if len(pairs) > 1 {
		verb = "are"
	}
	return fmt.Sprintf("%s %s at another place: %s", count(len(pairs), "element"), verb, strings.Join(places, ", "))
}
