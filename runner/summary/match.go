package summary

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// pair is an element of a list and what becomes of it. -1 is none: it goes, or
// it is new.
type pair struct {
	before, after int
	moved         bool // it is at another place among those that stay
}

// Bounds of the work of one comparison. Beyond them a difference is still
// right, but larger than it need be.
const (
	maxRounds  = 32      // of the search, each of which finds about a hundred differences
	maxSimilar = 200_000 // comparisons of elements that are not equal
)

// sameRun says that n items stand at before in one list and at after in the
// other.
type sameRun struct{ before, after, n int }

// common finds items that are the same in both lists in the same order.
func common(a, b []string) []sameRun {
	var out []sameRun
	rounds := maxRounds
	var search func(a, b []string, i, j int)
	search = func(a, b []string, i, j int) {
		pa, pb := 0, 0
		keep := func(n int) {
			if n > 0 {
				out = append(out, sameRun{i + pa, j + pb, n})
			}
		}
		edits := []lcs.Diff{{End: len(a), ReplEnd: len(b)}}
		if rounds > 0 {
			rounds--
			edits = lcs.DiffLines(a, b)
		}
		for _, e := range edits {
			keep(e.Start - pa)
			// The library gives up on what differs much: look again in there.
			if all := e.End-e.Start == len(a) && e.ReplEnd-e.ReplStart == len(b); !all && e.End > e.Start && e.ReplEnd > e.ReplStart {
				search(a[e.Start:e.End], b[e.ReplStart:e.ReplEnd], i+e.Start, j+e.ReplStart)
			}
			pa, pb = e.End, e.ReplEnd
		}
		keep(len(a) - pa)
	}
	search(a, b, 0, 0)
	return out
}

// matcher pairs the elements of two lists.
type matcher struct {
	before, after []any
	unknown       any
	keysB, keysA  []string // equal elements have equal keys
	toAfter       []int    // for each of before, or -1
	toBefore      []int    // for each of after, or -1
	gapB, gapA    []int    // between which of those that stay an element stands
	stays         []bool   // of before: equal, and in the same order
}

// match pairs equal elements in order, then equal ones wherever they are, then
// similar ones. Each element is in one pair. The pairs are in the order of
// after, with those that go before the place where they stood.
func match(before, after []any, unknown any) []pair {
	m := matcher{before: before, after: after, unknown: unknown}
	m.keys()
	m.inOrder()
	m.equal()
	m.similar()
	m.opposite()
	return m.pairs()
}

// keys numbers the different elements. One that is not wholly known equals none.
func (m *matcher) keys() {
	ids := map[string]string{}
	id := func(v any) string {
		content := canonical(v)
		if _, ok := ids[content]; !ok {
			ids[content] = strconv.Itoa(len(ids))
		}
		return ids[content]
	}
	for _, v := range m.before {
		m.keysB = append(m.keysB, id(v))
	}
	for j, v := range m.after {
		if anyTrue(element(m.unknown, j)) {
			m.keysA = append(m.keysA, "unknown "+strconv.Itoa(j))
			continue
		}
		m.keysA = append(m.keysA, id(v))
	}
}

func (m *matcher) inOrder() {
	m.toAfter, m.toBefore = slices.Repeat([]int{-1}, len(m.before)), slices.Repeat([]int{-1}, len(m.after))
	m.gapB, m.gapA = make([]int, len(m.before)), make([]int, len(m.after))
	m.stays = make([]bool, len(m.before))
	for _, r := range common(m.keysB, m.keysA) {
		for k := range r.n {
			m.pair(r.before+k, r.after+k)
			m.stays[r.before+k] = true
		}
	}
	gap := 0
	for i := range m.before {
		m.gapB[i] = gap
		if m.stays[i] {
			gap++
		}
	}
	gap = 0
	for j, i := range m.toBefore {
		m.gapA[j] = gap
		if i >= 0 {
			gap++
		}
	}
}

