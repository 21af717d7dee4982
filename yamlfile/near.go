package yamlfile

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Suggest names the known word closest to what was typed, or all of them.
func Suggest(typed string, known []string) string {
	if c := Closest(typed, known, 1); len(c) > 0 {
		return "did you mean " + c[0] + "?"
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// Closest returns at most n of known that differ from typed by a slip or two, best first.
func Closest(typed string, known []string, n int) []string {
	if len(typed) > 200 {
		return nil
	}
	type candidate struct {
		word     string
		distance int
	}
	var found []candidate
	for _, word := range known {
		if d := levenshtein.Distance(strings.ToLower(typed), strings.ToLower(word), nil); d <= max(1, len(word)/3) {
			found = append(found, candidate{word, d})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var words []string
	for _, c := range found[:min(n, len(found))] {
		words = append(words, c.word)
	}
	return words
}
