package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// What init leaves for a plan is three things: the record of the backend, the
// list of modules, and the providers. The first two are remembered for the next
// plan of the project, which then needs no init when it asks for the same
// (docs/adr/0017). Terraform itself would say when they do not fit: it compares the
// backend's block, the sources and versions of modules, and the providers with
// the lock file before it plans. Then there is an init after all.

// initializedDir is where that is remembered, below Options.Providers.
const initializedDir = "initialized"

// backendRecord and moduleList are files that init writes, in a project's directory.
const (
	backendRecord = ".terraform/terraform.tfstate"
	moduleList    = modulesDir + "/modules.json"
)

// initialized is what init left in a project's directory.
type initialized struct {
	Backend []byte `json:"backend,omitempty"` // backendRecord
	Modules []byte `json:"modules,omitempty"` // moduleList
	Inputs  []byte `json:"inputs"`            // what the configuration needs of init: the inputs as initInputs has them
}

// initAndPlan runs terraform up to the plan.
func (j *job) initAndPlan(ctx context.Context, init, plan []string) *run.Problem {
	remembered := j.rememberedAt(init)
	was := j.remembered(remembered)
	if j.recalled = was != nil && j.recall(*was); j.recalled {
		if p := j.stateInReach(was.Backend); p != nil {
			return p
		}
		if err := j.noteProviders(); err != nil {
			return unexpected(err)
		}
		p := j.terraform(ctx, "plan", plan...)
		if p == nil || !j.asksForInit() {
			return p
		}
	}
	j.recalled, j.steps = false, nil
	// Read before init, which may run what changes the answer.
	if runs, err := j.mayRunPrograms(init); runs || err != nil {
		remembered = ""
	}
	if err := j.remove(filepath.Join(j.dir, ".terraform")); err != nil {
		return unexpected(err)
	}
	if p := j.terraform(ctx, "init", init...); p != nil {
		return p
	}
	left, err := j.afterInit()
	if err != nil {
		return unexpected(err)
	}
	if p := j.stateInReach(left.backend); p != nil {
		return p
	}
	if err := j.noteBrought(left.modules); err != nil {
		return unexpected(err)
	}
	if j.doc.Project.FromModule != "" { // only now it has a configuration
		j.noteGiven()
	}
	j.shareProviders(ctx)
	if remembered != "" && bytes.Equal(j.commit.lock.Bytes(), left.lock) {
		if err := j.remember(remembered, left); err != nil {
			fmt.Fprintln(os.Stderr, err) // the next plan runs init again
		}
	}
	if err := j.noteProviders(); err != nil {
		return unexpected(err)
	}
	return j.terraform(ctx, "plan", plan...)
}

// rememberedAt is the file for what init leaves in a project like this one,
// empty when nothing may be remembered.
func (j *job) rememberedAt(init []string) string {
	o := j.options
	if o.Providers == "" || o.CLIConfig != "" || j.doc.Project.FromModule != "" || !strings.HasPrefix(o.TerraformName, "Terraform") {
		return ""
	}
	inputs, err := json.Marshal([]any{
		o.TerraformName, j.doc.RepositoryID, j.doc.Project.Dir, j.doc.Project.Workspace, init,
		slices.Sorted(maps.Keys(j.given)), o.Pass,
	})
	if err != nil {
		return ""
	}
	digest := sha256.Sum256(inputs)
	return filepath.Join(o.Providers, initializedDir, hex.EncodeToString(digest[:]))
}

// remembered is what an earlier init left, nil when nothing is known of one.
func (j *job) remembered(name string) *initialized {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	var was initialized
	if err := json.Unmarshal(content, &was); err != nil {
		return nil
	}
	return &was
}

// recall puts into the project's directory what an earlier init left, and
// reports whether that is all there is to do.
func (j *job) recall(was initialized) bool {
	if inputs, err := j.initInputs(was.Modules); err != nil || !bytes.Equal(inputs, was.Inputs) {
		return false
	}
	for file, content := range map[string][]byte{backendRecord: was.Backend, moduleList: was.Modules} {
		if content == nil {
			continue
		}
		to := filepath.Join(j.dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, content, 0o600)); err != nil {
			return false
		}
	}
	return j.takeInit(was.Backend, was.Modules) == nil && j.linkProviders(j.commit.lock.Bytes())
}

// leftByInit is what init left, as far as the runner reads it.
type leftByInit struct{ modules, backend, lock []byte }

// afterInit takes what init left.
func (j *job) afterInit() (left leftByInit, err error) {
	for file, into := range map[string]*[]byte{backendRecord: &left.backend, moduleList: &left.modules} {
		*into, err = j.read(filepath.Join(j.dir, file), maxInitFile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return left, fmt.Errorf("taking what init left: %w", err)
		}
	}
	if left.lock, err = j.lock(); err != nil {
		return left, fmt.Errorf("taking what init left: %w", err)
	}
	if err := j.takeInit(left.backend, left.modules); err != nil {
		return left, fmt.Errorf("taking what init left: %w", err)
	}
	return left, nil
}

// remember keeps what init left. Modules that are not in the repository may be
// others tomorrow, so a project that has some gets an init each time.
func (j *job) remember(name string, left leftByInit) error {
	is := initialized{Backend: left.backend, Modules: left.modules}
	if !onlyLocal(is.Modules) {
		return nil
	}
	inputs, err := j.initInputs(is.Modules)
	if err != nil {
		return err
	}
	is.Inputs = inputs
	content, err := json.Marshal(is)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, content) {
		return nil
	}
	temp := name + "." + j.doc.JobID
	err = errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(temp, content, 0o600))
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		return fmt.Errorf("remembering what init left: %w", err)
	}
	return nil
}

// onlyLocal reports whether all modules of a list are in the repository.
func onlyLocal(list []byte) bool {
	modules, err := modulesOf(list)
	return err == nil && !slices.ContainsFunc(modules, func(m savedModule) bool { return !m.inRepository() })
}

// asksForInit reports whether terraform ended the plan before it began, because
// the configuration needs an init. Terraform breaks its lines anywhere.
func (j *job) asksForInit() bool {
	printed, errors := j.wrote["plan"][0], j.wrote["plan"][1]
	return printed.from == printed.to && strings.Contains(strings.Join(strings.Fields(j.beginningOf(errors)), " "), "terraform init")
}
