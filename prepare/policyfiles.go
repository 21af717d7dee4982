package prepare

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
)

// PlanPolicy says where the rules are that plans are judged by. The zero value
// is no rules; at most one field is set.
type PlanPolicy struct {
	Dir    string // of the repository, read on the base branch; slash-separated
	Server string // directory of the server, absolute
}

// Bounds of the rules, so that they fit into what a job unpacks.
const (
	maxRuleFiles = 1000
	maxRuleBytes = 8 << 20
)

// ruleFile is one file of the rules, its name relative to their directory.
type ruleFile struct {
	name    string
	content []byte
}

// rules stores the rules that plans are judged by and returns where; nil when
// the server asks for none. They come from the base branch or from the server,
// never from the pull request (T08). That there are none is a *run.Problem.
func (p *Preparer) rules(ctx context.Context, mirror *pull.Mirror, baseSHA string) (*run.Artifact, error) {
	switch {
	case p.PlanPolicy.Server != "":
		files, err := serverRules(p.PlanPolicy.Server)
		if err != nil {
			return nil, fmt.Errorf("reading the rules of plan policy: %w", err)
		}
		return p.storeRules(ctx, contentKey(files), files)
	case p.PlanPolicy.Dir != "":
		base, err := mirror.Tree(ctx, baseSHA)
		if err != nil {
			return nil, err
		}
		return p.baseRules(ctx, base)
	}
	return nil, nil
}

