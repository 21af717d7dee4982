package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxPlanStates is how many bytes are read of each state: of the two inside of a plan file,
// whose entries may be a thousand times as large as the file, and of the one in a backend.
const maxPlanStates = 256 << 20

// A plan file holds two states: what terraform found in the backend (tfstate-prev), with
// what moved and in the form of the present providers, and what became of that when it
// called the providers (tfstate), with which an apply goes on. Terraform compares lineage
// and serial of the second one with the backend, and nothing else. So the runner
// compares the first with the backend before an apply begins; what the second has
// otherwise is shown with the plan.

// savedState is what is managed in a state: each object by its address.
type savedState map[string]savedObject

// savedVersion says which version of a state one is.
type savedVersion struct {
	lineage string
	serial  uint64
	foreign bool // the state has keys that are not known here
}

// savedObject is an instance of a resource, or a deposed object of one. Its values stay
// text: decoded they take forty times as much memory, and most are never looked into.
type savedObject struct {
	kind          string          // of the resource
	SchemaVersion uint64          `json:"schema_version"`
	Status        string          `json:"status"`
	Attributes    json.RawMessage `json:"attributes"`
	Flat          json.RawMessage `json:"attributes_flat"` // before Terraform 0.12
	Private       string          `json:"private"`
	Deposed       string          `json:"deposed"`
	IndexKey      json.RawMessage `json:"index_key"`
}

// otherKeys are those of a state that nothing here looks at.
var otherKeys = []string{"terraform_version", "outputs", "check_results"}

// readState reads a state in version 4 of its form, the only one that plan files have and
// that terraform state pull prints. Nothing at all is an empty one. One that does not say
// its version is refused: OpenTofu writes such a one encrypted.
func readState(from io.Reader, limit int64) (_ savedState, version savedVersion, err error) {
	limited := &io.LimitedReader{R: from, N: limit}
	d := json.NewDecoder(limited)
	d.UseNumber()
	out := savedState{}
	t, err := d.Token()
	if err == io.EOF {
		return out, version, nil
	}
	if err != nil || t != json.Delim('{') {
		return nil, version, errors.Join(errors.New("it is no state"), err)
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, version, err
		}
		name := strings.ToLower(strings.ToUpper(key.(string))) // terraform takes any spelling, as encoding/json does
		if seen[name] {
			return nil, version, fmt.Errorf("it has %.100q twice", name)
		}
		seen[name] = true
		switch name {
		case "lineage":
			err = d.Decode(&version.lineage)
		case "serial":
			err = d.Decode(&version.serial)
		case "resources":
			err = out.resources(d)
		case "version":
			var v int
			if err = d.Decode(&v); err == nil && v != 4 {
				err = fmt.Errorf("a state of the version %d is not known here", v)
			}
		default:
			version.foreign = version.foreign || !slices.Contains(otherKeys, name)
			err = d.Decode(&json.RawMessage{})
		}
		if err != nil {
			return nil, version, err
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, version, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, version, errors.Join(errors.New("something follows it"), err)
	}
	if limited.N == 0 {
		return nil, version, fmt.Errorf("it is larger than %s", megabytes(limit))
	}
	if !seen["version"] {
		return nil, version, errors.New("it does not say its version, as one that is encrypted")
	}
	return out, version, nil
}

// deposedMark begins what follows the address of a deposed object.
const deposedMark = " (deposed "

func (s savedState) resources(d *json.Decoder) error {
	if t, err := d.Token(); err != nil || t == nil {
		return err
	}
	for d.More() {
		var r struct {
			Module, Mode, Type, Name string
			Instances                []savedObject
		}
		if err := d.Decode(&r); err != nil {
			return err
		}
		if r.Mode != "managed" {
			continue // what was read while planning may be anything
		}
		address := r.Type + "." + r.Name
		if r.Module != "" {
			address = r.Module + "." + address
		}
		for _, i := range r.Instances {
			i.kind, i.Attributes, i.Flat = r.Type, compact(i.Attributes), compact(i.Flat)
			at := address + instanceKey(i.IndexKey)
			if i.Deposed != "" {
				at += deposedMark + i.Deposed + ")"
			}
			if _, twice := s[at]; twice {
				return fmt.Errorf("it has %.200q twice", at)
			}
			s[at] = i
		}
	}
	_, err := d.Token()
	return err
}

// compact is a value without what only makes it readable; null is no value.
func compact(value json.RawMessage) json.RawMessage {
	var out bytes.Buffer
	if err := json.Compact(&out, value); err != nil || out.String() == "null" {
		return nil // the decoder has taken it, so it is valid or not there
	}
	return out.Bytes()
}

// maxKey is how many bytes the key of an instance may have, with its quotes.
const maxKey = 64 << 10

// instanceKey is the end of an address, as Terraform writes it.
func instanceKey(key json.RawMessage) string {
	var text string
	switch {
	case len(key) == 0, len(key) > maxKey, string(key) == "null":
		return ""
	case json.Unmarshal(key, &text) == nil:
		return `["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{").Replace(text) + `"]`
	}
	return "[" + string(key) + "]"
}

// changed are the addresses that differ in two states, such as those that the plan of a
// refresh found otherwise than in the backend, and those of them that the second lacks.
func (s savedState) changed(is savedState) (all, gone []string) {
	out := map[string]bool{}
	for at, was := range s {
		now, there := is[at]
		if !there {
			gone = append(gone, at)
		}
		if !there || !was.equals(now) {
			out[at] = true
		}
	}
	for at := range is {
		if _, there := s[at]; !there {
			out[at] = true
		}
	}
	slices.Sort(gone)
	return slices.Sorted(maps.Keys(out)), gone
}

// equals compares two objects that the same process of terraform wrote.
func (o savedObject) equals(other savedObject) bool {
	return o.SchemaVersion == other.SchemaVersion && o.Status == other.Status && bytes.Equal(o.Attributes, other.Attributes) && bytes.Equal(o.Flat, other.Flat)
}

// differsInBackend says in which way the state that a plan began with is another one than
// that in the backend; empty when it is not. It shows no value.
func (p planFile) differsInBackend(backend savedState) string {
	s, moves := p.before, p.moves
	seen := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(s)) {
		from := at
		base, _, _ := strings.Cut(at, deposedMark)
		if earlier, moved := moves[base]; moved {
			from = earlier + strings.TrimPrefix(at, base)
		}
		was, there := backend[from]
		switch {
		case !there && p.imports[at]:
			continue
		case !there:
			return fmt.Sprintf("the state in the plan has %.200q, which is not in the backend", at)
		case seen[from]:
			return fmt.Sprintf("the state in the plan has %.200q twice", from)
		case !s[at].cameFrom(was):
			return fmt.Sprintf("the state in the plan has another %.200q than the backend", at)
		}
		seen[from] = true
	}
	for _, at := range slices.Sorted(maps.Keys(backend)) {
		if !seen[at] {
			return fmt.Sprintf("the state in the plan lacks %.200q, which is in the backend", at)
		}
	}
	return ""
}
