package commands

import (
	"strings"

	"github.com/agext/levenshtein"
)

// suggest answers an unknown word: a hint when it is one letter, or only its
// case, away from a command, and silence otherwise, since it belongs to some
// other bot. Two slashes begin a line of code.
func suggest(word string) Outcome {
	if strings.HasPrefix(word, "/") {
		return Outcome{}
	}
	for _, s := range All() {
		name := string(s.Name)
		if strings.EqualFold(word, name) || isOneSlip(word, name) {
			return s.hint(word)
		}
	}
	return Outcome{}
}

// isOneSlip reports whether a and b, which differ, are one insertion, deletion,
// replacement or swap of neighbours apart.
func isOneSlip(a, b string) bool {
	if max(len(a), len(b)) > longestWord {
		return false
	}
	for i := range len(a) - 1 {
		if a[:i]+a[i+1:i+2]+a[i:i+1]+a[i+2:] == b {
			return true
		}
	}
	return levenshtein.Distance(a, b, nil) == 1
}

// longestWord is more than the longest command has bytes.
const longestWord = 40