func (m *matcher) pair(i, j int) { m.toAfter[i], m.toBefore[j] = j, i }

// equal pairs equal elements that changed places.
func (m *matcher) equal() {
	waiting := map[string][]int{}
	for i, j := range m.toAfter {
		if j < 0 {
			waiting[m.keysB[i]] = append(waiting[m.keysB[i]], i)
		}
	}
	for j, i := range m.toBefore {
		if list := waiting[m.keysA[j]]; i < 0 && len(list) > 0 {
			m.pair(list[0], j)
			waiting[m.keysA[j]] = list[1:]
		}
	}
}

func (m *matcher) free() (before, after []int) {
	for i, j := range m.toAfter {
		if j < 0 {
			before = append(before, i)
		}
	}
	for j, i := range m.toBefore {
		if i < 0 {
			after = append(after, j)
		}
	}
	return before, after
}

// similar pairs elements that have much in common, the most similar first.
func (m *matcher) similar() {
	free, other := m.free()
	if len(free)*len(other) > maxSimilar {
		return
	}
	partsB, partsA := map[int]parts{}, map[int]parts{}
	for _, i := range free {
		partsB[i] = partsOf(m.before[i])
	}
	for _, j := range other {
		partsA[j] = partsOf(m.after[j])
	}
	type candidate struct {
		i, j  int
		score float64
	}
	var all []candidate
	for _, i := range free {
		for _, j := range other {
			score, near := partsB[i].similarity(partsA[j]), m.gapB[i] == m.gapA[j]
			if score >= 0.5 || near && score > 0 {
				all = append(all, candidate{i, j, score})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(-cmp.Compare(a.score, b.score), cmp.Compare(m.distance(a.i, a.j), m.distance(b.i, b.j)))
	})
	for _, c := range all {
		if m.toAfter[c.i] < 0 && m.toBefore[c.j] < 0 {
			m.pair(c.i, c.j)
		}
	}
}

// distance is how far apart two elements stand, by those that stay.
func (m *matcher) distance(i, j int) int { return max(m.gapB[i]-m.gapA[j], m.gapA[j]-m.gapB[i]) }

// opposite pairs the rest where as many go as come at the same place.
func (m *matcher) opposite() {
	free, other := m.free()
	gaps := func(list, gap []int) map[int][]int {
		out := map[int][]int{}
		for _, i := range list {
			out[gap[i]] = append(out[gap[i]], i)
		}
		return out
	}
	there := gaps(other, m.gapA)
	for gap, list := range gaps(free, m.gapB) {
		if len(list) != len(there[gap]) {
			continue
		}
		for k, i := range list {
			if j := there[gap][k]; sameKind(m.before[i], m.after[j]) {
				m.pair(i, j)
			}
		}
	}
}

func (m *matcher) pairs() []pair {
	inOrder := m.longestInOrder()
	var out []pair
	i := 0
	goes := func(end int) {
		for ; i < end; i++ {
			if m.toAfter[i] < 0 {
				out = append(out, pair{before: i, after: -1})
			}
		}
	}
	for j, b := range m.toBefore {
		if b >= 0 && inOrder[b] {
			goes(b)
		}
		out = append(out, pair{before: b, after: j, moved: b >= 0 && !inOrder[b]})
	}
	goes(len(m.before))
	return out
}

// longestInOrder chooses elements of before that keep their order among each
// other, as many as possible.
func (m *matcher) longestInOrder() map[int]bool {
	var ends []int // of the best sequence of each length, as indices into before
	previous := make([]int, len(m.before))
	for i, j := range m.toAfter {
		if j < 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(ends, j, func(e, j int) int { return cmp.Compare(m.toAfter[e], j) })
		previous[i] = -1
		if at > 0 {
			previous[i] = ends[at-1]
		}
		if at == len(ends) {
			ends = append(ends, i)
		}
		ends[at] = i
	}
	out := map[int]bool{}
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
			out[i] = true
		}
	}
	return out
}
