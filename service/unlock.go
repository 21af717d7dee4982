package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// Unlock releases locks of the pull request on which it was requested, and of
// another one only when the project is named: "all" never means somebody
// else's. All of it is allowed and found, or nothing is done. Taking a lock away
// from another pull request needs a reason, which is shown to people and logged.
func (s *Service) Unlock(ctx context.Context, q Question, names []string, reason string) (Answer, error) {
	locks, err := s.Store.Locks(ctx)
	if err != nil {
		return Answer{}, err
	}
	h := q.holder()
	mine, waiting, theirs := lockedItems(locks, h)
	names = resolved(names, mine, slices.Concat(waiting, theirs))
	own, others, unknown := wanted(locks, h, names)
	if len(unknown) > 0 {
		return refused("Nobody holds a lock of " + markdown.Quoted(unknown) + ", so nothing was released. " +
			"`/status` shows the projects of this pull request."), nil
	}
	if len(own) == 0 && len(others) == 0 {
		return informed("This pull request holds no lock, so nothing was released. To release the lock of another " +
			"one, name the project and say why: `/unlock project reason=\"…\"`."), nil
	}
	allowed, refusal, err := s.mayUnlock(ctx, q, own, others)
	if err != nil {
		return Answer{}, err
	}
	if !allowed {
		return refused(refusal), nil
	}
	switch {
	case reason != "":
	case len(others) > 0:
		return refused(noReason(q, others, names)), nil
	default:
		if text := unexplained(locks, own); text != "" {
			return refused(text), nil
		}
	}
	follows := meaning(locks, append(own, others...)) // before release takes them apart
	said, err := s.release(ctx, q, append(own, others...), reason)
	if err != nil {
		return Answer{}, err
	}
	said = strings.Join(append([]string{said}, follows...), "\n\n")
	return Answer{Done, said}, nil
}

// held is a lock that somebody wants released.
type held struct {
	holder  run.Subject
	project string // that it was taken for
	named   string // the project as who asks knows it
	left    bool   // no lock is held: something is to be put right there
}

