package markdown

import (
	"regexp"
	"strings"
	"unicode"
)

// linked are the words that GitHub turns into links by itself
// (docs.github.com, "Autolinked references and URLs"): commits, GH-1 and the
// references with a prefix that a repository may define (TICKET-1), addresses.
var linked = regexp.MustCompile(`(?i)[0-9a-f]{7,}|[a-z][a-z0-9]*-[0-9]|www\.|(?:^|[^a-z0-9])_|_(?:[^a-z0-9]|$)`)

// named is a word of our own domain: lower-case names with digits after a dash
// are what projects are called (app-1); only these are no references.
var named = regexp.MustCompile(`^[a-z][a-z0-9]*(?:[-_/][a-z0-9]+)*$`)

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
	if found := linked.FindString(word); found != "" && !isName(word) {
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

// isName tells a project-like name that holds no commit and no GH-1.
func isName(word string) bool {
	return named.MatchString(word) && !commit.MatchString(word) && !strings.HasPrefix(word, "gh-")
}

var commit = regexp.MustCompile(`[0-9a-f]{7,}`)

func harmless(r rune) bool {
	if r < 0x80 {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(`-_.,:;/()'"!?%+=`, r)
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
}
