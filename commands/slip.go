package commands

import "strings"

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
// replacement or swap of neighbours apart (Damerau-Levenshtein distance 1).
func isOneSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) > len(b) {
		return a[i+1:] == b[i:]
	}
	if i == len(a) {
		return false
	}
	replaced := a[i+1:] == b[i+1:]
	swapped := i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	return replaced || swapped
}
