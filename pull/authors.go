package pull

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Authors is who made the commits of a pull request.
type Authors struct {
	Logins []string // sorted, each once; as GitHub or the address spells them
	IDs    []int64  // of those whose account is known; they survive renames
	// Unattributed counts commits whose author or committer is nobody that GitHub
	// knows, and no tool.
	Unattributed int
}

// AuthorsOf finds out who made commits: those that GitHub listed, with accounts,
// and all that git knows, because GitHub lists no more than 250. An address that
// belongs to an account in one commit belongs to it in all. The other addresses
// that name an account are GitHub's own, ID+login@users.noreply.github.com and
// login@users.noreply.github.com (GitHub documentation, "Setting your commit
// email address").
//
// A Co-authored-by line adds a person who is known. One who is not adds nobody:
// anyone can type such a line, and many tools do, so its absence proves nothing
// either. isTool reports addresses, in lower case, that are no person's.
func AuthorsOf(listed, all []Commit, isTool func(email string) bool) Authors {
	f := finder{accounts: map[string]Signature{}, logins: map[string]string{}, ids: map[int64]bool{}, isTool: isTool}
	seen := map[string]bool{}
	for _, c := range listed {
		f.learn(c.Author)
		f.learn(c.Committer)
	}
	for _, c := range slices.Concat(listed, all) {
		if !seen[c.SHA] {
			seen[c.SHA] = true
			f.add(c)
		}
	}
	return f.authors()
}

type finder struct {
	accounts     map[string]Signature // by lower-case address
	logins       map[string]string    // by lower-case login
	ids          map[int64]bool
	unattributed int
	isTool       func(email string) bool
}

func (f *finder) learn(s Signature) {
	if s.Email != "" && s.Login != "" {
		f.accounts[strings.ToLower(s.Email)] = s
	}
}

func (f *finder) add(c Commit) {
	known := f.person(c.Author)
	if !githubItself(c.Committer) {
		known = f.person(c.Committer) && known
	}
	for _, email := range coAuthors(c.Message) {
		f.person(Signature{Email: email})
	}
	if !known {
		f.unattributed++
	}
}

// githubItself is the committer of what people do on GitHub's pages, which says
// nothing about who that was; the author does.
func githubItself(s Signature) bool {
	return strings.EqualFold(s.Email, "noreply@github.com") && (s.Login == "" || s.Login == "web-flow")
}

// person notes someone and reports whether GitHub knows who it is.
func (f *finder) person(s Signature) bool {
	if s.Login == "" {
		email := strings.ToLower(s.Email)
		known, ok := f.accounts[email]
		if !ok {
			known, ok = noreply(email)
		}
		if !ok {
			return email != "" && f.isTool != nil && f.isTool(email)
		}
		s = known
	}
	f.logins[strings.ToLower(s.Login)] = s.Login
	if s.ID != 0 {
		f.ids[s.ID] = true
	}
	return true
}

var noreplyAddress = regexp.MustCompile(`^(?:([0-9]{1,18})\+)?([a-z0-9][a-z0-9_-]*(?:\[bot\])?)@users\.noreply\.[a-z0-9.-]+$`)

// noreply reads the address, in lower case, that GitHub gives an account. An
// Enterprise Server's ends in its own name.
func noreply(email string) (Signature, bool) {
	m := noreplyAddress.FindStringSubmatch(email)
	if m == nil {
		return Signature{}, false
	}
	id, _ := strconv.ParseInt(m[1], 10, 64) // the pattern has only digits, few enough; none is 0
	return Signature{Email: email, Login: m[2], ID: id}, true
}

var (
	coAuthor = regexp.MustCompile(`(?im)^[ \t>]*co-authored-by[ \t]*:(.*)$`)
	address  = regexp.MustCompile(`<[ \t]*([^<>]*?)[ \t]*>`)
)

// coAuthors are the addresses in the Co-authored-by lines of a message, wherever
// they stand. A line without an address gives an empty one.
func coAuthors(message string) []string {
	var emails []string
	for _, line := range coAuthor.FindAllStringSubmatch(message, -1) {
		found := address.FindAllStringSubmatch(line[1], -1)
		if len(found) == 0 {
			emails = append(emails, "")
		}
		for _, m := range found {
			emails = append(emails, m[1])
		}
	}
	return emails
}

func (f *finder) authors() Authors {
	a := Authors{Unattributed: f.unattributed}
	for _, login := range f.logins {
		a.Logins = append(a.Logins, login)
	}
	for id := range f.ids {
		a.IDs = append(a.IDs, id)
	}
	slices.Sort(a.Logins)
	slices.Sort(a.IDs)
	return a
}