// baseRules archives the rules of the base branch, the same ones once.
func (p *Preparer) baseRules(ctx context.Context, base project.Tree) (*run.Artifact, error) {
	all, err := base.Files(ctx)
	if err != nil {
		return nil, err
	}
	below := strings.TrimPrefix(path.Clean(p.PlanPolicy.Dir)+"/", "./")
	chosen, link := ruleFilesOf(all, below)
	if link != "" {
		return nil, p.rulesProblem("policy_refused", markdown.Quote(link)+" is a symbolic link, which Lockkeeper does not follow. Put the file itself there")
	}
	key := "rules " + below + " " + fingerprint(chosen)
	if a, ok := p.archives.get(key, p.Gate.Now()); ok {
		return &a.artifact, nil
	}
	if len(chosen) > maxRuleFiles {
		return nil, p.rulesProblem("policy_refused", fmt.Sprintf("it has %d files, and at most %d are taken. Move what is not for rules elsewhere", len(chosen), maxRuleFiles))
	}
	var files []ruleFile
	total := 0
	err = base.Read(ctx, chosen, func(f project.File, content []byte) error {
		if total += len(content); total > maxRuleBytes {
			return p.rulesProblem("policy_refused", fmt.Sprintf("with %s it has more than %d MiB. Move what is not for rules elsewhere", markdown.Quote(f.Path), maxRuleBytes>>20))
		}
		files = append(files, ruleFile{strings.TrimPrefix(f.Path, below), bytes.Clone(content)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.storeRules(ctx, key, files)
}

// ruleFilesOf are the files below a directory that rules are made of; link is one of
// them that is no file, if there is such.
func ruleFilesOf(all []project.File, below string) (chosen []project.File, link string) {
	for _, f := range all {
		name, inside := strings.CutPrefix(f.Path, below)
		switch {
		case !inside || !isRuleFile(name):
		case !f.Regular():
			return nil, f.Path
		default:
			chosen = append(chosen, f)
		}
	}
	return chosen, ""
}

// fingerprint is equal for equal files: git's object ids say so.
func fingerprint(files []project.File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%s\x00%o\n", f.Path, f.Blob, f.Mode)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// storeRules stores rules under their key, unless they were stored lately.
func (p *Preparer) storeRules(ctx context.Context, key string, files []ruleFile) (*run.Artifact, error) {
	if a, ok := p.archives.get(key, p.Gate.Now()); ok {
		return &a.artifact, nil
	}
	if !slices.ContainsFunc(files, func(f ruleFile) bool { return strings.HasSuffix(f.name, ".rego") }) {
		return nil, p.rulesProblem("policy_missing", "no rules are there (*.rego). Restore them")
	}
	archive, err := rulesArchive(files)
	if err != nil {
		return nil, fmt.Errorf("archiving the rules of plan policy: %w", err)
	}
	a, err := p.PutSource(ctx, bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("storing the rules of plan policy: %w", err)
	}
	p.archives.put(key, archived{artifact: a}, p.Gate.Now())
	return &a, nil
}

// isRuleFile is what the evaluator loads (rego.Load; a test compares): *.rego
// without tests, and data.
func isRuleFile(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	return path.Ext(name) == ".rego" && !strings.HasSuffix(name, "_test.rego") ||
		slices.Contains([]string{".json", ".yaml", ".yml"}, path.Ext(name))
}

// serverRules reads a directory of the server. Links are followed: whoever runs
// the server made them, as Kubernetes does for everything in a ConfigMap.
func serverRules(dir string) ([]ruleFile, error) {
	w := serverWalk{dir: dir}
	err := w.below("")
	return w.files, err
}

type serverWalk struct {
	dir   string
	files []ruleFile
	bytes int
}

func (w *serverWalk) below(name string) error {
	if strings.Count(name, "/") > 20 {
		return fmt.Errorf("%s leads to itself by a link", name)
	}
	entries, err := os.ReadDir(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := path.Join(name, e.Name())
		info, err := os.Stat(filepath.Join(w.dir, at))
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue
		case err != nil:
		case info.IsDir():
			err = w.below(at)
		case isRuleFile(at):
			err = w.take(at)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *serverWalk) take(name string) error {
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	if w.bytes += len(content); w.bytes > maxRuleBytes || len(w.files) == maxRuleFiles {
		return fmt.Errorf("%s has more than %d files or %d MiB", w.dir, maxRuleFiles, maxRuleBytes>>20)
	}
	w.files = append(w.files, ruleFile{name, content})
	return nil
}

func contentKey(files []ruleFile) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s\x00%d\x00", f.name, len(f.content))
		h.Write(f.content)
	}
	return "rules " + hex.EncodeToString(h.Sum(nil))
}

// rulesArchive packs rules into one directory, policy. Equal files give an equal
// archive.
func rulesArchive(files []ruleFile) ([]byte, error) {
	var b bytes.Buffer
	compressed, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(compressed)
	for _, f := range files {
		header := tar.Header{Typeflag: tar.TypeReg, Name: "policy/" + f.name, Mode: 0o644, Size: int64(len(f.content))}
		if err := w.WriteHeader(&header); err != nil {
			return nil, fmt.Errorf("%q: %w", f.name, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, fmt.Errorf("%q: %w", f.name, err)
		}
	}
	err = errors.Join(w.Close(), compressed.Close())
	return b.Bytes(), err
}

// rulesProblem says what is wrong with the directory of the rules, and what to
// do about it.
func (p *Preparer) rulesProblem(code, what string) *run.Problem {
	where := "the server's directory of rules"
	if p.PlanPolicy.Server == "" {
		where = markdown.Quote(p.PlanPolicy.Dir) + " on the base branch"
	}
	return &run.Problem{Code: code, Message: "This server lets rules judge each plan, and " + where +
		" cannot be used: " + what + ", then comment `/plan`. Nothing was planned."}
}

// rulesChanged is the note for people whose pull request changes the rules;
// empty when it does not.
func (p *Preparer) rulesChanged(changed []string) string {
	if p.PlanPolicy.Dir == "" || p.PlanPolicy.Server != "" {
		return ""
	}
	below := strings.TrimPrefix(path.Clean(p.PlanPolicy.Dir)+"/", "./")
	for _, name := range changed {
		if rest, inside := strings.CutPrefix(name, below); inside && isRuleFile(rest) {
			return "This pull request changes the rules in " + markdown.Quote(p.PlanPolicy.Dir) + " that judge plans. The change takes " +
				"effect when it is merged; until then those on the base branch count."
		}
	}
	return ""
}
