package project

import (
	"path"
	"strings"
)

// isDocument tells that a file is for people: a change of it changes no plan unless code reads it.
func isDocument(name string) bool {
	base := path.Base(name)
	switch strings.ToLower(path.Ext(base)) {
	case ".md", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp":
		return true
	}
	switch strings.TrimSuffix(strings.ToUpper(base), ".TXT") {
	case "CODEOWNERS", "LICENSE", "LICENCE", "COPYING", "NOTICE":
		return true
	}
	return false
}
