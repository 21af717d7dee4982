package awstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Policy is an IAM policy document, as far as Lockkeeper's templates use the
// language (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
type Policy struct {
	Statement list[Statement]
}

// Statement of a Policy.
type Statement struct {
	Effect    string
	Principal principals
	Action    list[string]
	Resource  list[string]
	Condition map[string]map[string]list[string]
}

// list is one value or several.
type list[T any] []T

func (l *list[T]) UnmarshalJSON(b []byte) error {
	if strings.HasPrefix(string(b), "[") {
		return json.Unmarshal(b, (*[]T)(l))
	}
	*l = make(list[T], 1)
	return json.Unmarshal(b, &(*l)[0])
}

// principals are whom a statement of a resource's policy names: services,
// accounts, or * for everybody.
type principals []string

func (p *principals) UnmarshalJSON(b []byte) error {
	if string(b) == `"*"` {
		*p = principals{"*"}
		return nil
	}
	var kinds map[string]list[string]
	if err := json.Unmarshal(b, &kinds); err != nil {
		return err
	}
	for _, names := range kinds {
		*p = append(*p, names...)
	}
	return nil
}

// names reports whether a statement is about who asks.
func (p principals) names(who string) bool {
	return who == "" || slices.Contains(p, "*") || slices.Contains(p, who)
}

// Allows says whether policies allow a request, by the rules of IAM inside of
// one account: a Deny that applies wins, and without an Allow that applies the
// answer is no. A condition on something that the request does not carry
// applies to a Deny and not to an Allow, so that doubt is a no.
func Allows(policies []Policy, r Request) bool {
	allowed := false
	for _, p := range policies {
		for _, s := range p.Statement {
			if !s.Principal.names(r.Principal) || !matchesAny(s.Action, r.Action) || !s.isAbout(r) {
				continue
			}
			if s.Effect == "Deny" && s.holds(r, true) {
				return false
			}
			allowed = allowed || s.Effect == "Allow" && s.holds(r, false)
		}
	}
	return allowed
}

// isAbout reports whether a statement names the resource. A variable in it is
// known for aws:userid alone; where it is not known a Deny applies and an Allow
// does not.
func (s Statement) isAbout(r Request) bool {
	id, known := r.Context[userID]
	return slices.ContainsFunc(s.Resource, func(p string) bool {
		if known {
			p = strings.ReplaceAll(p, "${"+userID+"}", id)
		}
		if strings.Contains(p, "${") {
			return s.Effect == "Deny"
		}
		return matchesAny([]string{p}, r.Resource)
	})
}

func (s Statement) holds(r Request, doubt bool) bool {
	for operator, keys := range s.Condition {
		for key, want := range keys {
			if !meets(operator, want, r.Context, key, doubt) {
				return false
			}
		}
	}
	return true
}

// meets reports whether one condition holds, and doubt when that is not known.
func meets(operator string, want []string, context map[string]string, key string, doubt bool) bool {
	got, known := context[key]
	switch {
	case operator == "Null":
		return slices.Contains(want, "true") != known
	case !known:
		return doubt
	}
	switch operator {
	case "StringEquals", "ArnEquals", "Bool":
		return slices.Contains(want, got)
	case "StringNotEquals", "ArnNotEquals":
		return !slices.Contains(want, got)
	case "StringLike", "ArnLike":
		return matchesAny(want, got)
	case "ArnNotLike":
		return !matchesAny(want, got)
	}
	return doubt
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		p = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(p))
		return regexp.MustCompile("(?i)^(?:" + p + ")$").MatchString(s)
	})
}

// Policies are the documents of the roles and managed policies that exist, by
// name.
func (e *Emulator) Policies(t testing.TB) map[string][]Policy {
	t.Helper()
	found := map[string][]Policy{}
	e.control(t, "policies", nil, &found)
	return found
}

// ResourcePolicies are the documents of resources, by their ARN: those of buckets.
func (e *Emulator) ResourcePolicies(t testing.TB) map[string]Policy {
	t.Helper()
	found := map[string]Policy{}
	e.control(t, "resources", nil, &found)
	return found
}

// denies reports whether the policy of the resource denies a request, or of the
// bucket that an object is in.
func denies(resources map[string]Policy, r Request) bool {
	for name, p := range resources {
		if r.Resource != name && !strings.HasPrefix(r.Resource, name+"/") {
			continue
		}
		open := Statement{Effect: "Allow", Action: list[string]{"*"}, Resource: list[string]{"*"}}
		if !Allows([]Policy{p, {Statement: list[Statement]{open}}}, r) {
			return true
		}
	}
	return false
}

// Refused lists what a principal did and may not do by the roles and managed
// policies that are named, or by the policy of the bucket. It is an error that one
// of them does not exist or that a call is not understood.
func (e *Emulator) Refused(t testing.TB, principal string, names ...string) []string {
	t.Helper()
	all, resources := e.Policies(t), e.ResourcePolicies(t)
	var policies []Policy
	for _, name := range names {
		if len(all[name]) == 0 {
			t.Errorf("there is no role or policy %s with a document", name)
		}
		policies = append(policies, all[name]...)
	}
	var refused []string
	for _, c := range e.Calls(t) {
		if c.Principal != principal {
			continue
		}
		requests, err := Requests(c)
		if err != nil {
			t.Error(err)
		}
		for _, r := range requests {
			if line := fmt.Sprintf("%s may not %s on %s", principal, r.Action, r.Resource); (!Allows(policies, r) || denies(resources, r)) && !slices.Contains(refused, line) {
				refused = append(refused, line)
			}
		}
	}
	return refused
}
