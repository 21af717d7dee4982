// Package summary reads the JSON form of a plan ("terraform show -json") and
// makes the run.Summary that people see.
//
// Its place in the flow: the runner calls Read inside the job, while the JSON
// is still there; afterwards only the Summary exists. Configuration, variables,
// planned values and prior state are never looked at, because they hold secrets
// in clear; of the changes, everything that Terraform marks as sensitive is
// masked here and nowhere else.
//
// It must not know jobs, processes or Markdown.
package summary

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/lockkeeper/lockkeeper/run"
)

// Options bound and filter a summary. The zero value is usable.
type Options struct {
	// Redact replaces secrets in text that Terraform does not mark as
	// sensitive: those of the job, and those that Sensitive found. nil replaces
	// nothing.
	Redact func(string) string
	// ValuesBytes is the size of a plan's JSON above which only addresses and
	// actions are read; default 20 MiB.
	ValuesBytes int64
	// Key makes the digests by which plans are compared (run.Change.Digest); none
	// makes none.
	Key []byte
	// Drift are the addresses of objects that the state in the plan has otherwise than the
	// one that the plan began with, whatever the plan itself says of it.
	Drift []string
	// Gone are those of Drift that the state in the plan does not have.
	Gone []string
	// Bytes is about how large the summary's own JSON may get before diffs are
	// left out; default 900 KiB.
	Bytes int
}

const (
	defaultValuesBytes = 20 << 20
	defaultBytes       = 900 << 10
)

// Read makes the summary of a plan from its JSON, which has size bytes.
func Read(r io.Reader, size int64, o Options) (run.Summary, error) {
	if o.Redact == nil {
		o.Redact = func(s string) string { return s }
	}
	o.ValuesBytes = cmp.Or(o.ValuesBytes, defaultValuesBytes)
	o.Bytes = cmp.Or(o.Bytes, defaultBytes)

	p := projector{text: o.Redact, withValues: size <= o.ValuesBytes, raw: sha256.New(), whole: map[string]string{}, key: o.Key, keyed: map[string]string{}}
	if err := readParts(io.TeeReader(r, p.raw), p.part); err != nil {
		return run.Summary{}, fmt.Errorf("reading the plan's JSON: %w", err)
	}
	p.sum.Version = run.SummaryVersion
	sortChanges(p.sum.Changes)
	slices.SortFunc(p.sum.Outputs, func(a, b run.OutputChange) int { return cmp.Compare(a.Name, b.Name) })
	p.drift(o)
	if err := p.digest(); err != nil {
		return run.Summary{}, err
	}
	p.giveDigests() // after the digest, which compares projects: each has a key of its own
	return p.sum, shrink(&p.sum, o.Bytes)
}

// projector collects a summary while the plan is read.
type projector struct {
	text       func(string) string
	withValues bool
	raw        hash.Hash         // of the plan's JSON
	whole      map[string]string // digests of all that changes, by address; diffs show a part of it
	key        []byte
	keyed      map[string]string // digests by address, as people see it
	sum        run.Summary
}

// drift adds what the plan does not report by itself. What is imported is in its changes.
// What the plan says is gone and its state still has, is not.
func (p *projector) drift(o Options) {
	imported := map[string]bool{}
	for _, c := range p.sum.Changes {
		imported[c.Address] = c.Importing
	}
	there := func(address string) bool {
		return slices.Contains(o.Drift, address) && !slices.Contains(o.Gone, address)
	}
	p.sum.Gone = slices.DeleteFunc(p.sum.Gone, there)
	for _, address := range o.Drift {
		if imported[address] {
			continue
		}
		p.sum.Drift = append(p.sum.Drift, address)
		if !there(address) {
			p.sum.Gone = append(p.sum.Gone, address)
		}
	}
	for _, list := range []*[]string{&p.sum.Drift, &p.sum.Gone} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// digest names what the plan does. Without values two different plans would
// look the same, so then the plan's own bytes count.
func (p *projector) digest() error {
	does := []any{p.sum.Changes, p.sum.Outputs, p.whole}
	if len(p.sum.Drift) > 0 { // an apply goes on with it
		does = append(does, p.sum.Drift, p.sum.Gone)
	}
	content, err := json.Marshal(does)
	if err != nil {
		return err
	}
	h := sha256.New()
	h.Write(content)
	if !p.withValues {
		h.Write(p.raw.Sum(nil))
	}
	p.sum.Digest = hex.EncodeToString(h.Sum(nil))
	return nil
}

// worstFirst is the order of changes in a summary.
var worstFirst = []run.Action{
	run.ActionDestroy, run.ActionReplace, run.ActionUpdate, run.ActionCreate,
	run.ActionForget, run.ActionRead, run.ActionNone,
}

func sortChanges(changes []run.Change) {
	slices.SortStableFunc(changes, func(a, b run.Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(worstFirst, a.Action), slices.Index(worstFirst, b.Action)),
			cmp.Compare(a.Address, b.Address),
		)
	})
}

// shrink leaves out the diffs of later changes until the summary's JSON has
// about max bytes. Addresses, actions and counts always stay.
func shrink(s *run.Summary, max int) error {
	frame := *s
	frame.Changes = make([]run.Change, len(s.Changes))
	for i, c := range s.Changes {
		c.Diff = nil
		frame.Changes[i] = c
	}
	frame.Outputs = slices.Clone(s.Outputs)
	for i := range frame.Outputs {
		frame.Outputs[i].Diff = nil
	}
	content, err := json.Marshal(frame)
	if err != nil {
		return err
	}
	left := max - len(content)
	for i := range s.Changes {
		c := &s.Changes[i]
		if c.Omitted {
			s.DiffOmitted++
		}
		if len(c.Diff) == 0 {
			continue
		}
		diff, err := json.Marshal(c.Diff)
		if err != nil {
			return err
		}
		if len(diff) > left {
			left = 0 // everything that follows is less important
			c.Diff, c.Omitted = nil, true
			s.DiffOmitted++
			continue
		}
		left -= len(diff)
	}
	return shrinkOutputs(s, left)
}

// shrinkOutputs does the same with what is left.
func shrinkOutputs(s *run.Summary, left int) error {
	for i := range s.Outputs {
		o := &s.Outputs[i]
		diff, err := json.Marshal(o.Diff)
		if err != nil {
			return err
		}
		if len(o.Diff) > 0 && len(diff) > left {
			left = 0
			o.Diff = []run.Attribute{{Path: "output." + o.Name, Note: "changes, its value is left out for size"}}
			continue
		}
		left -= len(diff)
	}
	return nil
}
