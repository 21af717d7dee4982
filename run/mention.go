package run

import "regexp"

// login is what GitHub allows as the name of an account: letters, digits and
// dashes, and the underscore of managed users. It names no team: those have a slash.
var login = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// Mention names the account that asked for something so that GitHub notifies it.
// What is no login is quoted and notifies nobody.
func Mention(who string) string {
	if !login.MatchString(who) {
		return Quote(who)
	}
	return "@" + who
}
