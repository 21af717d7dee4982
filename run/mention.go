package run

import (
	"regexp"

	"github.com/lockkeeper/lockkeeper/markdown"
)

// login is what GitHub allows as the name of an account: letters, digits and
// dashes, and the underscore of managed users. It names no team: those have a slash.
// It has no bound in it, which would make it a hundred times as large: the processes of
// each job have this package, too.
var login = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

const maxLogin = 100 // bytes

// Mention names the account that requested something so that GitHub notifies it.
// What is no login is quoted and notifies nobody.
func Mention(who string) string {
	if len(who) > maxLogin || !login.MatchString(who) {
		return markdown.Quote(who)
	}
	return "@" + who
}
