package summary

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// actions maps what Terraform lists to what happens. The two orders of a
// replacement mean the same to a reader; ["create","forget"] replaces an object
// and leaves the old one where it is (OpenTofu and Terraform >= 1.11 with
// "removed" and destroy = false).
var actions = map[string]run.Action{
	"no-op":         run.ActionNone,
	"read":          run.ActionRead,
	"create":        run.ActionCreate,
	"update":        run.ActionUpdate,
	"delete":        run.ActionDestroy,
	"forget":        run.ActionForget,
	"delete create": run.ActionReplace,
	"create delete": run.ActionReplace,
	"create forget": run.ActionReplace,
	"forget create": run.ActionReplace,
}

// reasons puts Terraform's action_reason into words.
var reasons = map[string]string{
	"replace_because_tainted":           "it is tainted: an earlier apply did not finish it",
	"replace_because_cannot_update":     "a changed attribute cannot be updated in place",
	"replace_by_request":                "asked for with -replace",
	"replace_by_triggers":               "something in replace_triggered_by changes",
	"delete_because_no_resource_config": "it is no longer in the configuration",
	"delete_because_no_module":          "its module is no longer in the configuration",
	"delete_because_wrong_repetition":   "count or for_each was added or removed",
	"delete_because_count_index":        "count is smaller now",
	"delete_because_each_key":           "its key is no longer in for_each",
	"delete_because_no_move_target":     "a moved block leads to an address that does not exist",
	"read_because_config_unknown":       "its configuration is known only after apply",
	"read_because_dependency_pending":   "something that it depends on changes first",
	"read_because_check_nested":         "it belongs to a check block",
}

func (p *projector) resource(rc resourceChange) error {
	action, known := actions[strings.Join(rc.Change.Actions, " ")]
	if !known {
		return fmt.Errorf("%s: the actions %q are not known here", rc.Address, rc.Change.Actions)
	}
	moved := rc.PreviousAddress != "" && rc.PreviousAddress != rc.Address
	importing := rc.Change.Importing != nil
	if action == run.ActionNone && !moved && !importing {
		return nil
	}
	c := run.Change{
		Address: rc.Address, Type: rc.Type, Action: action,
		Reason: reasons[rc.ActionReason], Importing: importing,
	}
	if action == run.ActionReplace && slices.Contains(rc.Change.Actions, "forget") {
		c.Reason = strings.TrimPrefix(c.Reason+"; the old object is forgotten, not destroyed", "; ")
	}
	if rc.Deposed != "" {
		c.Address += " (deposed " + rc.Deposed + ")"
	}
	if moved {
		c.MovedFrom = rc.PreviousAddress
	}
	p.count(c)
	if err := p.keepDigest(c.Address, rc); err != nil {
		return fmt.Errorf("%s: %w", rc.Address, err)
	}
	if p.withValues {
		diff, sum, err := p.diff(location{}, rc.Change)
		if err != nil {
			return fmt.Errorf("%s: %w", rc.Address, err)
		}
		c.Diff = diff
		p.whole[c.Address] = sum
	} else {
		c.Omitted = action != run.ActionNone
	}
	p.sum.Changes = append(p.sum.Changes, c)
	return nil
}

func (p *projector) count(c run.Change) {
	n := &p.sum.Counts
	switch c.Action {
	case run.ActionCreate:
		n.Add++
	case run.ActionUpdate:
		n.Change++
	case run.ActionReplace:
		n.Replace++
	case run.ActionDestroy:
		n.Destroy++
	case run.ActionForget:
		n.Forget++
	}
	if c.Importing {
		n.Import++
	}
	if c.MovedFrom != "" {
		n.Move++
	}
}

func (p *projector) outputs(d *json.Decoder) error {
	changes := map[string]change{}
	if err := d.Decode(&changes); err != nil {
		return err
	}
	for name, c := range changes {
		action, known := actions[strings.Join(c.Actions, " ")]
		if !known {
			return fmt.Errorf("%s: the actions %q are not known here", name, c.Actions)
		}
		if action == run.ActionNone {
			continue
		}
		out := run.OutputChange{Name: name, Action: action}
		if err := p.keepDigest("output."+name, resourceChange{Address: "output." + name, Change: c}); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if p.withValues {
			diff, sum, err := p.diff(location{}.key("output").key(name), c)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			out.Diff, p.whole["output."+name] = diff, sum
			if len(diff) == 1 && diff[0].Lines == "" && diff[0].Note == "" && diff[0].Path == "output."+name {
				out.Before, out.After, out.Diff = diff[0].Before, diff[0].After, nil
			}
		}
		p.sum.Outputs = append(p.sum.Outputs, out)
		p.sum.Counts.Outputs++
	}
	return nil
}
