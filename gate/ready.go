package gate

import (
	"slices"

	"github.com/lockkeeper/lockkeeper/policy"
	"github.com/lockkeeper/lockkeeper/run"
)

// withReady adds to a verdict which projects one apply could take now although it
// cannot take all of those that were judged: each is allowed, what comes before it is
// applied or among them, and no two have one state. The gate says so of them together,
// or there are none.
func (in *input) withReady(v policy.Verdict) policy.Verdict {
	if v.Allowed {
		return v
	}
	facts := in.facts
	var chosen []policy.Project
	taken := map[string]bool{} // keys of locks
	for i, part := range v.Parts {
		proj := facts.Projects[i]
		st, planned := in.stored.statuses[proj.Name]
		if !planned || proj.Applied || st.Empty() || !allowedBut(part, "in_order") {
			continue
		}
		keys := run.LockKeys(st.Plan.Document)
		if slices.ContainsFunc(keys, func(key string) bool { return taken[key] }) {
			continue
		}
		for _, key := range keys {
			taken[key] = true
		}
		chosen = append(chosen, proj)
	}
	for {
		less, changed := in.inOrder(chosen)
		chosen = less
		if !changed {
			break
		}
	}
	facts.Projects = chosen
	if len(chosen) == 0 || !policy.Apply(facts).Allowed {
		return v
	}
	for _, proj := range chosen {
		v.Ready = append(v.Ready, proj.Name)
	}
	return v
}

// allowedBut reports whether nothing but one predicate is in a project's way.
func allowedBut(part policy.Part, predicate string) bool {
	return !slices.ContainsFunc(part.Reasons, func(r policy.Reason) bool { return !r.OK && r.Predicate != predicate })
}

// inOrder leaves out projects before which something comes that is neither applied
// nor among them, and notes for the others that nothing does.
func (in *input) inOrder(chosen []policy.Project) (out []policy.Project, changed bool) {
	only := *in
	only.targets = slices.DeleteFunc(slices.Clone(in.targets), func(x target) bool {
		return !slices.ContainsFunc(chosen, func(proj policy.Project) bool { return proj.Name == x.Name })
	})
	for _, x := range only.targets {
		i := slices.IndexFunc(chosen, func(proj policy.Project) bool { return proj.Name == x.Name })
		if only.waits(x) {
			changed = true
			continue
		}
		chosen[i].Before, chosen[i].Unplanned = nil, nil
		out = append(out, chosen[i])
	}
	return out, changed
}

// previewReady are the projects of a plan that is being made that could be applied
// when it has changes, as far as the rules go: nothing is missing for them, nor for
// what comes before them.
func previewReady(all []target, v policy.Verdict, affected map[string]bool, checks []string) []string {
	if v.Allowed && len(checks) == 0 || !allowedBut(policy.Part{Verdict: policy.Verdict{Reasons: v.Reasons}}, "") {
		return nil
	}
	ready := map[string]bool{}
	for _, x := range all {
		i := slices.IndexFunc(v.Parts, func(part policy.Part) bool { return part.Project == x.Name })
		unchecked := slices.ContainsFunc(x.rules.RequiredChecks, func(name string) bool { return slices.Contains(checks, name) })
		ready[x.Name] = !unchecked && !x.rules.NoApply && (i < 0 || allowedBut(v.Parts[i], "in_order"))
	}
	for changed := true; changed; {
		changed = false
		for _, x := range all {
			if ready[x.Name] && slices.ContainsFunc(x.After, func(name string) bool { return affected[name] && !ready[name] }) {
				ready[x.Name], changed = false, true
			}
		}
	}
	var out []string
	for _, x := range all {
		if ready[x.Name] {
			out = append(out, x.Name)
		}
	}
	return out
}
