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
	"github.com/lockkeeper/lockkeeper/yamlfile"
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
	tree := pull.WorkTree{Dir: dir}
	graph, err := (&project.Index{CheckAll: true}).Graph(ctx, tree)
	if err != nil {
		return err
	}
	found, err := project.Check(ctx, tree, graph)
	if err != nil {
		return err
	}
	if err := c.checkEnvironments(&found); err != nil {
		return err
	}
	rules, wrong, err := c.checkRules(ctx, dir)
	if len(found.Mistakes) > 0 || wrong.Lines != "" {
		return errors.Join(allMistakes(found, wrong), err)
	}
	if err != nil {
		return err
	}
	if err := listProjects(os.Stdout, found.Config); err != nil {
		return err
	}
	fmt.Print(warnings(found.Warnings))
	if rules == "" {
		return nil
	}
	_, err = fmt.Println("\n" + rules)
	return err
}

// allMistakes says all that is wrong, in one go.
func allMistakes(found project.Checked, rules app.RulesError) error {
	n := len(found.Mistakes)
	var lines []string
	if n > 0 {
		lines = append(lines, found.Mistakes.Error())
	}
	if rules.Lines != "" {
		n += strings.Count(rules.Lines, "\n") + 1
		lines = append(lines, rules.Lines)
	}
	then := "validate again."
	if found.Unread {
		then = "validate again: directories, files and modules are checked when " + project.ConfigFile + " says which projects there are."
	}
	err := mistakes(n, errors.New(strings.Join(lines, "\n")), then)
	if len(found.Warnings) > 0 {
		err = fmt.Errorf("%w\n%s", err, strings.TrimSuffix(warnings(found.Warnings), "\n"))
	}
	return err
}

func warnings(ps project.Problems) string {
	if len(ps) == 0 {
		return ""
	}
	return fmt.Sprintf("\n%s:\n%s\n", count(len(ps), "warning"), ps)
}

// checkEnvironments compares the environments of projects with those of a server, if
// one is named.
func (c *validateCmd) checkEnvironments(found *project.Checked) error {
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
	err = project.CheckEnvironments(found.Config, defined.Names, defined.Default)
	problems, ok := errors.AsType[project.Problems](err)
	found.Mistakes = append(found.Mistakes, problems...)
	if ok {
		return nil
	}
	return err
}

// checkRules checks the rules of the repository and says what it found, or what is wrong
// with them; nothing when there are none.
func (c *validateCmd) checkRules(ctx context.Context, root string) (summary string, wrong app.RulesError, err error) {
	dir := c.Rules
	if dir == "" {
		dir = "policy"
		if !hasRules(filepath.Join(root, dir)) {
			return "", wrong, nil
		}
	}
	n, err := app.CheckRules(ctx, root, dir)
	if rules, ok := errors.AsType[app.RulesError](err); ok {
		return "", rules, nil
	}
	judge := "judge"
	if n == 1 {
		judge = "judges"
	}
	return fmt.Sprintf("%s in %s %s plans.", count(n, "rule"), dir, judge), wrong, err
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
		fmt.Fprintf(table, "%s\t%s\t%s\n", p.Name, yamlfile.Printable(p.Dir), environment)
	}
	return table.Flush()
}
