package storetest

import (
	"math/bits"
)

// What locks do, written a second time and in another way, so that histories of
// the store can be checked against it: pull requests, projects and keys are
// numbers, sets of them are bits, the line is an array in its order. Nothing
// here uses the code of package run.

const (
	modelPulls    = 6 // numbered from 1
	modelProjects = 6
	modelKeys     = 8
	modelPlans    = 64
)

// modelNeeds are the keys of each project: a directory (bits 0 to 5), and for
// two pairs of projects a state that they share (bits 6 and 7).
var modelNeeds = [modelProjects]set{0: 1<<0 | 1<<6, 1: 1<<1 | 1<<6, 2: 1<<2 | 1<<7, 3: 1<<3 | 1<<7, 4: 1 << 4, 5: 1 << 5}

// set is a set of small numbers.
type set uint8

func (s set) has(i int) bool { return s>>i&1 == 1 }

func (s set) each(f func(i int)) {
	for ; s != 0; s &= s - 1 {
		f(bits.TrailingZeros8(uint8(s)))
	}
}

// needs are the keys of a set of projects.
func (s set) needs() (keys set) {
	s.each(func(p int) { keys |= modelNeeds[p] })
	return keys
}

type modelLock struct {
	fence                   int16
	holder, project         int8
	busy                    int16 // number of a run, 0 for none
	closing, dirty, applied bool
	idle, merged            bool
	place                   int16
	last                    int8 // pull request that changed the state last
	lastMerged              bool
}

func (l modelLock) used() bool { return l.busy != 0 || l.dirty || l.applied }

// yields: anyone who wants it may have it.
func (l modelLock) yields() bool { return l.holder != 0 && l.idle && !l.used() && !l.closing }

type modelPlace struct {
	pull     int8
	projects set
	id       int16
	idle     bool
	keys     modelKeysOf // what it waits for of each project: of what it gave on, no more than it gave
}

// modelKeysOf are keys of projects.
type modelKeysOf [modelProjects]set

func (k modelKeysOf) all() (keys set) {
	for _, of := range k {
		keys |= of
	}
	return keys
}

// keysOf are all that projects need.
func (s set) keysOf() (k modelKeysOf) {
	s.each(func(p int) { k[p] = modelNeeds[p] })
	return k
}

// with are the keys of projects in k, and of the others those in o.
func (k modelKeysOf) with(o modelKeysOf) modelKeysOf {
	for p, keys := range o {
		if k[p] == 0 {
			k[p] = keys
		}
	}
	return k
}

// model is the state of all locks; comparable, so that == is equality.
type model struct {
	locks  [modelKeys]modelLock
	line   [modelPulls]modelPlace // who waits, first in line first; the rest is zero
	closed set                    // pull requests
	used   [modelPlans]int16      // number of the apply that a plan was given to
	last   int16                  // the greatest place ever given
}

// modelInput is one operation.
type modelInput struct {
	op       string
	pull     int8
	projects set
	flag     bool // claim: whole; close: merged; reopen: requested after every close
	run      int16
	dirty    set                  // of end
	fences   [modelProjects]int16 // of begin
	plan     int                  // of consume
}

// modelOutput is what an operation answered.
type modelOutput struct {
	answer   string // of begin, reopen, consume
	fences   [modelProjects]int16
	blocked  [modelProjects]modelBlocked
	released set
	busy     set
	served   [modelPulls]modelPlace
	all      model // of read
}

type modelBlocked struct {
	is     bool
	holder int8
	place  int8
}

// step carries out an operation.
func (m model) step(in modelInput) (model, modelOutput) {
	var out modelOutput
	switch in.op {
	case "claim":
		m.claim(in, &out)
	case "begin":
		out.answer = m.begin(in)
	case "end":
		m.end(in)
	case "idle":
		m.idle(in)
	case "release":
		out.released, out.busy = m.release(in)
	case "close":
		m.close(in)
	case "reopen":
		out.answer = m.reopen(in)
	case "turns":
		m.turns(&out)
	case "consume":
		out.answer = m.consume(in)
	case "read":
		out.all = m
		out.all.used = [modelPlans]int16{} // nobody can read it
	}
	return m, out
}

// held are the keys that a pull request holds.
func (m *model) held(pull int8) (keys set) {
	for k, l := range m.locks {
		if l.holder == pull {
			keys |= 1 << k
		}
	}
	return keys
}

// place is the index of a pull request in the line; the number of those who
// wait when it is not in it.
func (m *model) place(pull int8) int {
	for i, p := range m.line {
		if p.pull == pull || p.pull == 0 {
			return i
		}
	}
	return modelPulls
}

// elders are those of the first n in line that want one of the keys, do not
// wait for the pull request itself, and are someone else.
func (m *model) elders(pull int8, keys set, n int) (elders int8) {
	for _, p := range m.line[:n] {
		if want := p.keys.all(); p.pull != pull && !p.idle && want&keys != 0 && want&m.held(pull) == 0 {
			elders++
		}
	}
	return elders
}

