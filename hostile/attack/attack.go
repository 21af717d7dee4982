//go:build linux

// Package attack is what code of a pull request would try once it runs on
// somebody else's machine: it looks for secrets, writes where it should not,
// signals strangers, stays, and takes everything there is of something.
//
// Its place in the flow: terraform-provider-hostile carries attacks out inside of
// a job, in tests alone. It must not know Lockkeeper: an attacker reads its source
// and is told by Target where everything lies, but calls nothing of it. Nor does it
// know any secret: those of the tests begin with Bait, so that it recognizes one.
//
// Every attack reports by itself whether a property was broken. What it cannot
// know, such as whether a stranger has died, the test looks at from outside.
package attack

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Target is what the attacker knows: more than a real one would.
type Target struct {
	Mark         string   // stands in every file that is written, and in the command line of everything that stays
	Secrets      []string // files with a secret of somebody else
	Places       []string // directories of somebody else
	Files        []string // files of somebody else that must stay as they are
	Processes    []int    // of somebody else: the server, runners, other jobs
	FirstProcess int      // every process of somebody else has a higher id
	Sockets      []string // of somebody else, by path
	Abstract     string   // the same, by abstract name
	Key          string   // description of somebody else's key in the kernel's keyrings
	Webhook      string   // URL of the server's webhooks
	Forged       string   // body of a webhook that somebody else would have to press a button for
	Job          string   // directory of this job, as the server knows it
	Signal       int      // what to kill with; 18 (SIGCONT) harms nobody where the test has no processes of its own
	Much         Much     // how much to take of something
}

// Much bounds the attacks that take everything: a test must not harm the machine
// that it runs on.
type Much struct {
	Processes, Files, Inodes int
	Memory, Disk, Output     int64 // bytes
}

// Attack is one thing to try.
type Attack struct {
	Name  string
	Tries string // in one line, what it tries
	Holds string // and what must hold
	Alone bool   // it may end its job, so it needs one of its own
	carry func(r *Report, t Target)
}

// Open reports whether an attack succeeds where a kernel or a container lacks parts,
// "namespaces" or "landlock": Lockkeeper's docs/security.md says so, too. root is
// whether the server is root's, whose jobs have a user id of their own.
func (a Attack) Open(without string, root bool) bool {
	namespaces, landlock := !strings.Contains(without, "namespaces"), !strings.Contains(without, "landlock")
	switch a.Name {
	case "abstract-sockets":
		return !landlock
	case "list-directories": // those on the way to its own files
		return namespaces && !landlock
	case "unix-sockets":
		return !namespaces && !root
	case "fill-shared-memory":
		return !namespaces && !landlock
	}
	return false
}

// All are the attacks of a program, in the order in which they are carried out.
func All() []Attack {
	return slices.Concat(reading, memory, writing, reaching, staying, escaping, taking)
}

// Run carries out one attack.
func Run(w io.Writer, name string, t Target) {
	r := &Report{w: w, name: name}
	r.say("begins", "")
	if name == Innocent {
		innocent(r)
		return
	}
	i := slices.IndexFunc(All(), func(a Attack) bool { return a.Name == name })
	if i < 0 {
		r.Broke("there is no such attack")
		return
	}
	All()[i].carry(r, t)
	r.say("ends", "")
}

// Begun and Ended are the lines of a report around an attack that was carried
// out, and Broken begins the lines that say what it achieved.
func Begun(name string) string  { return "hostile " + name + " begins" }
func Ended(name string) string  { return "hostile " + name + " ends" }
func Broken(name string) string { return "hostile " + name + " broke: " }

// Report is what an attack tells.
type Report struct {
	w    io.Writer
	name string
}

func (r *Report) say(verb, text string) {
	line := "hostile " + r.name + " " + verb
	if text != "" {
		line += ": " + strings.ToValidUTF8(strings.ReplaceAll(text, "\n", " "), "?")
	}
	_, _ = fmt.Fprintln(r.w, line) // who does not read it misses it in the test
}

// Broke tells that a property did not hold.
func (r *Report) Broke(format string, args ...any) { r.say("broke", fmt.Sprintf(format, args...)) }

// Tried tells what was tried in vain, for whoever reads the test's output.
func (r *Report) Tried(format string, args ...any) { r.say("tried", fmt.Sprintf(format, args...)) }

// Took tells the bytes that were got hold of, as an attacker carries them out: as
// they are and in base64.
func (r *Report) Took(what string, content []byte) {
	const most = 16 << 10
	content = content[:min(len(content), most)]
	r.say("got", what+" "+string(content))
	r.say("got", what+" "+base64.StdEncoding.EncodeToString(content))
}

// Bait begins every secret that the tests lay out. It stands nowhere in this
// program as one word, so that its own memory does not hold it by itself.
func Bait() []byte { return []byte(strings.Join([]string{"bait", "laid", "by", "tests", ""}, "-")) }

// Holds reports whether bytes hold a secret: one of the tests, or a key.
func Holds(content []byte) bool {
	return bytes.Contains(content, Bait()) || bytes.Contains(content, []byte(strings.Join([]string{"BEGIN", "RSA", "PRIVATE"}, " ")))
}

// around is a piece of bytes with the secret in it.
func around(content []byte) []byte {
	i := max(bytes.Index(content, Bait()), bytes.Index(content, []byte(strings.Join([]string{"BEGIN", "RSA", "PRIVATE"}, " "))), 0)
	return content[i:min(i+2048, len(content))]
}

// look reads a file as an attacker does: whatever is got is told.
func (r *Report) look(name string) {
	f, err := os.Open(name)
	if err != nil {
		r.Tried("%v", err)
		return
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, 4<<20))
	if err != nil || len(content) == 0 {
		r.Tried("%s: %d bytes, %v", name, len(content), err)
		return
	}
	r.Broke("read %s", name)
	r.Took(name, around(content))
}
