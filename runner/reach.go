package runner

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// stateInReach refuses a project whose state is a file of this machine that its
// jobs do not see. Terraform would take it for one that does not exist, and plan
// to make everything once more. record is backendRecord (Terraform's package
// internal/command/workdir, BackendStateFile); nil is a project without a backend.
func (j *job) stateInReach(record []byte) *run.Problem {
	if j.options.Isolation == jail.Off || len(record) == 0 {
		return nil
	}
	var is struct {
		Backend struct {
			Type   string `json:"type"`
			Config struct {
				Path         string `json:"path"`
				WorkspaceDir string `json:"workspace_dir"`
			} `json:"config"`
		} `json:"backend"`
	}
	if err := json.Unmarshal(record, &is); err != nil {
		return unexpected(fmt.Errorf("reading the record of the backend: %w", err))
	}
	file := is.Backend.Config.Path
	if w := j.doc.Project.Workspace; w != "" && w != "default" {
		file = is.Backend.Config.WorkspaceDir
	}
	if is.Backend.Type != "local" || !filepath.IsAbs(file) || j.reaches(filepath.Clean(file)) {
		return nil
	}
	return &run.Problem{Code: "state_out_of_reach", Message: fmt.Sprintf("The state of this project is the file %s of the server, and its jobs do not reach that, so nothing ran. "+
		"Your Lockkeeper administrator adds its directory to `environments.%s.directories.write` in the server's config; then comment `/plan`.", markdown.Quote(file), j.doc.Environment.Name)}
}

// reaches reports whether a path is the job's own, or lies in a directory that
// it is given.
func (j *job) reaches(path string) bool {
	return isIn(path, slices.Concat(j.options.Read, j.options.Write, []string{j.path("source"), j.seen(j.path("source"))})...)
}
