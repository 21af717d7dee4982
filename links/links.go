// Package links finds out where symbolic links of a tree lead, from a list of
// them: nothing is looked up on a disk.
//
// Its place in the flow: package pull asks it which links of a commit may be in a
// source archive, package artifact which of an archive may be made, the runner
// which file a name stands for. It must know nothing of git, archives or jobs.
package links

import (
	"errors"
	"path"
	"strings"
)

// MaxTarget is how long the text of a link may be, in bytes (PATH_MAX).
const MaxTarget = 4096

// Bounds of one path: links, as in Linux (path_resolution(7)), and parts.
const (
	maxLinks = 40
	maxParts = 4096
)

// ErrLeaves means that a link leads out of the tree.
var ErrLeaves = errors.New("the link leads out of the tree")

// ErrLoop means that links lead in a circle, or too far to be followed. They
// lead to nothing, wherever the tree is.
var ErrLoop = errors.New("the links lead in a circle")

// Set is the text of every link of a tree, by the link's path from its root.
type Set map[string]string

// Resolve follows every link in a path from the root of the tree, as the system
// does: ".." is the parent of where a link leads, not of the link. Parts that are
// no links are taken for directories, whether they exist or not. The result is
// clean and, without an error, inside of the tree.
func (s Set) Resolve(name string) (string, error) {
	return Resolve(name, func(at string) (string, bool) { to, isLink := s[at]; return to, isLink })
}

// Resolve is Set.Resolve for links that are looked up one by one.
func Resolve(name string, link func(at string) (to string, isLink bool)) (string, error) {
	var at []string
	left := strings.Split(name, "/")
	followed, parts := 0, 0
	for len(left) > 0 {
		part := left[0]
		left = left[1:]
		if parts++; parts > maxParts {
			return "", ErrLoop
		}
		switch part {
		case "", ".":
			continue
		case "..":
			if len(at) == 0 {
				return "", ErrLeaves
			}
			at = at[:len(at)-1]
			continue
		}
		at = append(at, part)
		to, isLink := link(strings.Join(at, "/"))
		if !isLink {
			continue
		}
		if followed++; followed > maxLinks {
			return "", ErrLoop
		}
		if path.IsAbs(to) {
			return "", ErrLeaves
		}
		at = at[:len(at)-1]
		left = append(strings.Split(to, "/"), left...)
	}
	if len(at) == 0 {
		return ".", nil
	}
	return strings.Join(at, "/"), nil
}

// Check says why a link may not be in a tree, nil when it may: ErrLeaves, or that
// its text is none. One that leads to nothing, or in a circle, is as it is in a
// checkout.
func (s Set) Check(link string) error {
	to := s[link]
	switch {
	case to == "" || len(to) > MaxTarget || strings.ContainsRune(to, 0):
		return errors.New("the text of the link is not a path")
	case path.IsAbs(to):
		return ErrLeaves
	}
	if _, err := s.Resolve(link); errors.Is(err, ErrLeaves) {
		return err
	}
	return nil
}
