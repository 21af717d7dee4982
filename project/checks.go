package project

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/lockkeeper/lockkeeper/project/forbidden"
	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// DefaultWorkspace is the workspace every Terraform backend starts with.
const DefaultWorkspace = "default"

const (
	maxPathBytes = 1024
	maxGlobBytes = 256
)

var (
	isName        = atMost(63, `^[a-z0-9][a-z0-9._-]*$`)
	isWorkspace   = atMost(90, `^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	isEnvironment = atMost(63, `^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	isVersion     = atMost(40, `^[0-9]{1,4}\.[0-9]{1,4}\.([0-9]{1,4}(-[a-z0-9.]{1,20})?|x)$`)
	isIdentifier  = atMost(128, `^[A-Za-z_][A-Za-z0-9_-]*$`)
	isBranch      = atMost(244, `^[^\x00-\x20\x7f~^:?*\[\\/.-][^\x00-\x20\x7f~^:?*\[\\]*$`)
)

// atMost reports texts of up to that many bytes that a pattern describes. Bounds
// inside of patterns would make each hundred times as large.
func atMost(bytes int, pattern string) func(string) bool {
	re := regexp.MustCompile(pattern)
	return func(s string) bool { return len(s) <= bytes && re.MatchString(s) }
}

func form(is func(string) bool, otherwise string) check {
	return func(v string) string {
		if is(v) {
			return ""
		}
		return otherwise
	}
}

func checkName(v string) string {
	return form(isName, "is no project name: lower-case letters, digits, dots, dashes and underscores, at most 63, beginning with a letter or digit")(v)
}

func checkWorkspace(v string) string {
	return form(isWorkspace, "is no workspace name: letters, digits, dashes and underscores, at most 90, beginning with a letter or digit")(v)
}

func checkEnvironment(v string) string {
	return form(isEnvironment, "is no environment name: letters, digits, dots, dashes and underscores, at most 63")(v)
}

func checkVersion(v string) string {
	return form(isVersion, `is no version: write it as "1.11.4", or "1.11.x" for the newest of 1.11 that the server has`)(v)
}

func checkIdentifier(v string) string {
	return form(isIdentifier, "is no identifier: letters, digits, dashes and underscores, beginning with a letter or underscore")(v)
}

// checkBranch follows git-check-ref-format(1) where it matters here.
func checkBranch(v string) string {
	if !isBranch(v) || strings.Contains(v, "..") || strings.Contains(v, "@{") || strings.Contains(v, "//") ||
		strings.HasSuffix(v, "/") || strings.HasSuffix(v, ".") || strings.HasSuffix(v, ".lock") {
		return "is no branch name"
	}
	return ""
}

func checkApply(v string) string {
	switch Apply(v) {
	case BeforeMerge:
		return ""
	case AfterMerge:
		return "is not available yet; remove it, and apply with /apply before the merge"
	}
	return "must be before_merge"
}

// checkPlainText accepts what may stand behind -backend-config: one line of text.
func checkPlainText(v string) string {
	if len(v) > maxPathBytes {
		return "is too long"
	}
	if strings.ContainsFunc(v, unicode.IsControl) {
		return "must be one line without control characters"
	}
	return ""
}

func checkModuleSource(v string) string {
	switch {
	case v == "":
		return "" // the same as leaving it out
	case strings.HasPrefix(v, "-") || strings.ContainsFunc(v, unicode.IsSpace):
		return "is no module source"
	case onThisMachine(v):
		return "lies on the machine that runs Terraform, which no job may read"
	}
	return checkPlainText(v)
}

// checkDir accepts a path inside the repository that stands for itself; what it leads to is
// looked up in the commit's list of files, never on a disk.
func checkDir(v string) string {
	if wrong := checkPath(v); wrong != "" {
		return wrong
	}
	// "./~x" is "~x" once it is clean.
	if wrong := checkPath(path.Clean(v)); wrong != "" {
		return wrong
	}
	if slices.Contains(strings.Split(v, "/"), "..") {
		return `must not contain ".."; write the path from the repository's root`
	}
	return ""
}

// checkPath accepts a relative path of plain text without names that Terraform or git keep for themselves.
func checkPath(v string) string {
	switch {
	case v == "" || strings.TrimSpace(v) != v:
		return "is no path"
	case len(v) > maxPathBytes || !utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return !unicode.IsPrint(c) }):
		return "is too long for a path, or has characters that do not print"
	case strings.HasPrefix(v, "/") || strings.HasPrefix(v, "~"):
		return "must be a relative path"
	case strings.ContainsAny(v, `\:%$`):
		return `must not contain any of \ : % $; parts of a path are separated by /`
	case forbidden.Name(v) || slices.Contains(strings.Split(strings.ToLower(v), "/"), ".git"):
		return "has a name in it that Terraform or git keep for themselves"
	}
	return ""
}

