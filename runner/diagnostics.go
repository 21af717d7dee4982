package runner

import (
	"io/fs"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// Bounds of what is reported of an error that points to a place in a file.
const (
	mostDiagnostics = 50  // GitHub takes no more annotations with one request
	diagnosticTitle = 200 // bytes
	diagnosticText  = 1000
)

// place is the line with which terraform says where an error is; the file is relative to
// the directory that it runs in.
var place = regexp.MustCompile(`^  on (.+) line (\d+)(,.*)?:$`)

// locate reads the errors in a detail, as terraform prints them:
//
//	Error: Unsupported argument
//
//	  with terraform_data.a,
//	  on main.tf line 2, in resource "terraform_data" "a":
//	   2:   inputs = 3
//
//	An argument named "inputs" is not expected here.
//
// It returns the detail with the paths of files as the repository has them, and what can
// be shown there. inCommit tells the plain files of the commit: about others, such as of
// modules from elsewhere, nothing is changed or located.
func locate(detail, dir string, inCommit func(name string) bool) (located string, list []run.Diagnostic) {
	var out []string
	var d *run.Diagnostic
	var below, text bool // the title; the lines that say where
	for line := range strings.Lines(detail) {
		line = strings.TrimSuffix(line, "\n")
		title, first := strings.CutPrefix(line, "Error: ")
		switch {
		case first:
			list = append(list, run.Diagnostic{Title: cut(title, diagnosticTitle)})
			d, below, text = &list[len(list)-1], false, false
		case d == nil || line == "" && !text:
			below = below || line == ""
		case below && !text && strings.HasPrefix(line, "  "):
			line = where(d, line, dir, inCommit)
		case below && len(d.Message) < diagnosticText:
			text, d.Message = true, cut(strings.TrimLeft(d.Message+"\n"+line, "\n"), diagnosticText)
		}
		out = append(out, line)
	}
	for i := range list {
		list[i].Message = strings.TrimSpace(list[i].Message)
	}
	return strings.Join(out, "\n"), list[:min(len(list), mostDiagnostics)]
}

// where reads one of the lines that say where an error is, and returns it as people
// should see it.
func where(d *run.Diagnostic, line, dir string, inCommit func(string) bool) string {
	if address, is := strings.CutPrefix(line, "  with "); is {
		d.Address = cut(strings.TrimSuffix(address, ","), diagnosticTitle)
	}
	m := place.FindStringSubmatch(line)
	if m == nil || d.Path != "" {
		return line
	}
	name := path.Join(dir, m[1])
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 || n > math.MaxInt32 || !fs.ValidPath(name) || !inCommit(name) {
		return line
	}
	d.Path, d.Line = name, n
	return "  on " + name + " line " + m[2] + m[3] + ":"
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}

// located is a problem whose output names files as the repository does, and its errors.
func (j *job) located(p *run.Problem) (*run.Problem, []run.Diagnostic) {
	if p == nil || j.tree == nil || !strings.Contains(p.Detail, "Error: ") {
		return p, nil
	}
	out := *p
	detail, list := locate(p.Detail, path.Clean(j.doc.Project.Dir), j.inCommit)
	out.Detail = cut(detail, maxDetail)
	return &out, list
}

// inCommit reports whether the commit has a plain file under a name, as far as is known.
// Of a tree that an apply unpacked for itself nothing was noted: there, what lies in it is
// looked at. More than where a mark is shown does not follow from it.
func (j *job) inCommit(name string) bool {
	if j.commit.shared != nil || j.commit.plain != nil {
		return j.commit.has(name) == plainFile
	}
	info, err := j.tree.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}