// refused are the keys that a pull request could not be given from the n-th
// place in line.
func (m *model) refused(pull int8, keys set, n int) (refused set) {
	keys.each(func(k int) {
		switch l := m.locks[k]; {
		case l.holder == pull && l.busy == 0:
		case l.holder != 0 && (l.holder == pull || !l.yields()), m.elders(pull, 1<<k, n) > 0:
			refused |= 1 << k
		}
	})
	return refused
}

func (m *model) free(keys set) {
	keys.each(func(k int) {
		l := m.locks[k]
		m.locks[k] = modelLock{fence: l.fence, last: l.last, lastMerged: l.lastMerged}
	})
}

// unused are those of the keys that a pull request holds and changed nothing
// under.
func (m *model) unused(pull int8, keys set) (unused set) {
	(m.held(pull) & keys).each(func(k int) {
		if !m.locks[k].used() {
			unused |= 1 << k
		}
	})
	return unused
}

// give hands projects to a pull request that stood at a place; 0 is none.
func (m *model) give(pull int8, keys modelKeysOf, place int16) {
	keys.all().each(func(k int) {
		if l := m.locks[k]; l.yields() && l.holder != pull {
			m.giveOn(l.holder, l.project)
		}
	})
	if place == 0 && keys.all()&^m.held(pull) != 0 {
		m.last++
		place = m.last
	}
	keys.all().each(func(k int) {
		l := &m.locks[k]
		if l.holder == 0 {
			l.holder, l.fence, l.place = pull, l.fence+1, place
			l.applied = l.last == pull && !l.lastMerged
		}
		l.idle = false
		for p := modelProjects - 1; p >= 0; p-- { // the first one stays
			if keys[p].has(k) {
				l.project = int8(p)
			}
		}
	})
}

// giveOn puts a pull request in line again for what is idle of a project.
func (m *model) giveOn(pull, project int8) {
	place, keys := int16(1<<14), set(0)
	m.held(pull).each(func(k int) {
		if l := m.locks[k]; l.project == project && l.yields() {
			place, keys = min(place, l.place), keys|1<<k
		}
	})
	m.free(keys)
	i := m.place(pull)
	if i < modelPulls && m.line[i].pull == pull {
		if !m.line[i].idle {
			return
		}
		p := m.line[i]
		m.remove(pull, 0xff)
		p.keys[project] = keys
		m.insert(modelPlace{pull, p.projects | 1<<project, min(p.id, place), true, p.keys})
		return
	}
	given := modelPlace{pull: pull, projects: 1 << project, id: place, idle: true}
	given.keys[project] = keys
	m.insert(given)
}

// insert puts someone where the place is.
func (m *model) insert(p modelPlace) {
	i := 0
	for i < modelPulls && m.line[i].pull != 0 && m.line[i].id < p.id {
		i++
	}
	copy(m.line[i+1:], m.line[i:])
	m.line[i] = p
}

// idle ends a plan that leaves nothing to apply.
func (m *model) idle(in modelInput) {
	(m.held(in.pull) & in.projects.needs()).each(func(k int) { m.locks[k].idle = true })
}

// remove takes projects off what a pull request waits for.
func (m *model) remove(pull int8, projects set) {
	i := m.place(pull)
	if i == modelPulls || m.line[i].pull == 0 {
		return
	}
	projects.each(func(p int) {
		if p < modelProjects {
			m.line[i].keys[p] = 0
		}
	})
	if m.line[i].projects &^= projects; m.line[i].projects == 0 {
		copy(m.line[i:], m.line[i+1:])
		m.line[modelPulls-1] = modelPlace{}
	}
}

func (m *model) claim(in modelInput, out *modelOutput) {
	if m.closed.has(int(in.pull)) {
		in.projects.each(func(p int) { out.blocked[p] = modelBlocked{is: true} })
		return
	}
	want := in.projects.needs()
	if in.flag {
		m.free(m.unused(in.pull, ^want))
	}
	i, waits, waited := m.place(in.pull), m.waitsFor(in.pull), modelKeysOf{}
	if waits != 0 {
		waited = m.line[i].keys
	}
	from := modelPulls // the end of the line
	at := int16(0)
	if want&^waited.all() == 0 && waits != 0 {
		from, at = i, m.line[i].id
	}
	if m.refused(in.pull, want, from) == 0 {
		if in.flag {
			m.remove(in.pull, 0xff)
		}
		m.remove(in.pull, in.projects)
		m.give(in.pull, in.projects.keysOf(), at)
		in.projects.each(func(p int) { out.fences[p] = m.fence(p) })
		return
	}
	m.free(m.unused(in.pull, want))
	then, keys := in.projects, in.projects.keysOf()
	if !in.flag {
		then, keys = then|waits, keys.with(waited)
	}
	if waits == 0 || keys.all()&^waited.all() != 0 {
		m.remove(in.pull, 0xff)
		i = m.place(in.pull)
		m.last++
		m.line[i].id = m.last
	}
	m.line[i] = modelPlace{in.pull, then, m.line[i].id, false, keys}
	in.projects.each(func(p int) {
		if no := m.refused(in.pull, modelNeeds[p], i); no != 0 {
			out.blocked[p] = modelBlocked{is: true, holder: m.other(in.pull, modelNeeds[p]), place: 1 + m.elders(in.pull, modelNeeds[p], i)}
		}
	})
}

