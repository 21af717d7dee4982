package demo

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/project"
)

// The demo must be right in Lockkeeper's own eyes, not only in Terraform's.

func TestLockkeeperFindsNoMistake(t *testing.T) {
	for name, files := range map[string]map[string][]byte{"default branch": Files(), "first change": changedFiles()} {
		t.Run(name, func(t *testing.T) {
			config, graph := load(t, files)
			if err := project.Validate(config, graph); err != nil {
				t.Error(err)
			}
			if problems := graph.Problems(); len(problems) > 0 {
				t.Error(problems)
			}
		})
	}
}

func TestFirstChangeTouchesFourProjectsInOrder(t *testing.T) {
	config, graph := load(t, changedFiles())
	var touched []project.Project
	for _, match := range project.Affected(config, graph, slices.Sorted(maps.Keys(FirstChange().Files)), DefaultBranch) {
		touched = append(touched, match.Project)
	}
	stages, err := project.Order(touched)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	for _, stage := range stages {
		var names []string
		for _, p := range stage {
			names = append(names, p.Name)
		}
		got = append(got, names)
	}
	want := [][]string{{"orders-dev", "database-prod"}, {"cluster-prod"}, {"orders-prod"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func load(t *testing.T, files map[string][]byte) (project.Config, *project.Graph) {
	t.Helper()
	graph, err := (&project.Index{CheckAll: true}).Graph(t.Context(), tree(files))
	if err != nil {
		t.Fatal(err)
	}
	config, err := project.Load(t.Context(), tree(files), graph, project.LoadOptions{DefaultBranch: DefaultBranch})
	if err != nil {
		t.Fatal(err)
	}
	return config, graph
}

// tree is a commit that holds these files; a file's own path serves as its blob.
type tree map[string][]byte

func (t tree) Files(context.Context) ([]project.File, error) {
	var files []project.File
	for _, name := range slices.Sorted(maps.Keys(t)) {
		files = append(files, project.File{Path: name, Blob: name, Mode: 0o100644, Size: int64(len(t[name]))})
	}
	return files, nil
}

func (t tree) Read(_ context.Context, files []project.File, each func(project.File, []byte) error) error {
	for _, file := range files {
		if err := each(file, t[file.Path]); err != nil {
			return err
		}
	}
	return nil
}

func (t tree) Submodules(context.Context) ([]string, error) { return nil, nil }
