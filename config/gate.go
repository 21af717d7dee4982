package config

import (
	"path"
	"strings"
	"time"
)

// Policy is what must hold before something is planned or applied in an
// environment. People are logins, with or without @, or teams (org/team).
type Policy struct {
	Approvals              int      `yaml:"approvals"`
	ApprovalOf             string   `yaml:"approval_of"` // plan or commit
	CodeOwners             bool     `yaml:"code_owners"`
	ApprovedBy             []string `yaml:"approved_by"`
	Plan                   []string `yaml:"plan"`
	Apply                  []string `yaml:"apply"`
	Unlock                 []string `yaml:"unlock"`
	Override               []string `yaml:"override"`
	Current                string   `yaml:"current"` // strict, project or off
	RequiredChecks         []string `yaml:"required_checks"`
	ProtectedResourceTypes []string `yaml:"protected_resource_types"` // path.Match
	ProtectedApprovals     int      `yaml:"protected_approvals"`      // 0: only confirm= will do
	MaxPlanAge             Period   `yaml:"max_plan_age"`
	AllowDraft             bool     `yaml:"allow_draft"`
	AllowApply             bool     `yaml:"allow_apply"`
	Buttons                bool     `yaml:"buttons"`           // check runs offer what changes something
	NewProjects            string   `yaml:"new_projects"`      // none, plan or apply: of those that only a head names
	UnrefreshedPlans       bool     `yaml:"unrefreshed_plans"` // a plan with -refresh=false is taken for a whole one
}

// SetDefaults gives an environment what the file leaves out: what a small team
// can live with, and nobody alone can get around.
func (e *Environment) SetDefaults() {
	e.Policy = Policy{Approvals: 1, ApprovalOf: "plan", NewProjects: "none", Current: "project", MaxPlanAge: Period(7 * 24 * time.Hour), AllowApply: true, Buttons: true}
}

// Locks says when locks are taken and how long an idle one is kept.
type Locks struct {
	At          string        `yaml:"at"` // plan or apply
	ExpireAfter Period        `yaml:"expire_after"`
	WarnBefore  time.Duration `yaml:"warn_before"` // the lock expires
}

// Automerge says what happens when everything is applied.
type Automerge struct {
	Enabled bool   `yaml:"enabled"`
	Method  string `yaml:"method"` // merge, squash or rebase
}

// PlanPolicy says where the Rego rules are that plans are judged by; at most
// one field is set, and none means no rules.
type PlanPolicy struct {
	Dir       string `yaml:"dir"`        // of the repository, on the base branch; slash-separated
	ServerDir string `yaml:"server_dir"` // on this machine
}

// ownChecks is how the names of Lockkeeper's own check runs begin.
const ownChecks = "lockkeeper/"

// A login of GitHub, also of an enterprise's managed user (with _), and a team.
var isPerson = atMost(201, `^@?[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?$`)

func (v *validator) policy(key string, p Policy) {
	const most = 20 // people who approve
	v.between(key+".approvals", int64(p.Approvals), 0, most, "0", "20")
	v.between(key+".protected_approvals", int64(p.ProtectedApprovals), 0, most, "0", "20")
	v.check(p.ApprovalOf == "plan" || p.ApprovalOf == "commit", key+".approval_of", "must be plan or commit")
	v.check(p.NewProjects == "none" || p.NewProjects == "plan" || p.NewProjects == "apply", key+".new_projects", "must be none, plan or apply")
	v.check(p.Current == "strict" || p.Current == "project" || p.Current == "off", key+".current", "must be strict, project or off")
	v.period(key+".max_plan_age", p.MaxPlanAge, time.Minute, "1m")
	v.people(key+".approved_by", p.ApprovedBy)
	v.people(key+".plan", p.Plan)
	v.people(key+".apply", p.Apply)
	v.people(key+".unlock", p.Unlock)
	v.people(key+".override", p.Override)
	for i, name := range p.RequiredChecks {
		at := indexed(key+".required_checks", i)
		v.check(name != "", at, "must be the name of a check")
		v.check(!strings.HasPrefix(name, ownChecks), at, "is a check of Lockkeeper's own, which would wait for itself; remove it")
	}
	for i, pattern := range p.ProtectedResourceTypes {
		_, err := path.Match(pattern, "")
		v.check(err == nil && pattern != "", indexed(key+".protected_resource_types", i), "must be a resource type or a pattern such as aws_db_*")
	}
}

// people checks a list of names. An empty list could be read as nobody and as
// everybody, so it is refused.
func (v *validator) people(key string, names []string) {
	_, given := v.Lines[key]
	v.check(!given || len(names) > 0, key, "is empty: list a user or team, or remove the key")
	for i, name := range names {
		v.check(isPerson(name), indexed(key, i), "must be a login such as ana or a team such as org/team")
	}
}

func (v *validator) period(key string, p Period, least time.Duration, leastText string) {
	if p != 0 {
		v.between(key, int64(p), int64(least), int64(365*24*time.Hour), leastText, "8760h, or never")
	}
}

func (v *validator) locks(l Locks) {
	v.check(l.At == "plan" || l.At == "apply", "locks.at", "must be plan or apply")
	v.period("locks.expire_after", l.ExpireAfter, time.Hour, "1h")
	v.check(l.WarnBefore >= time.Minute, "locks.warn_before", "must be at least 1m")
	v.check(l.ExpireAfter == 0 || l.WarnBefore < time.Duration(l.ExpireAfter), "locks.warn_before", "is %s, and must be shorter than locks.expire_after", l.WarnBefore)
}

func (v *validator) planPolicy(p PlanPolicy) {
	v.check(p.Dir == "" || p.ServerDir == "", "plan_policy.server_dir", "stands beside plan_policy.dir; keep one of them")
	v.check(p.Dir == "" || isRepositoryPath(p.Dir), "plan_policy.dir", "must be a directory of the repository such as policy; for one of this machine use plan_policy.server_dir")
	v.check(p.ServerDir == "" || isDirectory(p.ServerDir), "plan_policy.server_dir", "must be a directory on this machine")
}

func isRepositoryPath(p string) bool {
	clean := path.Clean(p)
	return !path.IsAbs(p) && clean != ".." && !strings.HasPrefix(clean, "../") && !strings.ContainsAny(p, "\\\x00")
}