// wanted finds the locks of the named projects: h's own, with what it left behind, and
// others' where it has none. With no names they are all of its own.
func wanted(locks run.Locks, h run.Subject, names []string) (own, others []held, unknown []string) {
	for _, lock := range locks.Locks {
		if !lock.Free() && lock.Holder.Is(h) && (len(names) == 0 || slices.Contains(names, lock.Project)) {
			own = appendOnce(own, held{holder: h, project: lock.Project, named: lock.Project})
		}
	}
	for _, x := range locks.Left {
		if x.Holder.Is(h) && (len(names) == 0 || slices.Contains(names, x.Project)) {
			own = appendOnce(own, held{holder: h, project: x.Project, named: x.Project, left: true})
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(own, func(x held) bool { return x.project == name }) {
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
func othersHolding(locks run.Locks, h run.Subject, name string) (found []held) {
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
			found = append(found, held{holder: lock.Holder, project: lock.Project, named: name})
		}
	}
	return found
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
func (s *Service) mayUnlock(ctx context.Context, q Question, own, others []held) (allowed bool, refusal string, err error) {
	if len(own) > 0 {
		if allowed, refusal, err = s.judgeOwn(ctx, q, own); err != nil || !allowed {
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
	facts, refusal, err := s.unlockFacts(ctx, q, projects...)
	if err != nil || refusal != "" {
		return false, refusal, err
	}
	v := policy.Unlock(facts, false)
	return v.Allowed, v.Explain(), nil
}

func (s *Service) judgeOwn(ctx context.Context, q Question, own []held) (allowed bool, refusal string, err error) {
	facts, refusal, err := s.unlockFacts(ctx, q)
	if err != nil || refusal != "" {
		return false, refusal, err
	}
	if q.Head != "" {
		if facts.HeadSHA != q.Head {
			return false, "This pull request has another commit now than the check run whose button was pressed, so nothing was released. " +
				"Look again, or comment `/unlock`.", nil
		}
		facts.Button = true
		if facts.Projects, err = s.inEnvironments(ctx, q, own); err != nil {
			return false, "", err
		}
	}
	v := policy.Unlock(facts, true)
	return v.Allowed, v.Explain(), nil
}

// unlockFacts are those about who asks, or why they cannot be had.
func (s *Service) unlockFacts(ctx context.Context, q Question, projects ...string) (facts policy.Facts, refusal string, err error) {
	facts, err = s.Facts(ctx, q.Repository, q.PullRequest, q.Actor, projects...)
	var problem *run.Problem
	if errors.As(err, &problem) {
		return policy.Facts{}, problem.Message, nil
	}
	return facts, "", err
}

// inEnvironments are the projects of a pull request's own locks, as far as a
// button matters: with the environments of their newest plans.
func (s *Service) inEnvironments(ctx context.Context, q Question, own []held) ([]policy.Project, error) {
	runs, err := s.Store.CommitRuns(ctx, q.Repository.ID, q.PullRequest, "")
	if err != nil {
		return nil, err
	}
	var out []policy.Project
	for _, x := range own {
		p := policy.Project{Name: x.project}
		for _, r := range slices.Backward(runs) { // the newest comes last
			for _, j := range r.Jobs {
				if doc := j.Document; doc.Project.Name == x.project {
					p.Environment = doc.Environment.Name
				}
			}
		}
		p.Rules.NoButtons = s.NoButtons[p.Environment]
		out = append(out, p)
	}
	return out, nil
}

// noReason asks why others should lose their locks.
func noReason(q Question, others []held, names []string) string {
	return fmt.Sprintf("%s holds the lock of %s, so say why it should lose it: `/unlock %s reason=\"…\"`. "+
		"Nothing was released.", whose(q, others[0].holder), markdown.Quote(others[0].named), strings.Join(names, " "))
}

// release carries out what policy allowed and says what came of it.
func (s *Service) release(ctx context.Context, q Question, locks []held, reason string) (said string, err error) {
	var lines []string
	for len(locks) > 0 {
		holder := locks[0].holder
		var projects, left []string
		for _, x := range locks {
			if x.holder.Is(holder) {
				projects = append(projects, x.project)
			}
			if x.holder.Is(holder) && x.left {
				left = append(left, x.project)
			}
		}
		locks = slices.DeleteFunc(locks, func(x held) bool { return x.holder.Is(holder) })
		released, busy, err := s.Runs.Unlock(ctx, holder, projects)
		if err != nil {
			return "", err
		}
		zerolog.Ctx(ctx).Info().Str("actor", q.Actor).Str("holder", whose(q, holder)).Strs("projects", released).Str("reason", reason).Msg("released locks")
		released = slices.DeleteFunc(released, func(p string) bool { return slices.Contains(left, p) })
		if len(released)+len(busy) > 0 || len(left) == 0 {
			lines = append(lines, outcome(whose(q, holder), released, busy)...)
		}
	}
	if reason != "" {
		lines = append(lines, "Reason: "+markdown.Quote(reason)+".")
	}
	return strings.Join(lines, "\n\n"), nil
}

// here is how the pull request is called on which something was requested.
const here = "this pull request"

func stay(names []string) string {
	if len(names) == 1 {
		return "stays"
	}
	return "stay"
}

// whose names the pull request that holds a lock.
func whose(q Question, holder run.Subject) string {
	switch {
	case holder.Is(q.holder()):
		return here
	case holder.Repository.ID != q.Repository.ID:
		return fmt.Sprintf("%s#%d", holder.Repository.FullName(), holder.PullRequest)
	}
	return fmt.Sprintf("#%d", holder.PullRequest)
}

func outcome(whose string, released, busy []string) (lines []string) {
	plan, next := "Its plan", "a new one"
	if len(released) > 1 {
		plan, next = "Their plans", "new ones"
	}
	where := "there"
	if whose == here {
		where = "here"
	}
	if len(released) > 0 {
		lines = append(lines, fmt.Sprintf("Released %s, which %s held. %s cannot be applied any more: `/plan` %s makes %s.", markdown.Quoted(released), whose, plan, where, next))
	}
	if len(busy) > 0 {
		lines = append(lines, fmt.Sprintf("%s %s locked, because an apply of %s is under way. Comment `/unlock` again when it has ended.", markdown.Quoted(busy), stay(busy), whose))
	}
	if len(lines) == 0 {
		lines = append(lines, "The locks of "+whose+" were released meanwhile.")
	}
	return lines
}
