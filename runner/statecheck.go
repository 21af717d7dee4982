package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/lockkeeper/lockkeeper/run"
)

// compareState compares the state that a plan began with with the one in the backend,
// which is an apply's last look before it may begin. Terraform itself compares their
// lineage and serial, and then goes on with what lies in the plan file.
func (j *job) compareState(ctx context.Context, plan planFile) *run.Problem {
	if p := j.used(ctx); p != nil {
		return p
	}
	// Who refuses is terraform, which may read a file otherwise.
	if is, version, err := j.stateOnDisk(plan.backend); err == nil && plan.beganWith(is, version) == nil {
		return nil
	}
	if p := j.terraform(ctx, "state", "state", "pull"); p != nil {
		return p
	}
	f, err := os.Open(j.path(printedFile))
	if err != nil {
		return unexpected(err)
	}
	defer func() { _ = f.Close() }()
	pulled := j.wrote["state"][0]
	is, version, err := readState(io.NewSectionReader(f, pulled.from, pulled.to-pulled.from), maxPlanStates)
	if err != nil {
		return unexpected(fmt.Errorf("reading the state of the backend: %w", err))
	}
	return plan.beganWith(is, version)
}

// beganWith is the problem of a plan that began with another state than this one.
func (p planFile) beganWith(is savedState, version savedVersion) *run.Problem {
	first := p.version.lineage == "" && p.version.serial == 0 // such a state has no lineage yet
	switch {
	case !first && version.lineage != p.version.lineage:
		return planStale("Saved plan does not match the given state: it was created from a different state lineage.")
	case version.serial != p.version.serial:
		return planStale("Saved plan is stale: the state was changed by another operation after the plan was created.")
	}
	if wrong := p.differsInBackend(is); wrong != "" {
		return planMismatch(plain(wrong))
	}
	return nil
}

// errNotOnDisk means that a state is no file that the runner may read for terraform.
var errNotOnDisk = errors.New("the state is no file in a directory that the job may write to")

// stateOnDisk reads the state of a backend that is a file of this machine, which saves
// the process that would print it. The file lies in a directory that the environment
// gives to its jobs, so terraform sees it at the same place; what its jobs made of it
// is theirs: a link leads nowhere out of it, and none is followed at the end.
func (j *job) stateOnDisk(b plannedBackend) (savedState, savedVersion, error) {
	if b.kind != "local" {
		return nil, savedVersion{}, errNotOnDisk
	}
	file, err := b.localFile()
	if err != nil {
		return nil, savedVersion{}, err
	}
	if b.workspace != "default" {
		file = filepath.Join(file, b.workspace, "terraform.tfstate")
	}
	i := slices.IndexFunc(j.options.Write, func(dir string) bool { return isIn(file, dir) })
	if i < 0 || file != filepath.Clean(file) { // behind a link, .. leads elsewhere
		return nil, savedVersion{}, errNotOnDisk
	}
	rel, err := filepath.Rel(j.options.Write[i], file)
	if err != nil {
		return nil, savedVersion{}, err
	}
	root, err := os.OpenRoot(j.options.Write[i])
	if err != nil {
		return nil, savedVersion{}, err
	}
	defer func() { _ = root.Close() }()
	f, err := openPlain(root, rel, maxPlanStates)
	if errors.Is(err, fs.ErrNotExist) {
		return savedState{}, savedVersion{}, nil
	}
	if err != nil {
		return nil, savedVersion{}, err
	}
	defer func() { _ = f.Close() }()
	is, version, err := readState(f, maxPlanStates)
	if version.foreign { // such as those of a state that OpenTofu encrypted
		err = errors.Join(err, errNotOnDisk)
	}
	return is, version, err
}

// recordInit puts into the project's directory what init would note of a plan that needs
// none: its modules, which are all of the commit, and its backend.
// The plan file has all of it but the hash of the block that configures it, by which
// Terraform sees that nothing changed since.
func (j *job) recordInit(plan planFile) *run.Problem {
	b := plan.backend
	var config map[string]any
	d := msgpack.NewDecoder(bytes.NewReader(b.config))
	if err := d.Decode(&config); err != nil {
		return planMismatch(plain(fmt.Sprintf("reading the backend of the plan: %v", err)))
	}
	record, err := json.Marshal(map[string]any{
		"version": 3, "terraform_version": strings.TrimPrefix(j.options.TerraformName, "Terraform "),
		"backend": recordedBackend{Type: b.kind, Config: config, Hash: json.Number(j.doc.Plan.BackendHash)},
	})
	if err != nil {
		return unexpected(fmt.Errorf("noting the backend: %w", err))
	}
	modules, err := json.Marshal(map[string]any{"Modules": plan.modules})
	if err != nil {
		return unexpected(fmt.Errorf("noting the modules: %w", err))
	}
	for file, content := range map[string][]byte{backendRecord: record, moduleList: modules} {
		name := filepath.Join(j.dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, 0o600)); err != nil {
			return unexpected(fmt.Errorf("noting backend and modules: %w", err))
		}
	}
	return nil
}

// backendHash is Result.BackendHash; empty when it is not known.
func (j *job) backendHash() string {
	is, err := backendIn(j.backend)
	if err != nil || j.doc.Command != run.KindPlan {
		return ""
	}
	return is.Hash.String()
}
