package gate

import (
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// asPlanned is what the job of a plan said about it.
func asPlanned(k run.Keeping) policy.Keeping {
	switch k {
	case "":
		return policy.KeepingUnknown
	case run.StateKept:
		return policy.StateKept
	}
	return policy.StateLost
}

// astray reports whether what an earlier apply made under a document's locks is in
// no backend.
func (s stored) astray(doc run.JobDocument) bool {
	keys := run.LockKeys(doc)
	return slices.ContainsFunc(s.locks.Locks, func(l run.Lock) bool {
		return l.Astray && l.Holder.Is(s.holder) && slices.Contains(keys, l.Key)
	})
}

// astrayIn is the file with it, below the server's data directory; empty when the
// runs do not tell.
func (s stored) astrayIn(project string) string {
	for _, r := range s.runs { // newest first
		for _, j := range r.Jobs {
			if kept, ok := rememberedState(j); ok && j.Document.Project.Name == project {
				return path.Join("artifacts", kept.Key)
			}
		}
	}
	return ""
}

func rememberedState(j run.Job) (run.Artifact, bool) {
	if !j.Astray() {
		return run.Artifact{}, false
	}
	kept, ok := j.Result.Artifacts[run.ArtifactErroredState]
	return kept, ok
}
