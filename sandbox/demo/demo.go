// Package demo holds the repository that the sandbox starts with: the
// infrastructure of a small company, the Terraform states as if it had been
// applied, and one open pull request. All of it is real files, embedded.
//
// Every resource is Terraform's built-in terraform_data, so nothing is
// downloaded to plan it. The package runs nothing and knows neither GitHub nor
// Lockkeeper; its tests run the real Terraform over it.
package demo

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

// Where the demo repository lives and who works on it. Author and Reviewer may
// write to the repository, Outsider may only read it.
const (
	Owner         = "acme"
	Repository    = "infrastructure"
	DefaultBranch = "main"

	Author   = "ana-author"
	Reviewer = "rui-reviewer"
	Outsider = "sam-outsider"
)

// Teams lists the members of each team of Owner that CODEOWNERS names.
func Teams() map[string][]string {
	return map[string][]string{
		"platform":   {Author, Reviewer},
		"production": {Reviewer},
	}
}

//go:embed all:repository
var repository embed.FS

//go:embed states
var states embed.FS

// Files returns the default branch: content by slash-separated path. The map
// and its values belong to the caller.
func Files() map[string][]byte {
	return read(repository, "repository")
}

// States returns the Terraform state of each project on the default branch, by
// project name as lockkeeper.yml has it. Planning the default branch over them
// finds nothing to do. They are written by `go test ./sandbox/demo -update` and
// readable by Terraform and OpenTofu from 1.6 on.
func States() map[string][]byte {
	byProject := map[string][]byte{}
	for name, state := range read(states, "states") {
		byProject[strings.TrimSuffix(name, path.Ext(name))] = state
	}
	return byProject
}

// read returns all files below root. Reading what is embedded cannot go wrong
// unless the directive above is wrong, and then it does so at once.
func read(files embed.FS, root string) map[string][]byte {
	contents := map[string][]byte{}
	err := fs.WalkDir(files, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := files.ReadFile(name)
		contents[strings.TrimPrefix(name, root+"/")] = content
		return err
	})
	if err != nil {
		panic(err)
	}
	return contents
}
