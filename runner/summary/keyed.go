package summary

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"reflect"
)

// digestBytes is how much of an HMAC is kept: nobody finds two changes with the
// same 128 bits who does not have the key, and they are for one project.
const digestBytes = 16

// importing is what is imported.
type importing struct {
	ID       value `json:"id"`
	Identity value `json:"identity"`
	Unknown  bool  `json:"unknown"`
}

// digested is what a change's digest is made of. What stays as it is counts
// for nothing where something is updated or replaced: providers report times and counters there
// that are others in each plan. Of what is created or destroyed everything counts.
type digested struct {
	Address, Previous, Deposed string
	Actions                    []string
	Importing                  *importing
	ReplacePaths               [][]any
	Before, After              any
	Unknown                    any
	BeforeMarks, AfterMarks    any
}

// keepDigest notes the keyed digest of a change under the address that people see.
func (p *projector) keepDigest(shown string, rc resourceChange) error {
	if len(p.key) == 0 {
		return nil
	}
	c := rc.Change
	k := digested{Address: rc.Address, Previous: rc.PreviousAddress, Deposed: rc.Deposed, Actions: c.Actions, Importing: c.Importing, ReplacePaths: c.ReplacePaths}
	if p.withValues {
		n, err := decode(c)
		if err != nil {
			return err
		}
		k.Before, k.After = changing(n.before, n.after, n.unknown)
		k.Unknown, k.BeforeMarks, k.AfterMarks = n.unknown, n.beforeSensitive, n.afterSensitive
	} else { // as it is written: only an equal change is the same
		k.Before, k.After, k.Unknown, k.BeforeMarks, k.AfterMarks = raw(c.Before), raw(c.After), raw(c.AfterUnknown), raw(c.BeforeSensitive), raw(c.AfterSensitive)
	}
	content, err := json.Marshal(k)
	if err != nil {
		return err
	}
	h := hmac.New(sha256.New, p.key)
	h.Write(content)
	p.keyed[shown] = base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:digestBytes])
	return nil
}

func raw(v value) any {
	if len(v) == 0 {
		return nil
	}
	return v
}

// changing are the parts of two values that differ, or will be known later. A list
// that differs counts as a whole.
func changing(before, after, unknown any) (b, a any) {
	was, one := before.(map[string]any)
	is, other := after.(map[string]any)
	if !one || !other || isTrue(unknown) {
		return before, after
	}
	from, to := map[string]any{}, map[string]any{}
	for _, side := range []map[string]any{was, is} {
		for key := range side {
			v, there := was[key]
			w, stays := is[key]
			later := child(unknown, key)
			if there == stays && reflect.DeepEqual(v, w) && !anyTrue(later) {
				continue
			}
			x, y := changing(v, w, later)
			if there {
				from[key] = x
			}
			if stays {
				to[key] = y
			}
		}
	}
	return from, to
}

// giveDigests puts the keyed digests into the summary.
func (p *projector) giveDigests() {
	for i, c := range p.sum.Changes {
		p.sum.Changes[i].Digest = p.keyed[c.Address]
	}
	for i, o := range p.sum.Outputs {
		p.sum.Outputs[i].Digest = p.keyed["output."+o.Name]
	}
}
