package project

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// Limits of lockkeeper.yml. They bound what a damaged or hostile file can cost, far
// above what people write.
const (
	maxConfigBytes = 4 << 20
	maxProjects    = 20_000
	maxListItems   = 1_000
	maxLineBytes   = 4 << 10
	maxFlowDepth   = 8
	maxKeys        = 200
	maxProblems    = 100
)

// Parse reads a lockkeeper.yml strictly and fills in the defaults. name is used in messages.
// The error is a [Problems] that names every mistake with its line.
func Parse(name string, data []byte) (Config, error) {
	cfg, problems := parse(name, data)
	if len(problems) > 0 {
		return Config{}, problems
	}
	return cfg, nil
}

// parse is Parse of what there is: with mistakes, the values that were refused are left
// out. A Config without a Source is of a file whose form is none.
func parse(name string, data []byte) (Config, Problems) {
	r := &reader{yamlfile.New(name, yamlfile.Limits{Bytes: maxConfigBytes, LineBytes: maxLineBytes, Depth: maxFlowDepth, Keys: maxKeys})}
	r.Hint = hint
	body := r.Root(data)
	if body == nil && len(r.Problems) == 0 {
		r.Note(1, "", `is empty; it needs "version: 1" and "projects:", or leave the file out`)
	}
	if len(r.Problems) > 0 {
		return Config{}, r.Problems
	}
	cfg := r.config(body)
	cfg.Source, cfg.lines = name, r.Lines
	r.Problems = append(r.Problems, relations(cfg)...)
	if len(r.Problems) > 0 {
		cfg.refused = r.Problems
		slices.SortStableFunc(r.Problems, func(a, b Problem) int { return a.Line - b.Line })
		return cfg, r.Problems.First(maxProblems)
	}
	return cfg, nil
}
