package prepare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// codeElsewhere is the problem of a change that only another tool plans.
const codeElsewhere = "planned_elsewhere"

// maxNamed is how many places one note names.
const maxNamed = 3

// surprises notes what people would wonder about when they see the plans.
func (f *revision) surprises(ctx context.Context, p *Preparer, r run.Run, cfg project.Config, changed []string) error {
	base, err := f.config.Files(ctx)
	if err != nil {
		return err
	}
	if project.ConfigChanged(changed) {
		if err := f.afterMerge(ctx, p, cfg, changed); err != nil {
			return err
		}
	} else if unnamed := project.Unnamed(cfg, f.graph, base, changed); len(unnamed) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("Nothing plans %s: no project is there. To have it planned, name it in `lockkeeper.yml`.", some(unnamed)))
	}
	if err := f.vanished(ctx, p, cfg, changed); err != nil {
		return err
	}
	if err := f.renamed(ctx, p, cfg); err != nil {
		return err
	}
	for i, left := range cfg.Left() {
		if i == maxNamed {
			break
		}
		f.notes = append(f.notes, "Left out by `lockkeeper.yml`: "+markdown.Quote(left.Message)+".")
	}
	f.unfollowed(p.settingsOf(r.Repository))
	f.shared(p, r, f.all)
	return nil
}

// vanished notes projects that the base finds by a file or by a cloud block and the head
// does not: nothing else would say that they are planned no more.
func (f *revision) vanished(ctx context.Context, p *Preparer, cfg project.Config, changed []string) error {
	byContent := func(in project.Include) bool { return in.EachFile != "" || in.Cloud != "" }
	if cfg.Discover == nil || len(changed) == 0 || !slices.ContainsFunc(cfg.Discover.Include, byContent) {
		return nil
	}
	graph, err := p.Gate.Index.Graph(ctx, f.config)
	if err != nil {
		return err
	}
	before, err := project.Load(ctx, f.config, graph, project.LoadOptions{})
	if err != nil {
		return err
	}
	var gone []string
	for _, x := range before.Projects {
		if !has(cfg, x.Name) && at(cfg, x) < 0 {
			gone = append(gone, x.Name)
		}
	}
	if len(gone) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("No longer a project at this commit: %s. The file of `each_file` or the `cloud` block that made it one is gone, or says something else. "+
			"Nothing is destroyed; what it manages stays in its state. To destroy it, remove the resources from the code first and apply that.", some(gone)))
	}
	return nil
}

// renamed notes projects that get another name because a directory comes or goes whose
// name would be the same. What the base got since is no doing of the pull request.
func (f *revision) renamed(ctx context.Context, p *Preparer, cfg project.Config) error {
	if !slices.ContainsFunc(cfg.Projects, project.Project.Hashed) {
		return nil
	}
	tree, err := f.mirror.Tree(ctx, f.mergeBase)
	if err != nil {
		return err
	}
	graph, err := p.Gate.Index.Graph(ctx, tree)
	if err != nil {
		return err
	}
	before, err := project.Load(ctx, tree, graph, project.LoadOptions{})
	if _, wrong := errors.AsType[project.Problems](err); wrong {
		return nil // nobody knows what the projects were called
	}
	if err != nil {
		return err
	}
	after := f.next
	if after == nil {
		loaded, err := project.Load(ctx, f.tree, f.graph, project.LoadOptions{})
		if _, wrong := errors.AsType[project.Problems](err); wrong {
			return nil // its mistakes are reported
		}
		if err != nil {
			return err
		}
		after = &loaded
	}
	var names []string
	for _, x := range before.Projects {
		if i := at(*after, x); i >= 0 && after.Projects[i].Name != x.Name && (x.Hashed() || after.Projects[i].Hashed()) {
			names = append(names, x.Name+" → "+after.Projects[i].Name)
		}
	}
	if len(names) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("**Another name** after the merge: %s, because a directory comes or goes that would have the same. "+
			"What the server's config makes of the name changes with it, such as the place of the state (`{project}`). To keep it, name the project in `lockkeeper.yml`.", some(names)))
	}
	return nil
}

// unfollowed notes once what the graph cannot follow.
func (f *revision) unfollowed(settings func(project.Project) project.Settings) {
	var places []string
	for _, p := range f.projects {
		for _, at := range f.graph.Unfollowed(p, settings(p)) {
			place := fmt.Sprintf("%s:%d", at.File, at.Line)
			if !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	if len(places) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("Which file is read at %s depends on a variable, so a change of that file alone plans nothing. "+
			"Name it by `when_changed`, or pass its path as a constant that begins with `./` or `../`.", some(places)))
	}
}

// shared notes projects whose state is that of another directory, too.
func (f *revision) shared(p *Preparer, r run.Run, cfg project.Config) {
	if len(f.projects) == 0 {
		return
	}
	ours := make(map[string]bool, len(f.projects))
	for _, x := range f.projects {
		ours[x.Name] = true
	}
	groups := slices.DeleteFunc(f.graph.Shared(cfg.Projects, p.settingsOf(r.Repository)), func(group []project.Project) bool {
		return !slices.ContainsFunc(group, func(x project.Project) bool { return ours[x.Name] })
	})
	const cure = "Name workspaces in `lockkeeper.yml`, or give each a key of its own."
	switch len(groups) {
	case 0:
	case 1:
		f.notes = append(f.notes, fmt.Sprintf("**%d projects share one state** in workspace %s, so a plan of one may destroy what another made: %s. "+cure,
			len(groups[0]), markdown.Quote(groups[0][0].Workspace), some(called(groups[0]))))
	default:
		var said []string
		for _, group := range groups[:min(len(groups), maxNamed)] {
			said = append(said, fmt.Sprintf("%d in workspace %s (%s)", len(group), markdown.Quote(group[0].Workspace), some(called(group))))
		}
		more := ""
		if rest := len(groups) - len(said); rest > 0 {
			more = fmt.Sprintf(" and those of %d more states", rest)
		}
		f.notes = append(f.notes, fmt.Sprintf("**Projects share %d states**, so a plan of one may destroy what another made: %s%s. "+cure, len(groups), strings.Join(said, ", "), more))
	}
}

