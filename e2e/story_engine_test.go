package e2e

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/klauspost/compress/zstd"
	"github.com/zclconf/go-cty/cty"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/longtest"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox/demo"
)

// standIn has terraform's work done without it, unless everything is to be tried. It
// comes before serve.
func (s *stage) standIn() {
	if !longtest.On() {
		s.engine = s.engineWithoutTerraform()
	}
}

// engineWithoutTerraform stands in for terraform in stories that are not about it.
// What a project wants is what its code names, what is there is what the demo's
// code names, and an apply writes it into the project's state. It goes on when its
// server ends.
func (s *stage) engineWithoutTerraform() func(*artifact.Dir) run.Backend {
	infra := backendtest.NewInfra()
	base := map[string]string{}
	for name, content := range demo.Files() {
		base[name] = string(content)
	}
	known := map[string]bool{}
	var source *artifact.Dir
	infra.Read = func(ctx context.Context, doc run.JobDocument) (backendtest.Resources, error) {
		if project := doc.Project.Name; !known[project] {
			known[project] = true
			has := backendtest.Resources{}
			if _, applied := demo.States()[project]; applied {
				if err := addResources(has, "", base, doc.Project.Dir); err != nil {
					return nil, err
				}
			}
			infra.Begin(project, has)
		}
		files, err := archived(ctx, source, doc.Source)
		if err != nil {
			return nil, err
		}
		wants := backendtest.Resources{}
		return wants, addResources(wants, "", files, doc.Project.Dir)
	}
	infra.Applied = func(project string, has backendtest.Resources) error {
		return writeState(filepath.Join(s.dir, "states", project+".tfstate"), has)
	}
	return func(artifacts *artifact.Dir) run.Backend {
		source, infra.Put = artifacts, artifacts.Put
		return infra
	}
}

// archived are the files of a source.
func archived(ctx context.Context, dir *artifact.Dir, source run.Artifact) (map[string]string, error) {
	packed, err := dir.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	plain, err := zstd.NewReader(packed)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	files := map[string]string{}
	for in := tar.NewReader(plain); ; {
		entry, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(in)
		if err != nil {
			return nil, err
		}
		files[entry.Name] = string(content)
	}
}

// addResources adds what the code in a directory names, and that of its modules:
// by address what a resource's input says, or all that is written of it.
func addResources(all backendtest.Resources, prefix string, files map[string]string, dir string) error {
	for name, text := range files {
		if path.Dir(name) != dir || path.Ext(name) != ".tf" {
			continue
		}
		file, problems := hclsyntax.ParseConfig([]byte(text), name, hcl.InitialPos)
		if problems.HasErrors() {
			return problems
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks {
			switch block.Type {
			case "resource":
				all[prefix+strings.Join(block.Labels, ".")] = written(block, text)
			case "module":
				from, _ := block.Body.Attributes["source"].Expr.Value(nil)
				if err := addResources(all, prefix+"module."+block.Labels[0]+".", files, path.Join(dir, from.AsString())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func written(block *hclsyntax.Block, text string) string {
	if input := block.Body.Attributes["input"]; input != nil {
		if v, problems := input.Expr.Value(nil); !problems.HasErrors() && v.Type() == cty.String {
			return v.AsString()
		}
	}
	at := block.Range()
	return text[at.Start.Byte:block.CloseBraceRange.End.Byte]
}

// writeState writes as much of a state as stories look at.
func writeState(file string, has backendtest.Resources) error {
	type resource struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	state := struct {
		Resources []resource `json:"resources"`
	}{}
	for _, address := range slices.Sorted(maps.Keys(has)) {
		state.Resources = append(state.Resources, resource{address[strings.LastIndexByte(address, '.')+1:], has[address]})
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("writing a state: %w", err)
	}
	return os.WriteFile(file, text, 0o600)
}
