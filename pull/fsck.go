package pull

import (
	"fmt"
	"regexp"
)

// historic are the rules of git-fsck(1) that old versions of git and importers
// from other systems broke, in commits that nobody can change any more. What
// they are about, dates, names, addresses and how a mode is written, decides
// nothing here. Everything else stays refused, first of all what a checkout
// could be led astray with: .git and .. in trees, .gitmodules and
// .gitattributes, two entries of one name, objects cut short.
var historic = []string{
	"badDate", "badDateOverflow", "badEmail", "badName", "badTimezone",
	"missingEmail", "missingNameBeforeEmail", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
	"zeroPaddedDate", "zeroPaddedFilemode",
}

// lenient are the settings of a fetch that let these through.
func lenient() (args []string) {
	for _, rule := range historic {
		args = append(args, "-c", "fetch.fsck."+rule+"=ignore")
	}
	return args
}

// HistoryError means that git refuses an object of the history. It stays
// refused.
type HistoryError struct {
	Rule   string // of git-fsck(1), such as gitmodulesUrl
	Object string // SHA of the commit, tree or file
	Reason string // git's words
}

func (e *HistoryError) Error() string {
	return fmt.Sprintf("object %s breaks git's rule %s: %s", e.Object, e.Rule, e.Reason)
}

// Git's words of an object that breaks a rule.
var fsckError = regexp.MustCompile(`(?m)(?:^|exit status \d+: )error: object ([0-9a-f]{40,64}): ([A-Za-z0-9]+): ([^\n]*)`)

// refusedHistory reads them; nil when they are not there.
func refusedHistory(output string) *HistoryError {
	m := fsckError.FindStringSubmatch(output)
	if m == nil {
		return nil
	}
	return &HistoryError{Object: m[1], Rule: m[2], Reason: m[3]}
}
