package summary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// The parts of a plan's JSON that are read.
// https://developer.hashicorp.com/terraform/internals/json-format, format 1.x.

type resourceChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address"`
	Mode            string `json:"mode"`
	Type            string `json:"type"`
	Deposed         string `json:"deposed"`
	ActionReason    string `json:"action_reason"`
	Change          change `json:"change"`
}

type change struct {
	Actions         []string   `json:"actions"`
	Before          value      `json:"before"`
	After           value      `json:"after"`
	AfterUnknown    value      `json:"after_unknown"`
	BeforeSensitive value      `json:"before_sensitive"`
	AfterSensitive  value      `json:"after_sensitive"`
	ReplacePaths    [][]any    `json:"replace_paths"`
	Importing       *importing `json:"importing"`
}

// value stays undecoded until it is known to be needed.
type value = json.RawMessage

// bareChange is a change whose values are skipped while reading.
type bareChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address"`
	Mode            string `json:"mode"`
	Type            string `json:"type"`
	Deposed         string `json:"deposed"`
	ActionReason    string `json:"action_reason"`
	Change          struct {
		Actions   []string   `json:"actions"`
		Importing *importing `json:"importing"`
	} `json:"change"`
}

func (b bareChange) full() resourceChange {
	return resourceChange{
		Address: b.Address, PreviousAddress: b.PreviousAddress, Mode: b.Mode, Type: b.Type,
		Deposed: b.Deposed, ActionReason: b.ActionReason,
		Change: change{Actions: b.Change.Actions, Importing: b.Change.Importing},
	}
}

type checkResult struct {
	Address   display `json:"address"`
	Status    string  `json:"status"`
	Instances []struct {
		Address  display `json:"address"`
		Status   string  `json:"status"`
		Problems []struct {
			Message string `json:"message"`
		} `json:"problems"`
	} `json:"instances"`
}

type display struct {
	ToDisplay string `json:"to_display"`
}

// skipped is a value that is read over without being kept.
type skipped struct{}

// UnmarshalJSON implements json.Unmarshaler.
func (*skipped) UnmarshalJSON([]byte) error { return nil }

// readParts walks through the top level of a plan. part decodes the value of
// each key; the large ones it takes one element at a time.
func readParts(r io.Reader, part func(d *json.Decoder, key string) error) error {
	d := json.NewDecoder(r)
	d.UseNumber() // Sensitive looks for them as they are written
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("no object"), err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := part(d, fmt.Sprint(key)); err != nil {
			return fmt.Errorf("%v: %w", key, err)
		}
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.Join(errors.New("something follows the object"), err)
	}
	return nil
}

func (p *projector) part(d *json.Decoder, key string) error {
	switch key {
	case "format_version":
		var v string
		if err := d.Decode(&v); err != nil {
			return err
		}
		if !strings.HasPrefix(v, "1.") {
			return fmt.Errorf("version %q is not known here", v)
		}
		return nil
	case "complete": // since Terraform 1.8
		complete := true
		err := d.Decode(&complete)
		p.sum.Partial = !complete
		return err
	case "resource_changes":
		return elements(d, p.resourceElement)
	case "resource_drift":
		return elements(d, p.driftElement)
	case "checks":
		return elements(d, p.checkElement)
	case "output_changes":
		return p.outputs(d)
	}
	return d.Decode(&skipped{})
}

// elements calls each for every element of an array; each decodes it. null is
// an empty array.
func elements(d *json.Decoder, each func(*json.Decoder) error) error {
	t, err := d.Token()
	if err != nil || t == nil {
		return err
	}
	if t != json.Delim('[') {
		return errors.New("is not a list")
	}
	for d.More() {
		if err := each(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func (p *projector) resourceElement(d *json.Decoder) error {
	if p.withValues || len(p.key) > 0 {
		var rc resourceChange
		if err := d.Decode(&rc); err != nil {
			return err
		}
		return p.resource(rc)
	}
	var rc bareChange
	if err := d.Decode(&rc); err != nil {
		return err
	}
	return p.resource(rc.full())
}

func (p *projector) driftElement(d *json.Decoder) error {
	var rc bareChange
	if err := d.Decode(&rc); err != nil {
		return err
	}
	if slices.Equal(rc.Change.Actions, []string{"no-op"}) {
		return nil
	}
	p.sum.Drift = append(p.sum.Drift, rc.Address)
	if slices.Equal(rc.Change.Actions, []string{"delete"}) {
		p.sum.Gone = append(p.sum.Gone, rc.Address)
	}
	return nil
}

func (p *projector) checkElement(d *json.Decoder) error {
	var c checkResult
	if err := d.Decode(&c); err != nil {
		return err
	}
	if c.Status == "pass" {
		return nil
	}
	found := len(p.sum.Checks)
	for _, i := range c.Instances {
		if i.Status == "pass" {
			continue
		}
		finding := run.CheckFinding{Address: i.Address.ToDisplay, Status: i.Status}
		for _, problem := range i.Problems {
			finding.Message = p.text(problem.Message)
			p.sum.Checks = append(p.sum.Checks, finding)
		}
		if len(i.Problems) == 0 {
			p.sum.Checks = append(p.sum.Checks, finding)
		}
	}
	if len(p.sum.Checks) == found {
		p.sum.Checks = append(p.sum.Checks, run.CheckFinding{Address: c.Address.ToDisplay, Status: c.Status})
	}
	return nil
}
