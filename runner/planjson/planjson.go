package planjson

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lockkeeper/lockkeeper/runner/variables"
)

// Version is that of what Read makes: plans that another version read equal say nothing
// of this one.
const Version = 1

// Bounds of what is read of a plan file, in bytes, unpacked. Larger plans are rare, and
// what they take of memory here counts for nobody.
const (
	maxPlan    = 16 << 20
	maxState   = 16 << 20
	maxConfig  = 16 << 20 // of the root module
	maxEntries = 50_000
)

// Plan is the JSON of a plan.
type Plan struct {
	JSON []byte
	// Types are the types of resources in it, each with provider and mode.
	Types []string
}

// planFields are those of the plan itself. Of deferred changes (27) and values that are
// given when it is applied (28) terraform show tells.
var planFields = fields{
	1:  number,  // version of the format
	2:  many,    // variables
	3:  many,    // changes
	4:  many,    // changes of outputs
	5:  many,    // -target
	13: content, // backend
	14: content, // terraform's version
	15: many,    // attributes that matter
	16: many,    // -replace
	17: number,  // mode
	18: many,    // drift
	19: many,    // checks
	20: number,  // errored
	21: content, // when
	22: many,    // results of functions
	25: number,  // applyable
	26: number,  // complete
}

const (
	planFormat  = 3
	refreshOnly = 2 // mode
	lastMode    = 2
)

// Read makes the JSON of a plan file of size bytes. terraform is the version of the
// program that wrote it.
func Read(from io.ReaderAt, size int64, terraform string, schemas *Schemas) (_ Plan, err error) {
	// The library for values panics where it is used wrongly, and what is in a plan file
	// decides how it is used.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the plan: %v", p)
		}
	}()
	schemas.known = map[string]*schema{}
	entries, err := unpack(from, size)
	if err != nil {
		return Plan{}, fmt.Errorf("reading the plan: %w", err)
	}
	d, err := entries.document(terraform, schemas)
	if err != nil {
		return Plan{}, fmt.Errorf("reading the plan: %w", err)
	}
	content, err := json.Marshal(d)
	return Plan{JSON: content, Types: schemas.used()}, err
}

// entries are what is read of the archive.
type entries struct {
	plan, state []byte
	config      []variables.File // of the root module
}

const rootModule = "tfconfig/m-/"

func unpack(from io.ReaderAt, size int64) (e entries, err error) {
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return e, err
	}
	if len(archive.File) > maxEntries {
		return e, errors.New("it has too many entries")
	}
	seen := map[string]bool{}
	left := int64(maxConfig)
	for _, f := range archive.File {
		if seen[f.Name] {
			return e, fmt.Errorf("it has %.100q twice", f.Name)
		}
		seen[f.Name] = true
		switch name, inRoot := strings.CutPrefix(f.Name, rootModule); {
		case f.Name == "tfplan":
			e.plan, err = contentOf(f, maxPlan)
		case f.Name == "tfstate":
			e.state, err = contentOf(f, maxState)
		case inRoot:
			var content []byte
			content, err = contentOf(f, left)
			left -= int64(len(content))
			e.config = append(e.config, variables.File{Name: name, Content: content})
		}
		if err != nil {
			return e, fmt.Errorf("%.100q: %w", f.Name, err)
		}
	}
	return e, nil
}

func contentOf(f *zip.File, limit int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(content)) > limit {
		err = errors.New("it is too large")
	}
	return content, errors.Join(err, r.Close())
}

// document makes all parts of the JSON.
func (e entries) document(terraform string, schemas *Schemas) (d document, err error) {
	m, err := planFields.parse(e.plan)
	if err != nil {
		return d, err
	}
	if err := d.header(m, terraform); err != nil {
		return d, err
	}
	if err := d.variables(m, e.config); err != nil {
		return d, err
	}
	all, err := readAll(m.contents[3], func(b []byte) (instance, error) { return readInstance(b, schemas) })
	if err != nil {
		return d, err
	}
	drift, err := readAll(m.contents[18], func(b []byte) (instance, error) { return readInstance(b, schemas) })
	if err != nil {
		return d, err
	}
	outputs, err := readAll(m.contents[4], readOutput)
	if err != nil {
		return d, err
	}
	if err := unique(all, outputs); err != nil {
		return d, err
	}
	d.ResourceChanges = instances(all)
	d.ResourceDrift = instances(shownDrift(drift, m.numbers[17]))
	d.OutputChanges = map[string]change{}
	for _, o := range outputs {
		d.OutputChanges[o.name] = o.json()
	}
	if d.PlannedValues, err = planned(all, outputs); err != nil {
		return d, err
	}
	if d.Relevant, err = readAll(m.contents[15], readRelevant); err != nil {
		return d, err
	}
	if d.Checks, err = readAll(m.contents[19], readCheck); err != nil {
		return d, err
	}
	sortChecks(d.Checks)
	d.PriorState, err = readState(e.state, schemas)
	return d, err
}

