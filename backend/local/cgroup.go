package local

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// CgroupFile is the file in an engine's directory that holds the control group of
// its jobs, for those who ask what limits them. It is empty when they are watched.
const CgroupFile = ".cgroup"

// cgroup is the control group of a job, empty where it has none. Engines of other
// directories may have theirs beside it, for jobs of the same name.
func (e *Engine) cgroup(id string) string {
	if e.o.Cgroup == "" {
		return ""
	}
	engine := fnv.New32a()
	_, _ = engine.Write([]byte(e.o.Dir))
	return filepath.Join(e.o.Cgroup, fmt.Sprintf("job-%08x-%s", engine.Sum32(), id))
}

// sweepCgroups removes the groups of jobs that are not in hand: they had ended, and
// that was reported, before this Run. Those of others go when they end.
func (e *Engine) sweepCgroups() error {
	if e.o.Cgroup == "" {
		return nil
	}
	there, err := os.ReadDir(e.o.Cgroup)
	for _, entry := range there {
		id, ours := strings.CutPrefix(entry.Name(), filepath.Base(e.cgroup("")))
		e.mu.Lock()
		inHand := e.jobs[id] != nil
		e.mu.Unlock()
		if ours && !inHand {
			err = errors.Join(err, jail.RemoveCgroup(e.cgroup(id)))
		}
	}
	return err
}
