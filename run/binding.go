package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// bound is everything that fixes what a plan means (T21, T22). A field is bound
// here or named as free in the test.
type bound struct {
	RepositoryID int64          `json:"repository_id"`
	PullRequest  int            `json:"pull_request"`
	Commit       string         `json:"commit"`
	BaseCommit   string         `json:"base_commit"`
	Project      JobProject     `json:"project"`
	Environment  JobEnvironment `json:"environment"`
	Source       string         `json:"source"`
	Flags        []string       `json:"flags,omitempty"`
}

// Binding is a digest of everything in the document that fixes what a plan made
// from it means: 64 characters of lower-case hex. Documents with equal bindings
// may use each other's plans. A document has the same binding after it was
// stored as JSON.
//
// Free are the requester and the command, ids, fence, limits, rules of policy,
// the key of digests, the repository's name, the order of projects, and how many
// things terraform does at once.
func (d JobDocument) Binding() string {
	b := bound{
		RepositoryID: d.RepositoryID, PullRequest: d.PullRequest, Commit: d.Commit, BaseCommit: d.BaseCommit,
		Project: d.Project, Environment: d.Environment, Source: d.Source.SHA256,
	}
	b.Project.After, b.Project.AfterMerge = nil, false
	for _, f := range d.Flags {
		if !Parallelism(f) {
			b.Flags = append(b.Flags, f)
		}
	}
	text, err := json.Marshal(b) // maps in the order of their keys
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	digest := sha256.Sum256(append([]byte("lockkeeper plan 1\n"), text...))
	return hex.EncodeToString(digest[:])
}

// Parallelism reports whether a flag says how many things terraform does at
// once, which changes nothing about the result.
func Parallelism(flag string) bool {
	return strings.HasPrefix(strings.TrimLeft(flag, "-"), "parallelism=")
}