func (m *model) waitsFor(pull int8) set {
	if i := m.place(pull); i < modelPulls && m.line[i].pull == pull {
		return m.line[i].projects
	}
	return 0
}

// other is who else holds one of the keys; of several the one of the directory.
func (m *model) other(pull int8, keys set) (other int8) {
	keys.each(func(k int) {
		if l := m.locks[k]; l.holder != 0 && !l.yields() && (l.holder != pull || l.busy != 0) && other == 0 {
			other = l.holder
		}
	})
	return other
}

func (m *model) fence(project int) (sum int16) {
	modelNeeds[project].each(func(k int) { sum += m.locks[k].fence })
	return sum
}

func (m *model) begin(in modelInput) string {
	var taken set
	for p := range modelProjects {
		if !in.projects.has(p) {
			continue
		}
		for k, l := range m.locks {
			switch {
			case !modelNeeds[p].has(k):
			case taken.has(k):
				return "same state"
			case l.holder != in.pull, l.busy != 0, l.closing:
				return "fence"
			}
		}
		if m.fence(p) != in.fences[p] {
			return "fence"
		}
		taken |= modelNeeds[p]
	}
	in.projects.each(func(p int) {
		modelNeeds[p].each(func(k int) { m.locks[k].busy, m.locks[k].project = in.run, int8(p) })
	})
	return "begun"
}

func (m *model) end(in modelInput) {
	for k := range m.locks {
		l := &m.locks[k]
		if l.busy != in.run {
			continue
		}
		l.busy = 0
		if in.dirty.has(int(l.project)) || in.projects.has(int(l.project)) {
			l.last, l.lastMerged, l.idle = l.holder, l.closing && l.merged, false
		}
		switch {
		case in.dirty.has(int(l.project)):
			l.dirty = true
		case in.projects.has(int(l.project)):
			l.dirty, l.applied = false, true
		}
		if l.closing && !l.dirty {
			m.free(1 << k)
		}
	}
}

func (m *model) release(in modelInput) (released, busy set) {
	named := in.projects
	if named == 0 {
		named = 0xff
	}
	m.remove(in.pull, named)
	m.held(in.pull).each(func(k int) {
		if l := m.locks[k]; named.has(int(l.project)) && l.busy != 0 {
			busy |= 1 << l.project
		}
	})
	m.held(in.pull).each(func(k int) {
		if l := m.locks[k]; named.has(int(l.project)) && !busy.has(int(l.project)) {
			released |= 1 << l.project
			m.free(1 << k)
		}
	})
	return released, busy
}

func (m *model) close(in modelInput) {
	m.remove(in.pull, 0xff)
	for k := range m.locks {
		if l := &m.locks[k]; l.last == in.pull && in.flag {
			l.lastMerged = true
		}
	}
	m.held(in.pull).each(func(k int) {
		if l := &m.locks[k]; l.busy != 0 || l.dirty && (in.flag || l.closing) {
			l.closing, l.merged = true, l.merged || in.flag
		} else {
			m.free(1 << k)
		}
	})
	m.closed |= 1 << in.pull
}

func (m *model) reopen(in modelInput) string {
	if m.closed.has(int(in.pull)) && !in.flag {
		return "closed"
	}
	m.closed &^= 1 << in.pull
	m.held(in.pull).each(func(k int) { m.locks[k].closing, m.locks[k].merged = false, false })
	return "open"
}

func (m *model) turns(out *modelOutput) {
	for n := 0; ; n++ {
		i := m.next(false)
		if i == modelPulls {
			i = m.next(true)
		}
		if i == modelPulls {
			return
		}
		out.served[n] = m.line[i]
		m.remove(m.line[i].pull, 0xff)
		m.give(out.served[n].pull, out.served[n].keys, out.served[n].id)
	}
}

// next is the index of the first of those that are idle, or of the others, who can
// have all that it waits for.
func (m *model) next(idle bool) int {
	for i, p := range m.line {
		if p.pull == 0 || p.idle != idle || m.refused(p.pull, p.keys.all(), i) != 0 {
			continue
		}
		others := false // of whom who is idle takes nothing
		p.keys.all().each(func(k int) { others = others || m.locks[k].yields() && m.locks[k].holder != p.pull })
		if !idle || !others {
			return i
		}
	}
	return modelPulls
}

func (m *model) consume(in modelInput) string {
	if was := m.used[in.plan]; was != 0 && was != in.run {
		return "consumed"
	}
	m.used[in.plan] = in.run
	return "given"
}
