package github

import "time"

// actor is who acts: a person, or the App through an installation token.
type actor struct {
	account *account
	app     bool // through the App
}

// moment is one entry of a pull request's timeline.
type moment struct {
	kind        string // opened, commented, reviewed, pushed, edited, ready_for_review, converted_to_draft, closed, merged, reopened
	at          time.Time
	actor       *account
	before, sha string
	comment     *comment
	review      *review
}

// record adds to a pull request's timeline and wakes waiters. Callers hold d.mu.
func (d *Double) record(p *pull, by actor, m moment) {
	m.at, m.actor = d.now(), by.account
	p.updated = m.at
	p.timeline = append(p.timeline, &m)
	d.feed.changed()
}
