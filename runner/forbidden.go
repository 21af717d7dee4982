package runner

import "strings"

// forbidden is the rule of project.Forbidden: names that make terraform load
// what no reviewer reads, or that are state. It stands here once more because
// package project brings parsers of YAML and HCL along, with which a runner
// would take twice as long to start; a test holds the two together.
func forbidden(path string) bool {
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
