package rego

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Mistake is something that whoever wrote the rules has to correct.
type Mistake struct {
	File    string // slash-separated, as Load found it
	Line    int    // 0 when it is about the file as a whole
	Message string
}

func (m Mistake) String() string {
	if m.Line == 0 {
		return m.File + ": " + m.Message
	}
	return fmt.Sprintf("%s:%d: %s", m.File, m.Line, m.Message)
}

// Mistakes is an error that names all of them, one per line, in the order of
// files and lines.
type Mistakes []Mistake

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, mistake := range m {
		lines[i] = mistake.String()
	}
	return strings.Join(lines, "\n")
}

// orNil is the mistakes in order, as an error; nil when there are none.
func (m Mistakes) orNil() error {
	if len(m) == 0 {
		return nil
	}
	slices.SortStableFunc(m, func(a, b Mistake) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		return a.Line - b.Line
	})
	return m
}

// mistakesOf makes mistakes of what the library says about rules. ok is false
// for an error that is about no place in a file.
func mistakesOf(err error) (m Mistakes, ok bool) {
	var many ast.Errors
	var one *topdown.Error
	switch {
	case errors.As(err, &many):
		for _, e := range many {
			m = append(m, mistakeAt(e.Location, e.Code+": "+e.Message))
		}
	case errors.As(err, &one) && one.Location != nil && one.Location.File != "": // the query itself has none
		m = Mistakes{mistakeAt(one.Location, one.Code+": "+one.Message)}
	}
	return m, len(m) > 0
}

// mistakeAt makes one line of a message, and explains functions that rules do
// not have.
func mistakeAt(at *ast.Location, message string) Mistake {
	message = strings.Join(strings.Fields(message), " ")
	if _, name, ok := strings.Cut(message, "undefined function "); ok && slices.Contains(removed, name) {
		message += ", because rules see the plan and the data files beside them and nothing else"
	}
	if at == nil {
		return Mistake{File: "rules", Message: message}
	}
	return Mistake{File: at.File, Line: at.Row, Message: message}
}
