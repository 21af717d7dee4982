package app

import (
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/policy"
)

// policyRules are an environment's rules as policy wants them. A word that
// policy does not know denies there.
func policyRules(p config.Policy) policy.Rules {
	return policy.Rules{
		Approvals:          p.Approvals,
		ApprovalOf:         policy.ApprovalOf(p.ApprovalOf),
		CodeOwners:         p.CodeOwners,
		ApprovedBy:         people(p.ApprovedBy),
		Plan:               people(p.Plan),
		Apply:              people(p.Apply),
		Unlock:             people(p.Unlock),
		Override:           people(p.Override),
		Current:            policy.Current(p.Current),
		RequiredChecks:     p.RequiredChecks,
		Protected:          p.ProtectedResourceTypes,
		ProtectedApprovals: p.ProtectedApprovals,
		MaxPlanAge:         time.Duration(p.MaxPlanAge),
		Drafts:             p.AllowDraft,
		NoApply:            !p.AllowApply,
		NewProjects:        policy.NewProjects(p.NewProjects),
		Unrefreshed:        p.UnrefreshedPlans,
		NoButtons:          !p.Buttons,
	}
}

// people writes logins as @login and teams as org/team.
func people(names []string) []string {
	var out []string
	for _, name := range names {
		name = strings.TrimPrefix(name, "@")
		if !strings.Contains(name, "/") {
			name = "@" + name
		}
		out = append(out, name)
	}
	return out
}

// withoutApply lists the environments in which pull requests apply nothing.
func withoutApply(cfg config.Config) map[string]bool {
	out := map[string]bool{}
	for name, env := range cfg.Environments {
		if !env.Policy.AllowApply {
			out[name] = true
		}
	}
	return out
}

// withoutButtons lists the environments that no button changes anything of.
func withoutButtons(cfg config.Config) map[string]bool {
	out := map[string]bool{}
	for name, env := range cfg.Environments {
		if !env.Policy.Buttons {
			out[name] = true
		}
	}
	return out
}

// plansLimited reports whether some environment names who may plan.
func plansLimited(cfg config.Config) bool {
	for _, env := range cfg.Environments {
		if len(env.Policy.Plan) > 0 {
			return true
		}
	}
	return false
}

// requiredChecks are the names of all checks that some environment asks for.
func requiredChecks(cfg config.Config) []string {
	var names []string
	for _, env := range cfg.Environments {
		names = append(names, env.Policy.RequiredChecks...)
	}
	return names
}
