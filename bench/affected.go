package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"time"

	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const directories = 10_000

// affected measures how long it takes to tell which of 10,000 projects a pull
// request touches, from a mirror that has the commits and an index that has
// seen the base.
func (b *bencher) affected(ctx context.Context) ([]row, error) {
	files := github.Files{"modules/m/main.tf": "resource \"terraform_data\" \"m\" {}\n"}
	for i := range directories {
		files[fmt.Sprintf("live/%02d/%04d/main.tf", i%100, i)] = fmt.Sprintf(root, fmt.Sprint(i)) + "module \"m\" {\n  source = \"../../../modules/m\"\n}\n"
	}
	d, err := github.New(github.Options{Dir: filepath.Join(b.dir, "large"), App: github.App{ID: appID, Slug: "lockkeeper"}})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	srv := httptest.NewServer(d.Handler())
	defer srv.Close()
	d.SetBaseURL(srv.URL)
	if err := seed(d, files); err != nil {
		return nil, err
	}
	mirrors := &pull.Mirrors{Dir: filepath.Join(b.dir, "large-mirror")}
	mirror, err := mirrors.Open(ctx, 1)
	if err != nil {
		return nil, err
	}
	index := new(project.Index)
	var warm []time.Duration
	var cold time.Duration
	base := ""
	for i := range b.rounds + 1 {
		// A new commit each time: nothing of the head has been seen before.
		head, err := d.As(person).Push(repository, "topic", "change", github.Files{
			fmt.Sprintf("live/%02d/%04d/main.tf", i%100, i): fmt.Sprintf(root, "changed")})
		if err != nil {
			return nil, err
		}
		if base == "" {
			if base, err = parent(d); err != nil {
				return nil, err
			}
		}
		remote := pull.Remote{URL: srv.URL + "/" + repository + ".git", Token: func(context.Context, string) (string, error) { return d.As(person).Token(), nil }}
		if err := mirror.Fetch(ctx, remote, head, base); err != nil {
			return nil, err
		}
		began := time.Now()
		n, err := touched(ctx, mirror, index, base, head)
		if err != nil {
			return nil, err
		}
		if n != i+1 {
			return nil, fmt.Errorf("found %d affected projects, want %d", n, i+1)
		}
		if i == 0 {
			cold = time.Since(began)
			continue
		}
		warm = append(warm, time.Since(began))
	}
	return []row{measured("affected projects of 10,000, warm mirror", median(warm), "ms", 300, fmt.Sprintf("%d ms with a cold index", cold.Milliseconds()))}, nil
}

// parent is the commit that main points to.
func parent(d *github.Double) (string, error) {
	n, err := d.As(person).OpenPull(repository, "topic", "main", "change", "", false)
	if err != nil {
		return "", err
	}
	view, err := d.Pull(repository, n)
	return view.BaseSHA, err
}

// touched is what preparing does between the fetch and the sources.
func touched(ctx context.Context, mirror *pull.Mirror, index *project.Index, base, head string) (int, error) {
	c, err := mirror.Compare(ctx, base, head)
	if err != nil {
		return 0, err
	}
	paths := make([]string, len(c.Changes))
	for i, change := range c.Changes {
		paths[i] = change.Path
	}
	headTree, err := mirror.Tree(ctx, head)
	if err != nil {
		return 0, err
	}
	baseTree, err := mirror.Tree(ctx, base)
	if err != nil {
		return 0, err
	}
	graph, err := index.Graph(ctx, headTree)
	if err != nil {
		return 0, err
	}
	cfg, err := project.Load(ctx, baseTree, graph, project.LoadOptions{DefaultBranch: "main"})
	if err != nil {
		return 0, err
	}
	return len(project.Affected(cfg, graph, paths, "main")), nil
}
