package prepare

import (
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