// checkGlob accepts a doublestar pattern, with ! in front to take paths out again. The
// counts bound the work of matching.
func checkGlob(v string) string {
	glob := globOf(v)
	switch {
	case glob == "" || len(v) > maxGlobBytes:
		return "is empty or too long for a pattern"
	case strings.HasPrefix(glob, "/") || strings.ContainsFunc(glob, unicode.IsControl):
		return "must be relative to the project's directory"
	case strings.Count(glob, "**") > 4 || strings.Count(glob, "{") > 3:
		return "is too complicated; use at most four ** and three { }, or several patterns"
	case !doublestar.ValidatePattern(glob):
		return "is no pattern; see the section on when_changed in docs/lockkeeper-yml.md"
	}
	rest := glob
	for strings.HasPrefix(rest, "../") {
		rest = rest[len("../"):]
	}
	if slices.Contains(strings.Split(rest, "/"), "..") {
		return `may have ".." at its beginning only` // elsewhere it matches nothing: paths of a commit are clean
	}
	return ""
}

func globOf(pattern string) string { return strings.TrimPrefix(pattern, "!") }

// cleanDir gives a checked dir its one spelling, so that equal directories compare equal.
func cleanDir(dir string) string {
	if dir == "" {
		return ""
	}
	return path.Clean(dir)
}

// within joins rel to dir and tells whether the result is still inside the repository.
func within(dir, rel string) (string, bool) {
	if path.IsAbs(rel) {
		return "", false
	}
	p := path.Join(dir, rel)
	return p, p != ".." && !strings.HasPrefix(p, "../")
}

// elsewhere is what the keys of other tools' files are called here, or who decides it.
var elsewhere = map[string]string{
	"autoplan": "when_changed", "terraform_version": "terraform", "opentofu_version": "tofu", "depends_on": "after", "execution_order_group": "after",
	"directory": "dir", "path": "dir", "var_file": "var_files", "tfvars": "var_files", "ignore_paths": "exclude", "autodiscover": "discover",
	"apply_requirements": "", "plan_requirements": "", "import_requirements": "", "automerge": "", "delete_source_branch_on_merge": "", "repo_locks": "", "custom_policy_check": "",
	"workflow": "", "workflows": "", "allowed_regexp_prefixes": "", "parallel_plan": "", "parallel_apply": "", "policy_check": "", "silence_pr_comments": "", "abort_on_execution_order_fail": "",
}

// notYet are keys that later versions will have.
var notYet = []string{"ephemeral", "build"}

// hint is [yamlfile.Suggest], but for the keys that people bring from other tools, and those
// that come later.
func hint(typed string, known []string) string {
	if slices.Contains(notYet, typed) && slices.Contains(known, "var_files") {
		return "it is not available yet; remove it"
	}
	switch here, foreign := elsewhere[typed]; {
	case foreign && here == "":
		return "the server's config decides that (docs/server-config.md); remove it"
	case foreign && slices.Contains(known, here):
		return "did you mean " + here + "?"
	}
	return yamlfile.Suggest(typed, known)
}
