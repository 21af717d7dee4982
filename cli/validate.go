package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
)

type validateCmd struct {
	Dir    string `arg:"" optional:"" default:"." type:"existingdir" help:"The repository or a directory in it; the current directory when it is left out."`
	Server string `name:"server-config" placeholder:"FILE" help:"A server's config file, or a copy without its secrets: the environments of projects have to be among those that it defines." type:"existingfile"`
	Rules  string `placeholder:"DIR" help:"Directory of the rules that judge plans, from the top of the repository (docs/plan-policy.md); policy when it is left out and there are rules."`
}

// Run checks the files of a work tree, those that are not committed too.
func (c *validateCmd) Run(ctx context.Context) error {
	dir, err := repositoryRoot(ctx, c.Dir)
	if err != nil {
		return err
	}
	cfg, warnings, err := validate(ctx, pull.WorkTree{Dir: dir})
	if err != nil {
		return err
	}
	if err := c.checkEnvironments(cfg); err != nil {
		return err
	}
	rules, err := c.checkRules(ctx, dir)
	if err != nil {
		return err
	}
	if err := listProjects(os.Stdout, cfg); err != nil {
		return err
	}
	if len(warnings) > 0 {
		fmt.Printf("\n%s:\n%s\n", count(len(warnings), "warning"), warnings)
	}
	if rules == "" {
		return nil
	}
	_, err = fmt.Println("\n" + rules)
	return err
}

// checkEnvironments compares the environments of projects with those of a server, if
// one is named.
func (c *validateCmd) checkEnvironments(cfg project.Config) error {
	if c.Server == "" {
		return nil
	}
	defined, err := config.ReadEnvironments(c.Server)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		return mistakes(len(problems), problems, "validate again.")
	}
	if err != nil {
		return err
	}
	err = project.CheckEnvironments(cfg, defined.Names, defined.Default)
	if problems, ok := errors.AsType[project.Problems](err); ok {
		return mistakes(len(problems), problems, "validate again.")
	}
	return err
}

// checkRules checks the rules of the repository and says what it found; nothing
// when there are none.
func (c *validateCmd) checkRules(ctx context.Context, root string) (string, error) {
	dir := c.Rules
	if dir == "" {
		dir = "policy"
		if !hasRules(filepath.Join(root, dir)) {
			return "", nil
		}
	}
	n, err := app.CheckRules(ctx, root, dir)
	if rules, ok := errors.AsType[app.RulesError](err); ok {
		return "", mistakes(strings.Count(rules.Lines, "\n")+1, rules, "validate again.")
	}
	judge := "judge"
	if n == 1 {
		judge = "judges"
	}
	return fmt.Sprintf("%s in %s %s plans.", count(n, "rule"), dir, judge), err
}

// repositoryRoot is the closest directory, from dir upwards, that holds a
// lockkeeper.yml or else the whole git repository.
func repositoryRoot(ctx context.Context, dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	up, err := exec.CommandContext(ctx, "git", "-C", dir, "rev-parse", "--show-cdup").Output() // such as "../../"
	if err != nil {
		return "", fmt.Errorf("%s is not in a git repository: name one, as in lockkeeper validate DIR, or make it one with git init", dir)
	}
	top := filepath.Join(dir, strings.TrimSuffix(string(up), "\n"))
	for ; dir != top; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, project.ConfigFile)); err == nil {
			return dir, nil
		}
	}
	return top, nil
}

// validate loads the projects and checks them against the files. What is no mistake but surprises people comes back as warnings.
func validate(ctx context.Context, tree project.Tree) (cfg project.Config, warnings project.Problems, err error) {
	graph, err := (&project.Index{CheckAll: true}).Graph(ctx, tree)
	if err != nil {
		return cfg, nil, err
	}
	cfg, err = project.Load(ctx, tree, graph, project.LoadOptions{})
	if problems, ok := errors.AsType[project.Problems](err); ok {
		return cfg, nil, mistakes(len(problems), problems, "validate again: directories, files and modules are checked after "+project.ConfigFile+".")
	}
	if err != nil {
		return cfg, nil, err
	}
	err = project.Validate(cfg, graph)
	if problems, ok := errors.AsType[project.Problems](err); ok {
		return cfg, nil, mistakes(len(problems), problems, "validate again.")
	}
	return cfg, project.Warnings(cfg, graph), err
}

// hasRules reports whether a file of rules is somewhere in a directory.
func hasRules(dir string) bool {
	found := false
	_ = filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		found = found || err == nil && filepath.Ext(name) == ".rego"
		return err
	})
	return found
}

func listProjects(out io.Writer, cfg project.Config) error {
	source := cfg.Source
	if source == "" {
		source = "no " + project.ConfigFile + ", so every root module is a project"
	}
	fmt.Fprintf(out, "No mistakes, %s (%s)\n", count(len(cfg.Projects), "project"), source)
	if len(cfg.Projects) == 0 {
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nPROJECT\tDIRECTORY\tENVIRONMENT")
	for _, p := range cfg.Projects {
		environment := p.Environment
		if environment == "" {
			environment = "(the server's default)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, p.Dir, environment)
	}
	return table.Flush()
}
