// Package forbidden says which names no file of a job's source may have. It is a package of
// its own so that the runner, which package project's parsers would make twice as slow to
// start, has the same rule.
//
// It must not know anything else about commits.
package forbidden

import "strings"

// Name reports whether a path has a name that must not be in a snapshot, because
// terraform would load code or settings from it that no reviewer sees as such
// (a committed .terraform/modules/modules.json redirects modules and survives init),
// or because it is state or a leftover of a crash. Letter case does not matter.
func Name(path string) bool {
	for part := range strings.SplitSeq(strings.ToLower(path), "/") {
		switch part {
		case ".terraform", ".terraformrc", "terraform.rc", "crash.log", "errored.tfstate":
			return true
		}
		if strings.HasPrefix(part, "terraform.tfstate") {
			return true
		}
	}
	return false
}
