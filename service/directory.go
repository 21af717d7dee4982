package service

import (
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/selector"
)

// resolved replaces what somebody typed by the names of the projects that it means, as
// package selector says, so that what is left is compared as it is: those of own that
// it names, or else those of others, or else those of own that it matches as a pattern. A
// pattern never means others. What means none stays.
func resolved(typed []string, own, others []selector.Item) []string {
	var out []string
	for _, text := range typed {
		among, found := own, selector.Exact(text, own)
		if len(found) == 0 {
			among, found = others, selector.Exact(text, others)
		}
		if len(found) == 0 {
			among = own
			found, _ = selector.Select(text, own) // a broken pattern means nothing
		}
		if len(found) == 0 {
			out = append(out, text)
		}
		for _, i := range found {
			if !slices.Contains(out, among[i].Name) {
				out = append(out, among[i].Name)
			}
		}
	}
	return out
}

// named are projects of which only the name counts.
func named(projects []string) []selector.Item {
	out := make([]selector.Item, len(projects))
	for i, name := range projects {
		out[i] = selector.Item{Name: name}
	}
	return out
}

// lockedItems are the projects of h's repository that h has a lock of or left behind,
// those that it waits for, and those of which others have a lock.
func lockedItems(locks run.Locks, h run.Subject) (own, waiting, others []selector.Item) {
	for _, l := range locks.Locks {
		dir, is := run.DirOfKey(l.Key, h.Repository.ID)
		switch {
		case l.Free():
		case l.Holder.Is(h):
			own = append(own, selector.Item{Name: l.Project, Dir: dir})
		case is:
			others = append(others, selector.Item{Name: l.Project, Dir: dir})
		}
	}
	for _, x := range locks.Left {
		for _, key := range x.Keys {
			if dir, is := run.DirOfKey(key, h.Repository.ID); is && x.Holder.Is(h) {
				own = append(own, selector.Item{Name: x.Project, Dir: dir})
			}
		}
	}
	for _, w := range locks.Waiters {
		for _, p := range w.Projects {
			for _, key := range p.Keys {
				if dir, is := run.DirOfKey(key, h.Repository.ID); is && w.Holder.Is(h) {
					waiting = append(waiting, selector.Item{Name: p.Project, Dir: dir})
				}
			}
		}
	}
	return own, waiting, others
}

// plannedItems are the projects that runs are about.
func plannedItems(runs []run.Run) []selector.Item {
	var out []selector.Item
	for _, r := range runs {
		for _, j := range r.Jobs {
			out = append(out, selector.Item{Name: j.Document.Project.Name, Dir: path.Clean(j.Document.Project.Dir)})
		}
	}
	return out
}