// readAll reads a field that repeats.
func readAll[T any](from [][]byte, read func([]byte) (T, error)) (out []T, err error) {
	for _, one := range from {
		is, err := read(one)
		if err != nil {
			return nil, err
		}
		out = append(out, is)
	}
	return out, nil
}

func (d *document) header(m message, terraform string) (err error) {
	if m.numbers[1] != planFormat || m.numbers[17] > lastMode {
		return errors.New("its format is not known here")
	}
	d.FormatVersion = "1.2"
	if d.TerraformVersion, err = m.text(14); err != nil {
		return err
	}
	if d.TerraformVersion != terraform {
		return fmt.Errorf("it is of the version %.100q", d.TerraformVersion)
	}
	if d.Timestamp, err = m.text(21); err != nil {
		return err
	}
	if at, err := time.Parse(time.RFC3339, d.Timestamp); err != nil || at.Format(time.RFC3339) != d.Timestamp {
		return errFormat
	}
	for field, to := range map[protowire.Number]*bool{20: &d.Errored, 25: &d.Applyable, 26: &d.Complete} {
		if *to, err = m.truth(field); err != nil {
			return err
		}
	}
	return nil
}

// variables are those that were given and those that have a default.
func (d *document) variables(m message, config []variables.File) error {
	declared, err := variables.Declarations(config)
	if err != nil {
		return err
	}
	d.Variables = map[string]variable{}
	for _, one := range m.contents[2] {
		entry, err := fields{1: content, 2: content}.parse(one)
		if err != nil {
			return err
		}
		name, err := entry.text(1)
		if err != nil {
			return err
		}
		v, err := readValue(entry.bytes(2), cty.DynamicPseudoType)
		if err != nil {
			return fmt.Errorf("the variable %.100q: %w", name, err)
		}
		if _, twice := d.Variables[name]; twice {
			return errFormat
		}
		value, _ := plain(v)
		d.Variables[name] = variable{raw(value)}
	}
	for name, is := range declared {
		if is.Sensitive {
			if d.Configuration.RootModule.Variables == nil {
				d.Configuration.RootModule.Variables = map[string]sensitiveVariable{}
			}
			d.Configuration.RootModule.Variables[name] = sensitiveVariable{true}
		}
		if _, given := d.Variables[name]; given || is.Default == cty.NilVal {
			continue
		}
		if err := bounded(is.Default); err != nil {
			return err
		}
		value, known := plain(is.Default)
		if !known {
			return errFormat
		}
		d.Variables[name] = variable{raw(value)}
	}
	return nil
}

// unique makes sure that no object and no output is changed twice.
func unique(all []instance, outputs []outputChange) error {
	seen := map[string]bool{}
	twice := func(name string) bool {
		was := seen[name]
		seen[name] = true
		return was
	}
	for _, i := range all {
		if twice(i.address.text + " " + i.deposed) {
			return fmt.Errorf("%.200s changes twice in it", i.address.text)
		}
	}
	for _, o := range outputs {
		if twice("output " + o.name) {
			return fmt.Errorf("the output %.200s changes twice in it", o.name)
		}
	}
	return nil
}

// shownDrift is what differs from the state. What only moved is shown where nothing else is planned.
func shownDrift(drift []instance, mode uint64) (out []instance) {
	for _, i := range drift {
		if mode == refreshOnly || i.action.words != "no-op" {
			out = append(out, i)
		}
	}
	return out
}

func readRelevant(from []byte) (r relevant, err error) {
	m, err := fields{1: content, 2: content}.parse(from)
	if err != nil {
		return r, err
	}
	if r.Resource, err = m.text(1); err != nil {
		return r, err
	}
	if _, err = parseAddress(r.Resource); err != nil {
		return r, err
	}
	path, err := readPath(m.bytes(2))
	if err == nil {
		r.Attribute, err = pathJSON(path)
	}
	return r, err
}
