package project

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Checked is what can be said of a repository's own files.
type Checked struct {
	Config   Config
	Mistakes Problems // of lockkeeper.yml, then of what it points to
	Warnings Problems // what is no mistake but surprises people
	// Unread says that lockkeeper.yml does not tell which projects there are, so there may be
	// more mistakes.
	Unread bool
}

// Check loads the projects of a work tree and validates them. A mistake hides no other one:
// what could be read of lockkeeper.yml is compared with the files all the same.
func Check(ctx context.Context, tree Tree, graph *Graph) (Checked, error) {
	cfg, err := Load(ctx, tree, graph, LoadOptions{})
	mistakes, wrong := errors.AsType[Problems](err)
	if err != nil && !wrong {
		return Checked{}, err
	}
	out := Checked{Config: cfg, Mistakes: mistakes}
	if wrong {
		var slip Problems
		if out.Config, slip, err = loadPartly(ctx, tree, graph); err != nil {
			return Checked{}, err
		}
		out.Mistakes = slices.Concat(mistakes, slip)
		out.Unread = out.Config.Source == "" || out.Config.isRefused("discover") || out.Config.isRefused("projects")
	}
	more, wrong := errors.AsType[Problems](Validate(out.Config, graph))
	if wrong {
		out.Mistakes = slices.Concat(out.Mistakes, more)
	}
	ofFile := func(p Problem) int {
		if p.File == out.Config.Source {
			return p.Line - 1<<30
		}
		return 0
	}
	slices.SortStableFunc(out.Mistakes, func(a, b Problem) int { return ofFile(a) - ofFile(b) })
	out.Warnings = Warnings(out.Config, graph)
	return out, nil
}

// loadPartly is Load of a lockkeeper.yml with mistakes, or of one with another name, whose
// mistakes it returns.
func loadPartly(ctx context.Context, tree Tree, graph *Graph) (cfg Config, slip Problems, err error) {
	files, err := tree.Files(ctx)
	if err != nil {
		return Config{}, nil, err
	}
	f, ok := fileAt(files, ConfigFile)
	misnamed, isMisnamed := misnamed(files)
	if isMisnamed = isMisnamed && !ok; isMisnamed {
		f, ok = misnamed, true
	}
	if !ok || !f.Regular() {
		return Config{}, nil, nil
	}
	err = tree.Read(ctx, []File{f}, func(f File, data []byte) error {
		cfg, slip = parse(f.Path, data)
		return nil
	})
	if !isMisnamed {
		slip = nil // Load says them
	}
	if err != nil || cfg.Discover == nil || cfg.isRefused("discover") {
		return cfg, slip, err
	}
	found, err := cfg.find(ctx, tree, files, graph)
	if _, wrong := errors.AsType[Problems](err); wrong {
		return cfg, slip, nil // Load said so
	}
	if err == nil {
		cfg.Projects = slices.Concat(cfg.Projects, found.projects())
	}
	return cfg, slip, err
}

// places are the keys of the n values of a list. A value that was refused is not among
// them, unless it is wrong only together with another one.
func (cfg Config) places(list string, n int) (all []string) {
	var accepted []string
	for i := 0; i < n || cfg.lines[fmt.Sprintf("%s[%d]", list, i)] > 0; i++ {
		at := fmt.Sprintf("%s[%d]", list, i)
		if all = append(all, at); !cfg.isRefused(at) {
			accepted = append(accepted, at)
		}
	}
	switch n {
	case len(all):
		return all
	case len(accepted):
		return accepted
	}
	return nil
}

// isRefused tells that a value of the file, or one in it, was refused.
func (cfg Config) isRefused(key string) bool {
	return slices.ContainsFunc(cfg.refused, func(p Problem) bool {
		rest, below := strings.CutPrefix(p.Key, key)
		if key == "projects" || !below {
			return p.Key == key // a project that is refused is known as one
		}
		return rest == "" || rest[0] == '.' || rest[0] == '['
	})
}
