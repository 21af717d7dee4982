// Package policy decides: facts in, verdict out. It is pure.
//
// Place in the flow: pull read the facts, policy says whether the command may
// go on and lists every reason, good and bad, run acts on it and report shows
// it. Each predicate has a file of its own.
//
// The package must not read anything: no GitHub, no store, no clock. A fact
// that could not be read never reaches it, because that is an error before.
package policy

import "strings"

// Reason is what one predicate found. Text is a Markdown sentence whose
// untrusted parts are safe; a bad reason's text says what to do.
type Reason struct {
	Predicate string // stable name, snake_case
	OK        bool
	Silent    bool // a bad reason that is not worth a comment when nobody asked
	Text      string
}

// Verdict is what policy says. Its zero value denies.
type Verdict struct {
	Allowed bool
	Reasons []Reason
	Parts   []Part // one per project, when the verdict is about projects; Allowed covers them
}

// Part is the verdict about one project.
type Part struct {
	Project string
	Verdict
}

// Missing lists the bad reasons.
func (v Verdict) Missing() []Reason {
	var out []Reason
	for _, r := range v.Reasons {
		if !r.OK {
			out = append(out, r)
		}
	}
	return out
}

// Explain joins the bad reasons to one paragraph.
func (v Verdict) Explain() string {
	var texts []string
	for _, r := range v.Missing() {
		texts = append(texts, r.Text)
	}
	return strings.Join(texts, " ")
}

// Silent reports whether nothing need be said about a verdict that denies.
func (v Verdict) Silent() bool {
	for _, r := range v.Missing() {
		if !r.Silent {
			return false
		}
	}
	return true
}

// all is allowed when every reason is good, and never without a reason.
func all(reasons ...Reason) Verdict {
	v := Verdict{Allowed: len(reasons) > 0, Reasons: reasons}
	for _, r := range reasons {
		v.Allowed = v.Allowed && r.OK
	}
	return v
}

// Plan says whether a plan may run.
func Plan(f Facts) Verdict {
	return all(pullRequestOpen(f), sameRepository(f), mayWrite(f))
}

// Apply says whether the stored plans of the projects may be applied.
func Apply(f Facts) Verdict { return Verdict{} }

// Unlock says whether the actor may release the locks of a pull request: own is
// true when the command stands on that pull request itself.
func Unlock(f Facts, own bool) Verdict { return Verdict{} }

// Cancel says whether running work may be cancelled.
func Cancel(f Facts) Verdict { return all(mayWrite(f)) }
