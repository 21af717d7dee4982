//go:build linux

package hostile

import (
	"fmt"
	"strings"
)

// Expression is an attack by Terraform's language alone: no provider, no
// network. What it results in is shown as an output of the plan.
type Expression struct {
	Name  string
	Tries string // in one line, what it tries
	Holds string // and what must hold
	of    func(w World) string
	some  bool // something may be got, as long as no secret is in it
}

// Open reports whether it succeeds where a kernel or a container lacks parts,
// "namespaces" or "landlock", as docs/security.md says: without namespaces it is
// told that a file is there, and without Landlock what lies on the way to its own.
func (e Expression) Open(without string) bool {
	namespaces, landlock := !strings.Contains(without, "namespaces"), !strings.Contains(without, "landlock")
	return e.Name == "hcl-fileexists" && !namespaces || e.Name == "hcl-fileset" && namespaces && !landlock
}

// World is where the attacker finds what belongs to others.
type World struct {
	Key, Webhook, Database, Artifact, OtherJob, State string // files
	Data, Providers                                   string // directories
	Server                                            int    // process id
}

// nothing is what an expression results in that got nothing.
const nothing = "denied"

func try(format string, args ...any) string {
	return "try(" + fmt.Sprintf(format, args...) + ", \"" + nothing + "\")"
}

// Expressions are all of them.
var Expressions = []Expression{
	{"hcl-file", "file() of the App's private key", "it cannot be read", func(w World) string { return try("file(%q)", w.Key) }, false},
	{"hcl-filebase64", "filebase64() of the webhook secret", "it cannot be read", func(w World) string { return try("filebase64(%q)", w.Webhook) }, false},
	{"hcl-templatefile", "templatefile() of the App's private key", "it cannot be read", func(w World) string { return try("templatefile(%q, {})", w.Key) }, false},
	{"hcl-filesha256", "digests of secrets, to know them when they are guessed", "no digest is made", func(w World) string {
		return try("join(\",\", [filemd5(%[1]q), filesha1(%[1]q), filesha256(%[1]q), filesha512(%[1]q), filebase64sha256(%[1]q)])", w.Key)
	}, false},
	{"hcl-fileexists", "fileexists() of files of the server, which tells that they are there", "it tells nothing", func(w World) string {
		return try("fileexists(%q) || fileexists(%q) ? \"there\" : \"%s\"", w.Key, w.Database, nothing)
	}, false},
	{"hcl-fileset", "fileset() of the data directory, which lists everything of everybody", "nothing is listed", func(w World) string {
		return try("length(fileset(%q, \"**\")) > 0 ? join(\",\", fileset(%[1]q, \"**\")) : \"%s\"", w.Data, nothing)
	}, false},
	{"hcl-database", "filebase64() of the server's database", "it cannot be read", func(w World) string { return try("filebase64(%q)", w.Database) }, false},
	{"hcl-artifact", "filebase64() of another pull request's stored plan", "it cannot be read", func(w World) string { return try("filebase64(%q)", w.Artifact) }, false},
	{"hcl-other-job", "file() of another job's files", "they cannot be read", func(w World) string { return try("file(%q)", w.OtherJob) }, false},
	{"hcl-state", "file() of another environment's state", "it cannot be read", func(w World) string { return try("file(%q)", w.State) }, false},
	{"hcl-providers", "fileset() of the provider packages of all jobs", "the file of nobody else is listed", func(w World) string {
		return try("length(fileset(%q, \"*/*/*/*/*/*\")) > 1 ? join(\",\", fileset(%[1]q, \"**\")) : \"%s\"", w.Providers, nothing)
	}, false},
	{"hcl-shadow", "file() of /etc/shadow", "it cannot be read", func(World) string { return try("file(\"/etc/shadow\")") }, false},
	{"hcl-environ-of-server", "file() of /proc/<server>/environ", "it cannot be read", func(w World) string {
		return try("replace(file(\"/proc/%d/environ\"), \"\\u0000\", \" \")", w.Server) + ", " + try("filebase64(\"/proc/%d/environ\")", w.Server)
	}, false},
	{"hcl-environ-of-all", "finds processes by fileset() and reads the environment of each", "no secret of somebody else is in any", func(World) string {
		return "[for f in fileset(\"/proc\", \"[0-9]*/environ\") : " + try("filebase64(\"/proc/${f}\")") + "]"
	}, true},
	{"hcl-own-environ", "filebase64() of /proc/self/environ", "no secret of the server or of another environment is in it", func(World) string { return try("filebase64(\"/proc/self/environ\")") }, true},
	{"hcl-open-files", "filebase64() of /proc/self/fd/3 and above", "no file of somebody else is open", func(World) string {
		return "[for n in range(3, 40) : " + try("filebase64(\"/proc/self/fd/${n}\")") + "]"
	}, true},
	{"hcl-by-root", "file() through /proc/self/root and /proc/1/root", "nothing can be read", func(w World) string {
		return try("file(\"/proc/self/root%s\")", w.Key) + ", " + try("file(\"/proc/1/root%s\")", w.Key) + ", " + try("file(\"/proc/%d/root%s\")", w.Server, w.Key)
	}, false},
	{"hcl-by-dots", "file() through ../.. from the project's directory", "nothing can be read", func(w World) string {
		return try("file(\"${path.module}/../../../../../../../../../../../../..%s\")", w.Key)
	}, false},
	{"hcl-home", "file() of files in a home directory by ~", "nothing can be read", func(World) string {
		return try("file(\"~/.ssh/id_rsa\")") + ", " + try("file(pathexpand(\"~root/.netrc\"))") + ", " + try("file(\"/root/.aws/credentials\")")
	}, false},
}

// Output is the output of a configuration that carries out an expression.
func (e Expression) Output(w World) string {
	return fmt.Sprintf("output %q {\n  value = join(\"|\", flatten([%s]))\n}\n", e.Name, e.of(w))
}

// Holding reports whether what terraform printed of the output shows that the
// expression was tried and got nothing.
func (e Expression) Holding(printed string) bool {
	i := strings.Index(printed, "+ "+e.Name+" ")
	if i < 0 {
		return false
	}
	line, _, _ := strings.Cut(printed[i:], "\n")
	_, value, found := strings.Cut(line, "= ")
	return found && (e.some || strings.Trim(strings.ReplaceAll(value, nothing, ""), "\"|") == "")
}
