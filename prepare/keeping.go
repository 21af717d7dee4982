package prepare

import (
	"path"
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/run"
)

// keeping says by the commit whether the state of a project outlives its jobs.
func (p *Preparer) keeping(graph *project.Graph, proj project.Project, doc run.JobDocument) policy.Keeping {
	settings := project.Settings{Backend: doc.Project.BackendConfig, Tofu: proj.Tofu != "" || p.Tofu && proj.Terraform == ""}
	switch k, _ := graph.Keeping(proj, settings); k {
	case project.Kept:
		return policy.StateKept
	case project.KeptInFile:
		if p.JobsMachines {
			return policy.JobsMachine
		}
		return policy.StateKept
	case project.NoBackend:
		return policy.NoBackend
	case project.RelativePath:
		return policy.RelativePath
	case project.InMemory:
		return policy.StateLost
	}
	return policy.KeepingUnknown
}

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
			if kept, ok := keptState(j); ok && j.Document.Project.Name == project {
				return path.Join("artifacts", kept.Key)
			}
		}
	}
	return ""
}

func keptState(j run.Job) (run.Artifact, bool) {
	if !j.Astray() {
		return run.Artifact{}, false
	}
	kept, ok := j.Result.Artifacts[run.ArtifactErroredState]
	return kept, ok
}
