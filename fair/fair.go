// Package fair chooses whose turn it is where many want what few can have at
// once: preparing runs, acting on deliveries, terraform processes, calls of
// GitHub. It shares by installation first, then by repository, then by person,
// so that nobody waits because someone else asks for a lot.
//
// Place in the flow: beside it. Who has slots to give asks here who comes
// next. The package is pure: it knows no clock, no store, and not what it is
// that people wait for.
package fair

import "cmp"

// Key says whose something is. Installation is an account that installed the
// App, by id or by name; each user of this package has one way to name it.
type Key struct{ Installation, Repository, Person string }

// Limits is how many may be in hand at once; 0 is no bound. One below All keeps
// one installation, or one repository, from having all of them.
type Limits struct{ All, Installation, Repository int }

// Shares knows who has how many in hand, and whose turn was when. It is not safe
// for use by several goroutines at once. It need not outlive its process: what is
// in hand and what waits is known elsewhere, and the rest is one turn of each.
type Shares struct {
	limits Limits
	all    int
	turns  int // given so far
	nodes  map[node]*count
}

// node is one installation, one repository of it, or one person there.
type node struct {
	level level
	key   Key
}

type level int

const (
	ofInstallation level = iota
	ofRepository
	ofPerson
	levels
)

type count struct {
	held int
	last int // number of its last turn; 0: it had none
}

// mostNodes is how many are remembered with nothing in hand; who is forgotten
// counts as new.
const mostNodes = 4096

// New makes shares of which nobody has any.
func New(limits Limits) *Shares { return &Shares{limits: limits, nodes: map[node]*count{}} }

// Next is the index of the one among waiting that is next, or -1 when the limits
// let none through. waiting is in the order of arrival, which decides between
// equals. Next changes nothing: Take does.
//
// Next is the installation with the fewest in hand, of several the one whose last
// turn is longest ago; then the repository and the person in the same way.
func (s *Shares) Next(waiting []Key) int {
	best := -1
	if s.limits.All > 0 && s.all >= s.limits.All {
		return best
	}
	for i, k := range waiting {
		if s.full(k) {
			continue
		}
		if best < 0 || s.before(k, waiting[best]) {
			best = i
		}
	}
	return best
}

// Take counts one more in the hands of k.
func (s *Shares) Take(k Key) {
	s.turns++
	s.all++
	for l := range levels {
		n := at(l, k)
		c := s.nodes[n]
		if c == nil {
			s.forget()
			c = &count{}
			s.nodes[n] = c
		}
		c.held++
		c.last = s.turns
	}
}

// Give counts one less. It takes back what Take counted, once for each.
func (s *Shares) Give(k Key) {
	s.all--
	for l := range levels {
		if c := s.nodes[at(l, k)]; c != nil {
			c.held--
		}
	}
}

func (s *Shares) full(k Key) bool {
	return s.limits.Installation > 0 && s.count(at(ofInstallation, k)).held >= s.limits.Installation ||
		s.limits.Repository > 0 && s.count(at(ofRepository, k)).held >= s.limits.Repository
}

// before reports whether a's turn is before b's. They differ at the first level
// at which they are not the same.
func (s *Shares) before(a, b Key) bool {
	for l := range levels {
		x, y := at(l, a), at(l, b)
		if x == y {
			continue
		}
		p, q := s.count(x), s.count(y)
		return cmp.Or(cmp.Compare(p.held, q.held), cmp.Compare(p.last, q.last)) < 0
	}
	return false
}

func (s *Shares) count(n node) count {
	if c := s.nodes[n]; c != nil {
		return *c
	}
	return count{}
}

// forget makes room for others when many have been here.
func (s *Shares) forget() {
	if len(s.nodes) < mostNodes {
		return
	}
	for n, c := range s.nodes {
		if c.held == 0 {
			delete(s.nodes, n)
		}
	}
}

func at(l level, k Key) node {
	switch l {
	case ofInstallation:
		k.Repository, k.Person = "", ""
	case ofRepository:
		k.Person = ""
	}
	return node{l, k}
}