func called(projects []project.Project) []string {
	out := make([]string, len(projects))
	for i, p := range projects {
		out[i] = p.Name
	}
	return out
}

// afterMerge notes the projects that the pull request's own lockkeeper.yml adds or takes away, or its mistakes.
func (f *revision) afterMerge(ctx context.Context, p *Preparer, now project.Config, changed []string) error {
	if problems := f.nextMistakes; len(problems) > 0 {
		f.mistakes = append(f.mistakes, marks(problems)...)
		f.notes = append(f.notes, fmt.Sprintf("`lockkeeper.yml` of this pull request has %s, the first on line %d: %s. Correct it before the merge: nothing would be planned after it.",
			mistakes(len(problems)), problems[0].Line, markdown.Quote(problems[0].Key+" "+problems[0].Message)))
		return nil
	}
	next := *f.next
	f.preview(now, next)
	p.previewEnvironments(f, next)
	base, err := f.config.Files(ctx)
	if err != nil {
		return err
	}
	if unnamed := project.Unnamed(next, f.graph, base, changed); len(unnamed) > 0 {
		f.notes = append(f.notes, fmt.Sprintf("Nothing plans %s, after the merge either: no project is there. To have it planned, name it in `lockkeeper.yml`.", some(unnamed)))
	}
	return nil
}

// correction tells a pull request that corrects a lockkeeper.yml whose mistakes keep
// everything from being planned, and changes nothing else: its checks must not wait
// for a plan that nobody can make. Whatever lies beside it, documents too, Terraform
// may read, and which project does is what the author's own file would say.
func (f *revision) correction(ctx context.Context, changed []string) (bool, error) {
	if !slices.Equal(changed, []string{project.ConfigFile}) {
		return false, nil
	}
	next, err := project.Load(ctx, f.tree, f.graph, project.LoadOptions{})
	if _, wrong := errors.AsType[project.Problems](err); wrong {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	f.affected = map[string]bool{}
	f.notes = append(f.notes, fmt.Sprintf("`lockkeeper.yml` on the base branch has mistakes, so nothing is planned in this repository. This pull request corrects it: after the merge there are %d projects. "+
		"The others are planned again then.", len(next.Projects)))
	return true, nil
}

// marks are mistakes as a check run shows them at their lines.
func marks(problems project.Problems) []run.Diagnostic {
	out := make([]run.Diagnostic, len(problems))
	for i, p := range problems {
		out[i] = run.Diagnostic{Title: p.Key, Message: p.Message, Path: p.File, Line: max(p.Line, 1)}
	}
	return out
}

func mistakes(n int) string {
	if n == 1 {
		return "a mistake"
	}
	return fmt.Sprintf("%d mistakes", n)
}

// some quotes a few of the texts and counts the rest.
func some(texts []string) string {
	var out []string
	for i, text := range texts {
		if i == maxNamed && len(texts) > maxNamed+1 {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(texts)-i)
		}
		out = append(out, markdown.Quote(text))
	}
	return strings.Join(out, ", ")
}

// elsewhere says what another tool plans. Where nothing else is planned it is a problem: a check that passes would say that nothing changes.
func (f *revision) elsewhere(cfg project.Config, changed []string, tofu bool) error {
	all := project.ForeignChanges(cfg, f.graph, changed, tofu)
	isTofu := func(x project.Foreign) bool { return x.Tool == "OpenTofu" }
	if dropped := f.dropTofu(tofu); len(dropped) > 0 && !slices.ContainsFunc(all, isTofu) {
		all = append(all, project.Foreign{Tool: "OpenTofu", Path: dropped[0].Dir})
	}
	if len(all) == 0 {
		return nil
	}
	var said []string
	for _, x := range all {
		said = append(said, x.Tool+" ("+markdown.Quote(x.Path)+")")
	}
	text := "This pull request changes files of " + strings.Join(said, " and of ") + ", which Lockkeeper does not plan here. "
	if slices.ContainsFunc(all, isTofu) {
		text += "Give the project a `tofu:` version in `lockkeeper.yml` on the base branch, or plan and apply them elsewhere"
	} else {
		text += "Plan and apply them elsewhere"
	}
	text += "; to say that this is done, name their directory under `discover: exclude:` in the `lockkeeper.yml` of the base branch, by a pull request of its own, then comment `/plan` here."
	if len(f.projects) == 0 {
		return &run.Problem{Code: codeElsewhere, Message: text}
	}
	f.notes = append(f.notes, text)
	return nil
}

// dropTofu leaves out projects in whose directory Terraform would find nothing, and returns them.
func (f *revision) dropTofu(tofu bool) (dropped []project.Project) {
	f.projects = slices.DeleteFunc(slices.Clone(f.projects), func(p project.Project) bool {
		drop := p.Tofu == "" && (p.Terraform != "" || !tofu) && f.graph.OnlyTofu(p)
		if drop {
			dropped = append(dropped, p)
		}
		return drop
	})
	return dropped
}
