package project

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// LoadOptions carries what the repository cannot say itself.
type LoadOptions struct {
	DefaultBranch string // becomes the Branch of projects without one; "" leaves them on every branch
}

// ConfigChanged tells that the pull request with these changed paths changes
// lockkeeper.yml. Such a change takes effect after the merge: until then the base
// branch's file counts.
func ConfigChanged(changed []string) bool { return slices.Contains(changed, ConfigFile) }

// Load returns the projects of a repository: from lockkeeper.yml of the base commit,
// with the root modules of the head commit (and those that the head commit deletes) that its
// discover takes; or, where the base has no such file, every one of them.
// The head's own lockkeeper.yml never counts. Mistakes in the file come back as [Problems].
func Load(ctx context.Context, base Tree, head *Graph, opts LoadOptions) (Config, error) {
	files, err := base.Files(ctx)
	if err != nil {
		return Config{}, fmt.Errorf("listing the files of the base commit: %w", err)
	}
	cfg, err := load(ctx, base, files, head)
	if err != nil {
		return Config{}, err
	}
	cfg.Projects = slices.Clone(cfg.Projects) // the index keeps the original
	for i := range cfg.Projects {
		if cfg.Projects[i].Branch == "" {
			cfg.Projects[i].Branch = opts.DefaultBranch
		}
	}
	return cfg, nil
}

func load(ctx context.Context, base Tree, files []File, head *Graph) (Config, error) {
	if f, ok := fileAt(files, ConfigFile); ok {
		cfg, err := loadFile(ctx, base, f, head.index)
		if err != nil || cfg.Discover == nil {
			return cfg, err
		}
		f, err := cfg.find(ctx, base, files, head)
		if err != nil {
			return cfg, err
		}
		cfg.Projects = slices.Concat(cfg.Projects, f.projects()) // which leaves some
		cfg.left, cfg.apart, cfg.idle = f.left, f.apart, f.idle
		return cfg, nil
	}
	// Silence about a slip in the file's name would mean other projects, environments and rules than those written down.
	if f, ok := misnamed(files); ok {
		return Config{}, Problems{{File: f.Path, Message: "is not read; rename it to " + ConfigFile}}
	}
	everything := Config{Version: 1, Discover: &Discover{Include: []Include{everyDirectory}}}
	f, err := everything.find(ctx, base, files, head)
	if err != nil {
		return Config{}, err
	}
	return Config{Version: 1, Projects: f.projects()}, nil
}

// misnamed finds a file that is called almost like lockkeeper.yml.
func misnamed(files []File) (File, bool) {
	for _, slip := range []string{"lockkeeper.yaml", ".lockkeeper.yml", ".lockkeeper.yaml"} {
		if f, ok := fileAt(files, slip); ok {
			return f, true
		}
	}
	return File{}, false
}

func fileAt(files []File, name string) (File, bool) {
	i, ok := slices.BinarySearchFunc(files, name, func(f File, name string) int { return strings.Compare(f.Path, name) })
	if !ok {
		return File{}, false
	}
	return files[i], true
}

func loadFile(ctx context.Context, base Tree, f File, ix *Index) (cfg Config, err error) {
	if !f.Regular() {
		return Config{}, Problems{{File: f.Path, Message: "must be a plain file, not a symlink or submodule"}}
	}
	if cfg, ok := ix.config(f.Blob); ok {
		return cfg, nil
	}
	err = base.Read(ctx, []File{f}, func(f File, data []byte) error {
		cfg, err = Parse(f.Path, data)
		return err
	})
	if err != nil {
		return Config{}, fmt.Errorf("reading %s of the base commit: %w", f.Path, err)
	}
	if cfg.Source == "" {
		return Config{}, fmt.Errorf("reading %s of the base commit: its contents were not given", f.Path)
	}
	ix.rememberConfig(f.Blob, cfg)
	return cfg, nil
}
