package project

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"

	"github.com/gosimple/unidecode"
)

// checkFound says why a project cannot be what placeholders made of it.
func checkFound(p Project) string {
	if wrong := checkWorkspace(p.Workspace); wrong != "" {
		return "is left out: " + quote(p.Workspace) + " " + wrong
	}
	if wrong := checkEnvironment(p.Environment); p.Environment != "" && wrong != "" {
		return "is left out: " + quote(p.Environment) + " " + wrong
	}
	for _, name := range p.VarFiles {
		if _, ok := within(p.Dir, name); !ok || checkPath(name) != "" {
			return "is left out: the variable file " + quote(name) + " is no path inside of the repository"
		}
	}
	for _, value := range p.BackendConfig {
		if wrong := checkPlainText(value); wrong != "" {
			return "is left out: a value of backend_config " + wrong
		}
	}
	return ""
}

// projects gives those that were found their names. A pull request chooses names of directories and files, so it must not choose an
// environment by them that the base does not have.
func (f *finder) projects() []Project {
	environments := map[string]bool{}
	for _, p := range f.cfg.Projects {
		environments[p.Environment] = true
	}
	for _, p := range f.found {
		environments[p.Environment] = environments[p.Environment] || p.known
	}
	var out []Project
	for _, p := range f.found {
		if !p.known && !environments[p.Environment] {
			f.apart = append(f.apart, p.Dir)
			f.left = append(f.left, Problem{File: f.cfg.Source, Line: f.cfg.lines["discover"], Key: "discover", Message: fmt.Sprintf(
				"%s is for environment %s, which the base branch does not have; it is planned after the merge", quote(p.Dir), quote(p.Environment))})
			continue
		}
		out = append(out, p.Project)
	}
	var taken []string
	for _, p := range f.cfg.Projects {
		taken = append(taken, p.Name)
	}
	unique(out, taken)
	return out
}

var hashedForm = regexp.MustCompile(`(^|-)[0-9a-f]{12}$`)

// Hashed tells that the name of a project that was found ends in a checksum, as where several would have one name.
func (p Project) Hashed() bool { return p.Found && hashedForm.MatchString(p.Name) }

// named makes a project of each directory.
func named(dirs []string) []Project {
	projects := make([]Project, len(dirs))
	for i, dir := range dirs {
		projects[i] = Project{Name: plainName(dir), Dir: dir, Workspace: DefaultWorkspace, Apply: BeforeMerge, Found: true}
	}
	unique(projects, nil)
	return projects
}

// unique changes names that several projects have, that are taken, or that are none.
func unique(projects []Project, taken []string) {
	plain := make(map[string]int, len(projects))
	for _, name := range taken {
		plain[name]++
	}
	for _, p := range projects {
		plain[p.Name]++
	}
	for i, p := range projects {
		// A name that looks hashed is hashed too, so that nobody can take another project's name by naming a directory like it.
		if plain[p.Name] > 1 || !isName(p.Name) || hashedForm.MatchString(p.Name) {
			projects[i].Name = hashedName(p)
		}
	}
}

// plainName is a path as a project name, which two directories may share: other scripts are written in Latin letters.
func plainName(dir string) string {
	if dir == "." {
		return "root"
	}
	if strings.ContainsFunc(dir, func(c rune) bool { return c >= 0x80 }) {
		dir = strings.ReplaceAll(unidecode.Unidecode(dir), " /", "/") // a space follows each Chinese character
	}
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789._-", c) {
			return c
		}
		return '-'
	}, strings.ToLower(strings.TrimSpace(dir)))
	return strings.Trim(name, "._-")
}

// hashedName tells projects apart whose plain names are equal or too long. It depends on the
// project alone, so its name does not change when others come and go.
func hashedName(p Project) string {
	const most = 50
	identity := p.Dir
	if p.Workspace != DefaultWorkspace {
		identity += "\x00" + p.Workspace
	}
	sum := sha256.Sum256([]byte(identity))
	return strings.TrimLeft(fmt.Sprintf("%s-%x", p.Name[:min(len(p.Name), most)], sum[:6]), "-")
}
