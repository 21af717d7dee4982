package project

import (
	"context"
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"

	"github.com/lockkeeper/lockkeeper/project/forbidden"
)

// Index remembers, per blob, what a Terraform file refers to, so that each version
// of a file is read and parsed once. It is safe for concurrent use; the zero
// value is empty and ready.
type Index struct {
	// CheckAll parses files too in which nothing can be a reference, so that [Graph.Problems]
	// is complete. lockkeeper validate wants that; a server does not, since terraform itself
	// will name the mistake. Set it before the first use.
	CheckAll bool

	mu      sync.RWMutex
	known   map[string]*facts // by factsKey; guarded by mu, the facts themselves never change
	configs map[string]Config // by blob of lockkeeper.yml; guarded by mu, read-only
}

// maxConfigs is how many parsed lockkeeper.yml an index keeps. Parsing 10,000 projects takes longer than
// all the rest of finding out which of them are touched.
const maxConfigs = 32

// pruneAbove is how many facts an index holds, in multiples of those the newest graph uses, before
// it forgets the rest. The constant part keeps small repositories from forgetting each other.
const (
	pruneFactor = 4
	pruneFloor  = 100_000
)

// Graph reads what is new in tree and returns how its directories refer to each other.
// Broken files do not fail it: see [Graph.Problems].
func (ix *Index) Graph(ctx context.Context, tree Tree) (*Graph, error) {
	files, err := tree.Files(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the files of a commit: %w", err)
	}
	lacking, err := tree.Submodules(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the submodules of a commit: %w", err)
	}
	links, err := ix.links(ctx, tree, files)
	if err != nil {
		return nil, err
	}
	sources := withLinked(configurationFiles(files), files, links)
	found, err := ix.facts(ctx, tree, sources)
	if err != nil {
		return nil, err
	}
	templates, err := ix.templates(ctx, tree, files, links, sources, found)
	if err != nil {
		return nil, fmt.Errorf("reading the templates of a commit: %w", err)
	}
	return newGraph(ix, files, newSubmodules(files, lacking), links, sources, found, templates), nil
}

// facts returns what the files say, in their order, and reads those that are new.
func (ix *Index) facts(ctx context.Context, tree Tree, sources []File) ([]*facts, error) {
	found, missing := ix.lookUp(sources)
	if len(missing) == 0 {
		return found, nil
	}
	fresh, err := ix.read(ctx, tree, missing)
	if err != nil {
		return nil, err
	}
	for i, f := range sources {
		if found[i] == nil {
			found[i] = fresh[factsKey(f)]
		}
	}
	ix.remember(fresh, sources, found)
	return found, nil
}

// configurationFiles returns the regular files that Terraform or OpenTofu would load as configuration or as values of variables.
func configurationFiles(files []File) []File {
	var sources []File
	for _, f := range files {
		if f.Regular() && isConfiguration(f.Path) && !forbidden.Name(f.Path) {
			sources = append(sources, f)
		}
	}
	return sources
}

func isConfiguration(name string) bool { return isTerraform(name) || isValues(name) }

func isTerraform(name string) bool {
	name = strings.TrimSuffix(name, ".json")
	return strings.HasSuffix(name, ".tf") || strings.HasSuffix(name, ".tofu")
}

// isValues tells files of variables' values.
func isValues(name string) bool {
	return strings.HasSuffix(strings.TrimSuffix(name, ".json"), ".tfvars")
}

// isAuto tells those that terraform loads by itself from the root module's directory (Terraform language, "Variable Definitions Files").
func isAuto(base string) bool {
	base = strings.TrimSuffix(base, ".json")
	return base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars")
}

// factsKey tells blobs apart that are read in different syntaxes.
func factsKey(f File) string {
	switch {
	case f.Mode&modeTypes == ModeSymlink:
		return f.Blob + "l"
	case isValues(f.Path):
		return f.Blob + "v" + strings.TrimPrefix(path.Ext(f.Path), ".tfvars")
	}
	if path.Ext(f.Path) == ".json" {
		return f.Blob + "j"
	}
	return f.Blob
}

// lookUp returns the facts of each source, nil where they are not known, and one file per unknown blob.
func (ix *Index) lookUp(sources []File) (found []*facts, missing []File) {
	found = make([]*facts, len(sources))
	asked := map[string]bool{}
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	for i, f := range sources {
		key := factsKey(f)
		if known := ix.known[key]; known != nil && !(ix.CheckAll && known.Skipped) {
			found[i] = known
			continue
		}
		if !asked[key] {
			asked[key] = true
			missing = append(missing, f)
		}
	}
	return found, missing
}

func (ix *Index) read(ctx context.Context, tree Tree, missing []File) (map[string]*facts, error) {
	fresh := make(map[string]*facts, len(missing))
	err := tree.Read(ctx, missing, func(f File, data []byte) error {
		got := facts{}
		switch {
		case f.Regular():
			got = readFacts(f.Path, data, ix.CheckAll)
		case len(data) <= maxLinkBytes:
			got.Link = string(data)
		}
		fresh[factsKey(f)] = &got
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("reading %d Terraform files: %w", len(missing), err)
	}
	for _, f := range missing {
		if fresh[factsKey(f)] == nil {
			return nil, fmt.Errorf("reading Terraform files: the commit did not give the contents of %s", f.Path)
		}
	}
	return fresh, nil
}

// remember adds fresh facts, and forgets all but the newest commit's once there are too many.
func (ix *Index) remember(fresh map[string]*facts, sources []File, found []*facts) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.known == nil {
		ix.known = map[string]*facts{}
	}
	maps.Copy(ix.known, fresh)
	if len(ix.known) <= pruneFloor+pruneFactor*len(sources) {
		return
	}
	ix.known = make(map[string]*facts, len(sources))
	for i, f := range sources {
		ix.known[factsKey(f)] = found[i]
	}
}

func (ix *Index) config(blob string) (Config, bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	cfg, ok := ix.configs[blob]
	return cfg, ok
}

func (ix *Index) rememberConfig(blob string, cfg Config) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.configs == nil || len(ix.configs) >= maxConfigs {
		ix.configs = map[string]Config{}
	}
	ix.configs[blob] = cfg
}
