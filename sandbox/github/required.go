package github

import (
	"fmt"
	"net/http"
	"slices"
)

// requiredContexts are the names of statuses and checks without which the rules of a branch let nothing be merged
// (rule "required_status_checks"). Callers hold d.mu.
func (r *repository) requiredContexts(branch string) (names []string) {
	for _, rule := range r.rules[branch] {
		parameters, _ := rule["parameters"].(object)
		checks, _ := parameters["required_status_checks"].([]object)
		for _, check := range checks {
			if name, ok := check["context"].(string); ok && rule["type"] == "required_status_checks" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unmet lists the required contexts that are not green on the head. Callers hold d.mu.
func (p *pull) unmet() []object {
	required := p.repo.requiredContexts(p.baseRef)
	if len(required) == 0 {
		return nil
	}
	return p.repo.unmetContexts(p.headSHA, &required)
}

// refuseUnmet is what GitHub answers to a merge that the rules of the base do not allow.
func refuseUnmet(unmet []object) error {
	text := fmt.Sprintf("%d of the required status checks have not succeeded.", len(unmet))
	if len(unmet) == 1 {
		text = fmt.Sprintf("Required status check %q is expected.", unmet[0]["context"])
	}
	return &Error{Status: http.StatusMethodNotAllowed, Message: "Repository rule violations found\n\n" + text + "\n\n"}
}
