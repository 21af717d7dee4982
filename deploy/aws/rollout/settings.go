package rollout

import (
	"maps"
	"regexp"
	"slices"

	"github.com/lockkeeper/lockkeeper/deploy/aws"
	"github.com/lockkeeper/lockkeeper/yamlfile"
)

// Settings is what a file says about the stacks of a server.
type Settings struct {
	// Prefix begins every name; default lockkeeper.
	Prefix string `yaml:"prefix"`
	Region string `yaml:"region"`
	// Parameters are those of the templates, by name, for every stack whose template
	// has one.
	Parameters map[string]string `yaml:"parameters"`
	// Environments has a stack for each, and parameters of that one alone.
	Environments map[string]map[string]string `yaml:"environments"`
}

var (
	limits     = yamlfile.Limits{Bytes: 1 << 20, Items: 10_000, LineBytes: 64 << 10, Depth: 8, Keys: 1_000}
	isPrefix   = regexp.MustCompile(`^[a-z][a-z0-9-]{1,19}$`)
	isRegion   = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	isBoundary = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,30}$`)
)

// Read reads the content of a file. Its error is yamlfile.Problems, with every mistake.
func Read(name string, content []byte) (Settings, error) {
	s := Settings{Prefix: "lockkeeper"}
	r := yamlfile.New(name, limits)
	r.Defaults = true
	if body := r.Root(content); body != nil {
		r.Struct(body, &s, nil)
	}
	check := func(ok bool, key, format string, args ...any) {
		if !ok && !r.Noted(key) {
			r.Note(r.Lines[key], key, format, args...)
		}
	}
	check(isPrefix.MatchString(s.Prefix), "prefix", "must be 2 to 20 lower-case letters, digits and dashes, and begin with a letter")
	check(isRegion.MatchString(s.Region), "region", "must be a region such as eu-west-1")
	check(len(s.Environments) > 0, "environments", "must name one, such as dev")
	all := deploy.Stacks("any", "any")
	s.known(check, "parameters", s.Parameters, all)
	for _, name := range slices.Sorted(maps.Keys(s.Environments)) {
		check(isBoundary.MatchString(name), "environments."+name, "must be up to 31 lower-case letters, digits and dashes")
		check(name != "server", "environments."+name, "is where the server's own secrets are: choose another name")
		s.known(check, "environments."+name, s.Environments[name], all[2:])
		_, has := s.Environments[name]["RolePath"]
		check(!has, "environments."+name+".RolePath", "is one for all stacks: set it under parameters")
	}
	if len(r.Problems) > 0 {
		return s, r.Problems
	}
	return s, nil
}

// known checks that some of the templates take the parameters. What a stack is given
// by its place is nobody's choice.
func (s Settings) known(check func(bool, string, string, ...any), key string, given map[string]string, stacks []deploy.Stack) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		taken := slices.ContainsFunc(stacks, func(stack deploy.Stack) bool {
			_, fixed := stack.Parameters[name]
			return stack.Takes(name) && !fixed && name != "ImageUri"
		})
		check(taken, key+"."+name, "is no parameter of these templates that is set here")
	}
}

// stacks are those of the settings, in the order in which they are deployed.
func (s Settings) stacks() []deploy.Stack {
	return deploy.Stacks(s.Prefix, slices.Sorted(maps.Keys(s.Environments))...)
}

// given are the parameters of a stack.
func (s Settings) given(stack deploy.Stack, image string) map[string]string {
	all := maps.Clone(s.Parameters)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, s.Environments[stack.Parameters["Environment"]])
	all["ImageUri"] = image
	return stack.Given(all)
}
