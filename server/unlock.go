package server

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// unlock releases locks of the pull request on which it was asked for, and of
// another one only when the project is named: "all" never means somebody
// else's. All of it is allowed and found, or nothing is done.
func (b *Base) unlock(ctx context.Context, a asked, names []string) error {
	locks, err := b.Store.Locks(ctx)
	if err != nil {
		return err
	}
	own, others, unknown := wanted(locks, run.Holder{Repository: a.repo, PullRequest: a.pull}, names)
	if len(unknown) > 0 {
		return b.answer(ctx, a, "confused", "Nobody holds a lock of "+quoted(unknown)+", so nothing was released. "+
			"`/status` shows the projects of this pull request.")
	}
	if len(own) == 0 && len(others) == 0 {
		return b.answer(ctx, a, "eyes", "This pull request holds no lock, so nothing was released. To release the lock of another "+
			"one, name the project: `/unlock project`.")
	}
	allowed, refusal, err := b.mayUnlock(ctx, a, own, others)
	if err != nil {
		return err
	}
	if !allowed {
		return b.answer(ctx, a, "confused", refusal)
	}
	said, err := b.release(ctx, a, append(own, others...))
	if err != nil {
		return err
	}
	return b.answer(ctx, a, "+1", said)
}

// held is a lock that somebody wants released.
type held struct {
	holder  run.Holder
	project string // that it was taken for
	named   string // the project as who asks knows it
}

// wanted finds the locks that h's command is about: its own by name or pattern,
// and others' by exact name. With no names they are all of its own.
func wanted(locks run.Locks, h run.Holder, names []string) (own, others []held, unknown []string) {
	for _, lock := range locks.Locks {
		if !lock.Free() && lock.Holder.Is(h) && (len(names) == 0 || slices.ContainsFunc(names, matching(lock.Project))) {
			own = appendOnce(own, held{h, lock.Project, lock.Project})
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(own, func(x held) bool { return matching(x.project)(name) }) {
			continue
		}
		found := othersHolding(locks, h, name)
		if len(found) == 0 {
			unknown = append(unknown, name)
		}
		for _, x := range found {
			others = appendOnce(others, x)
		}
	}
	return own, others, unknown
}

// othersHolding finds who else holds the locks of a project: of this repository
// by its name, and of any repository by the keys that h waits for, because two
// projects can have one state.
func othersHolding(locks run.Locks, h run.Holder, name string) (found []held) {
	var keys []string
	for _, w := range locks.Waiters {
		for _, p := range w.Projects {
			if w.Holder.Is(h) && p.Project == name {
				keys = append(keys, p.Keys...)
			}
		}
	}
	for _, lock := range locks.Locks {
		here := lock.Holder.Repository.ID == h.Repository.ID && lock.Project == name
		if !lock.Free() && (here || slices.Contains(keys, lock.Key)) {
			found = append(found, held{lock.Holder, lock.Project, name})
		}
	}
	return found
}

func matching(project string) func(selector string) bool {
	return func(selector string) bool {
		ok, err := path.Match(selector, project)
		return selector == project || err == nil && ok
	}
}

func appendOnce(list []held, x held) []held {
	same := func(y held) bool { return y.holder.Is(x.holder) && y.project == x.project }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, x)
}

// mayUnlock asks policy: once about the pull request's own locks, and once
// about others', by the rules of their projects.
func (b *Base) mayUnlock(ctx context.Context, a asked, own, others []held) (allowed bool, refusal string, err error) {
	if len(own) > 0 {
		if allowed, refusal, err = b.judgeUnlock(ctx, a, nil, true); err != nil || !allowed {
			return false, refusal, err
		}
	}
	if len(others) == 0 {
		return allowed, "", nil
	}
	var projects []string
	for _, x := range others {
		if !slices.Contains(projects, x.named) {
			projects = append(projects, x.named)
		}
	}
	return b.judgeUnlock(ctx, a, projects, false)
}

func (b *Base) judgeUnlock(ctx context.Context, a asked, projects []string, own bool) (allowed bool, refusal string, err error) {
	facts, err := b.Facts(ctx, a.repo, a.pull, a.actor, projects...)
	var problem *run.Problem
	if errors.As(err, &problem) {
		return false, problem.Message, nil
	}
	if err != nil {
		return false, "", err
	}
	v := policy.Unlock(facts, own)
	return v.Allowed, v.Explain(), nil
}

// release carries out what policy allowed and says what came of it.
func (b *Base) release(ctx context.Context, a asked, locks []held) (said string, err error) {
	var lines []string
	for len(locks) > 0 {
		holder := locks[0].holder
		var projects []string
		for _, x := range locks {
			if x.holder.Is(holder) {
				projects = append(projects, x.project)
			}
		}
		locks = slices.DeleteFunc(locks, func(x held) bool { return x.holder.Is(holder) })
		released, busy, err := b.Runs.Unlock(ctx, holder, projects)
		if err != nil {
			return "", err
		}
		lines = append(lines, outcome(a, holder, released, busy)...)
	}
	return strings.Join(lines, "\n\n"), nil
}

func outcome(a asked, holder run.Holder, released, busy []string) (lines []string) {
	whose := "this pull request"
	if !holder.Is(run.Holder{Repository: a.repo, PullRequest: a.pull}) {
		whose = fmt.Sprintf("#%d", holder.PullRequest)
		if holder.Repository.ID != a.repo.ID {
			whose = holder.Repository.FullName() + whose
		}
	}
	if len(released) > 0 {
		lines = append(lines, fmt.Sprintf("Released %s, which %s held. Its plan cannot be applied any more: `/plan` there makes a new one.", quoted(released), whose))
	}
	if len(busy) > 0 {
		lines = append(lines, fmt.Sprintf("%s stays locked, because an apply of %s is under way. Comment `/unlock` again when it has ended.", quoted(busy), whose))
	}
	if len(lines) == 0 {
		lines = append(lines, "The locks of "+whose+" were released meanwhile.")
	}
	return lines
}

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = run.Quote(name)
	}
	return strings.Join(out, ", ")
}
