package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
)

// Environments are the names that a server's config defines.
type Environments struct {
	Names   []string // sorted
	Default string   // of projects that name none; empty when there is none: such projects are refused
}

// ReadEnvironments reads them alone. Nothing else of the file is judged, and no secret is
// read: anyone who writes lockkeeper.yml has a copy at most. Its error is a [Problems] when
// the content is wrong.
func ReadEnvironments(path string) (out Environments, err error) {
	text, err := readFile(path)
	if err != nil {
		return out, fmt.Errorf("reading the server config: %w", err)
	}
	var file struct {
		Default      string         `yaml:"default_environment"`
		Environments map[string]any `yaml:"environments"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		cfg := defaults()
		if r := read(path, text, &cfg); len(r.Problems) > 0 {
			return out, sorted(r.Problems)
		}
		return out, fmt.Errorf("reading the environments of %s: %w", path, err)
	}
	return Environments{Names: slices.Sorted(maps.Keys(file.Environments)), Default: file.Default}, nil
}
