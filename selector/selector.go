// Package selector says which projects somebody means by what they typed where a project's name is: a name, a directory, or a
// pattern of either (path.Match). Each command asks it, so that a text means the same in all of them. It must not know where
// projects come from.
package selector

import (
	"fmt"
	"path"
	"strings"
)

// Item is a project that can be meant. Dir is clean; empty when nobody knows it.
type Item struct{ Name, Dir string }

// Select returns the indexes of the items that text means: those that it names exactly, or else those that it matches as a
// pattern; none is no error. The error says that the pattern is broken.
func Select(text string, items []Item) ([]int, error) {
	if found := Exact(text, items); len(found) > 0 || !strings.ContainsAny(text, `*?[`) {
		return found, nil
	}
	pattern := clean(text)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("reading %q as a project name or glob: %w", text, err)
	}
	return byNameOrDir(text, items, func(of string) bool {
		ok, _ := path.Match(pattern, of) // the pattern was tried
		return ok
	}), nil
}

// Exact returns the indexes of the items of which text is the name, or else the directory. A text with a slash is a directory;
// ./ in front and / at the end, as shells complete directories, do not matter.
func Exact(text string, items []Item) []int {
	return byNameOrDir(text, items, func(of string) bool { return of == clean(text) })
}

func byNameOrDir(text string, items []Item, is func(string) bool) (found []int) {
	if !strings.Contains(text, "/") {
		for i, item := range items {
			if is(item.Name) {
				found = append(found, i)
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	for i, item := range items {
		if item.Dir != "" && is(item.Dir) {
			found = append(found, i)
		}
	}
	return found
}

func clean(text string) string {
	if strings.Contains(text, "/") {
		return path.Clean(text)
	}
	return text
}
