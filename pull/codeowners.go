package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hmarr/codeowners"

	"github.com/lockkeeper/lockkeeper/project"
)

// codeOwnersFiles are where GitHub looks, in its order; the first counts
// (GitHub documentation, "About code owners").
var codeOwnersFiles = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}

// maxCodeOwnersBytes is the size beyond which GitHub takes no notice of the
// file ("About code owners", "CODEOWNERS file size").
const maxCodeOwnersBytes = 3 << 20

// CodeOwners says who owns which files of a commit.
type CodeOwners struct {
	file  string // "" when there is none
	lines []ownersLine
}

type ownersLine struct {
	text string
	rule *codeowners.Rule // nil when the line says nothing
	err  error            // when it cannot be read
}

// CodeOwnersError is a CODEOWNERS file that only people can fix.
type CodeOwnersError struct {
	File string
	Line int // 0 when the whole file is meant
	Err  error
}

func (e *CodeOwnersError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("reading %s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("reading %s: line %d: %v", e.File, e.Line, e.Err)
}

func (e *CodeOwnersError) Unwrap() error { return e.Err }

// CodeOwners reads the CODEOWNERS file of a commit. No file is no error: nobody
// owns anything then.
func (t *Tree) CodeOwners(ctx context.Context) (CodeOwners, error) {
	files, err := t.Files(ctx)
	if err != nil {
		return CodeOwners{}, err
	}
	for _, name := range codeOwnersFiles {
		i, found := slices.BinarySearchFunc(files, name, func(f project.File, name string) int { return strings.Compare(f.Path, name) })
		if !found {
			continue
		}
		if !files[i].Regular() {
			return CodeOwners{}, &CodeOwnersError{File: name, Err: errors.New("it is a symlink or a submodule")}
		}
		owners := CodeOwners{file: name}
		err := t.Read(ctx, files[i:i+1], func(_ project.File, content []byte) error {
			if len(content) > maxCodeOwnersBytes {
				return &CodeOwnersError{File: name, Err: fmt.Errorf("it has %d bytes, and GitHub takes no notice of more than %d", len(content), maxCodeOwnersBytes)}
			}
			for text := range strings.SplitSeq(string(content), "\n") {
				rule, err := parseOwners(text)
				owners.lines = append(owners.lines, ownersLine{text, rule, err})
			}
			return nil
		})
		if err != nil {
			return CodeOwners{}, fmt.Errorf("reading %s: %w", name, err)
		}
		return owners, nil
	}
	return CodeOwners{}, nil
}

// Of returns the owners of a directory as they are written: @login, @org/team or
// an e-mail address. They are those of a Terraform file in it that has no line
// of its own. The last line that matches counts, and one without owners means
// nobody. A line that cannot be read, and that could match, is an error: what it
// would say is not known.
func (c CodeOwners) Of(dir string) ([]string, error) {
	file := path.Join(dir, "file-without-a-line-of-its-own.tf")
	if !fs.ValidPath(file) {
		return nil, fmt.Errorf("looking for the owners of %q: it is not a directory of a repository", dir)
	}
	for i, line := range slices.Backward(c.lines) {
		if line.err != nil && couldMatch(line.text, file) {
			return nil, &CodeOwnersError{File: c.file, Line: i + 1, Err: fmt.Errorf("it may be about %s: %w", dir, line.err)}
		}
		if line.rule == nil {
			continue
		}
		matches, err := line.rule.Match(file)
		if err != nil {
			return nil, &CodeOwnersError{File: c.file, Line: i + 1, Err: err}
		}
		if matches {
			owners := make([]string, len(line.rule.Owners))
			for i, owner := range line.rule.Owners {
				owners[i] = owner.String()
			}
			return owners, nil
		}
	}
	return nil, nil
}

// parseOwners reads one line; nil for one that says nothing.
func parseOwners(line string) (*codeowners.Rule, error) {
	if len(line) > maxPatternBytes {
		return nil, errors.New("it is too long")
	}
	rules, err := codeowners.ParseFile(strings.NewReader(line))
	var written []string
	if err != nil {
		// The library knows fewer e-mail addresses than there are. They name nobody here, whatever they are.
		line, written = withKnownAddresses(line)
		rules, err = codeowners.ParseFile(strings.NewReader(line))
	}
	if err != nil || len(rules) == 0 {
		return nil, err
	}
	for i, owner := range rules[0].Owners { // people read them
		if owner.Type == codeowners.EmailOwner && len(written) > 0 {
			rules[0].Owners[i].Value, written = written[0], written[1:]
		}
	}
	return &rules[0], nil
}

// withKnownAddresses is a line in which each owner that is an e-mail address is one
// that the library knows, and the addresses as they are written.
func withKnownAddresses(line string) (known string, written []string) {
	words := strings.Fields(line)
	for i := 1; i < len(words) && !strings.HasPrefix(words[i], "#"); i++ {
		before, after, isAddress := strings.Cut(words[i], "@")
		if isAddress && before != "" && after != "" && !strings.HasSuffix(words[i-1], `\`) { // else a part of the pattern
			written = append(written, words[i])
			words[i] = "somebody@example.com"
		}
	}
	return strings.Join(words, " "), written
}

// maxPatternBytes is far more than a line needs; the parser skips lines that are
// much longer.
const maxPatternBytes = 16 << 10

// couldMatch reports whether a line that cannot be read may be about a file: it
// may not when it begins at the root with other characters.
func couldMatch(line, file string) bool {
	pattern, ok := strings.CutPrefix(strings.TrimSpace(line), "/")
	if !ok {
		return true
	}
	if end := strings.IndexAny(pattern, "*?[]{}!\\# \t^$"); end >= 0 {
		pattern = pattern[:end]
	}
	return strings.HasPrefix(file, pattern)
}
