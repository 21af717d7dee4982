package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	first := plan.version.lineage == "" && plan.version.serial == 0 // such a state has no lineage yet
	switch {
	case !first && version.lineage != plan.version.lineage:
		return planStale("Saved plan does not match the given state: it was created from a different state lineage.")
	case version.serial != plan.version.serial:
		return planStale("Saved plan is stale: the state was changed by another operation after the plan was created.")
	}
	if wrong := plan.differsInBackend(is); wrong != "" {
		return planMismatch(plain(wrong))
	}
	return nil
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
