package markdown

import (
	"regexp"
	"strings"
	"unicode"
)

// linked are the words that GitHub turns into links or emphasis by itself
// (docs.github.com, "Autolinked references and URLs"): commits, GH-1, web
// addresses, and underscores that are not between letters.
var linked = regexp.MustCompile(`(?i)[0-9a-f]{7,}|\bgh-[0-9]|www\.|(?:^|[^a-z0-9])_|_(?:[^a-z0-9]|$)`)

// reference is a word with a prefix that a repository may have defined as a
// link to its tracker, such as TICKET-1. Lower-case ones are names (app-1).
var reference = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*-[0-9]`)

// bullet is a word that begins a list or underlines a heading when it comes
// first.
var bullet = regexp.MustCompile(`^(?:[-+=]|[0-9]+[.)]$)`)

// plain escapes a word that can stand in running text, as its first or a later
// one; ok is false for one that cannot.
func plain(word string, first bool) (escaped string, ok bool) {
	for _, r := range word {
		if !harmless(r) {
			return "", false
		}
	}
	if strings.Contains(strings.TrimSuffix(word, ":"), ":") { // an address or an :emoji:
		return "", false
	}
	if linked.MatchString(word) || reference.MatchString(word) {
		return "", false
	}
	if first && bullet.MatchString(word) {
		last := len(word) - 1
		if word[last] == '.' || word[last] == ')' {
			return word[:last] + `\` + word[last:], true
		}
		return `\` + word, true
	}
	return word, true
}

func harmless(r rune) bool {
	if r < 0x80 {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(`-_.,:;/()'"!?%+=`, r)
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
}
