package prepare

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// rulesPatience is how long the rules of a pull request may take to be checked.
const rulesPatience = 20 * time.Second

// rulesAtHead checks the rules that a pull request brings, when it changes them: with
// mistakes nothing could be judged after its merge. They are only read and compiled,
// by another process; those of the base branch go on judging.
func (p *Preparer) rulesAtHead(ctx context.Context, f *revision, changed []string) error {
	if p.CheckRules == nil || p.rulesChanged(changed) == "" {
		return nil
	}
	root, err := os.MkdirTemp("", "lockkeeper-rules-")
	if err != nil {
		return fmt.Errorf("checking the rules of a pull request: %w", err)
	}
	defer func() { _ = os.RemoveAll(root) }()
	dir := strings.TrimPrefix(path.Clean(p.PlanPolicy.Dir), "./")
	wrong, err := p.unpackRules(ctx, f.tree, root, dir)
	if err == nil && len(wrong) == 0 {
		ctx, cancel := context.WithTimeout(ctx, rulesPatience)
		defer cancel()
		wrong, err = p.CheckRules(ctx, root, dir)
	}
	if err != nil {
		return fmt.Errorf("checking the rules of a pull request: %w", err)
	}
	if len(wrong) == 0 {
		return nil
	}
	first := wrong[0]
	f.mistakes = append(f.mistakes, wrong...)
	f.notes = append(f.notes, fmt.Sprintf("The rules of this pull request in %s have %s, the first in %s: %s. Correct it before the merge: nothing would be planned after it.",
		markdown.Quote(p.PlanPolicy.Dir), mistakes(len(wrong)), markdown.Quote(lineOf(first)), markdown.Quote(first.Message)))
	return nil
}

func lineOf(m run.Diagnostic) string {
	if m.Line == 0 {
		return m.Path
	}
	return fmt.Sprintf("%s:%d", m.Path, m.Line)
}

// unpackRules writes the files of the rules below root. What cannot be used as one is
// a mistake.
func (p *Preparer) unpackRules(ctx context.Context, tree project.Tree, root, dir string) ([]run.Diagnostic, error) {
	all, err := tree.Files(ctx)
	if err != nil {
		return nil, err
	}
	chosen, link := ruleFilesOf(all, strings.TrimPrefix(dir+"/", "./"))
	if link != "" {
		return []run.Diagnostic{{Path: link, Message: "is a symbolic link, which Lockkeeper does not follow"}}, nil
	}
	if len(chosen) > maxRuleFiles {
		return []run.Diagnostic{{Path: dir, Message: fmt.Sprintf("has %d files, and at most %d are taken", len(chosen), maxRuleFiles)}}, nil
	}
	if err := os.MkdirAll(filepath.Join(root, filepath.FromSlash(dir)), 0o700); err != nil {
		return nil, err
	}
	total := 0
	var large []run.Diagnostic
	err = tree.Read(ctx, chosen, func(f project.File, content []byte) error {
		if total += len(content); total > maxRuleBytes {
			large = []run.Diagnostic{{Path: f.Path, Message: fmt.Sprintf("makes the rules larger than %d MiB", maxRuleBytes>>20)}}
			return nil
		}
		if !filepath.IsLocal(f.Path) { // no commit that was fetched has one
			return fmt.Errorf("writing %q: it leads out of the directory", f.Path)
		}
		file := filepath.Join(root, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		return os.WriteFile(file, bytes.Clone(content), 0o600)
	})
	return large, err
}
