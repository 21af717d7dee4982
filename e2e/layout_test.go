package e2e

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lockkeeper/lockkeeper/"

// layout says which packages of the project each package may import. A new
// folder needs a line here and a sentence in README's map.
var layout = map[string][]string{
	// The domain knows no adapter.
	"policy":   {"run", "plandiff", "markdown", "selector"},
	"commands": {},
	"project":  {"links", "yamlfile", "selector", "project/depth", "project/forbidden"},
	"run":      {"fair", "markdown"},
	"worker":   {"run", "fair", "loop"},
	"plandiff": {"run", "markdown"},

	// Text for people; it imports nothing.
	"markdown": {},

	// Small files that survive a power cut.
	"durable": {},

	// Where symbolic links of a tree lead.
	"links": {},

	// The form of YAML files, for whoever knows what their keys mean.
	"yamlfile": {},

	// Which projects somebody means by what they typed.
	"selector": {},

	// Whose turn it is, for whoever has slots to give.
	"fair": {},

	// Intervals, the signal that wakes before the next one, and how long to wait.
	"loop": {},

	// Adapters know the domain, never each other.
	"store/sqlite": {"run"},
	"artifact":     {"run", "artifact", "links"},
	"reserve":      {"loop"},
	"pull":         {"project", "project/forbidden", "links", "durable"},
	"report":       {"run", "markdown", "report/view"},
	"service":      {"run", "policy", "markdown", "selector"},
	"server":       {"run", "service", "commands", "markdown", "fair", "loop"},
	"config":       {"yamlfile", "runner/jail"}, // jail says what every job sees: no secret may lie there

	// What is so, what is said, and how it gets there: each knows what is before it.
	"report/view":          {"run"},
	"report/view/viewtest": {"run", "report/view"},
	"outbox":               {"run", "fair", "loop"},
	"outbox/github":        {"run", "report", "report/view"},

	// Stores for tests, and the suite that every store passes.
	"store/storetest":         {"run", "longtest"},
	"store/sqlite/sqlitetest": {"store/sqlite"},

	// gate judges a command by what it reads; what the commits hold it is told.
	"gate": {"run", "policy", "project", "pull", "plandiff", "markdown"},

	// prepare composes: commits, projects, documents, sources; the gate says whether.
	"prepare":             {"run", "gate", "policy", "project", "pull", "markdown"},
	"prepare/preparetest": {"run", "gate", "prepare", "policy", "project", "pull", "artifact", "sandbox/*"},

	// Inside a job there is no GitHub; the engine starts the runner.
	"runner":              {"durable", "run", "markdown", "project", "project/depth", "project/forbidden", "artifact", "links", "runner", "runner/*"},
	"backend/local":       {"durable", "run", "artifact", "runner", "runner/*", "backend/local/*", "fair", "loop"},
	"backend/backendtest": {"run", "artifact"},

	// In AWS the state machine starts the container, which finds no terraform by
	// itself: job.go hands it one.
	"artifact/bucket":       {"artifact"},
	"backend/aws":           {"run", "artifact", "artifact/*", "runner"},
	"backend/aws/container": {"run", "artifact", "artifact/*", "runner", "runner/*", "backend/aws"},
	"backend/aws/doctor":    {"run", "artifact/*", "backend/aws"},

	// Only lockkeeper-evaluator carries the library that judges plans.
	"policy/rego":                      {"run"},
	"policy/rego/lockkeeper-evaluator": {"policy/rego"},

	// The sandbox is a GitHub of its own: it knows nothing of Lockkeeper.
	"sandbox": {"sandbox/*"},

	// An AWS for tests; it knows nothing of Lockkeeper either.
	"awstest": {"awstest/*"},

	// Which tests are for make test-long alone.
	"longtest": {},

	// What attackers bring, for tests; it knows nothing of Lockkeeper either.
	"hostile": {"hostile/*"},

	// What people deploy to AWS, and nothing else; and what deploys it for them.
	"deploy":             {}, // tests of what is installed
	"deploy/aws":         {},
	"deploy/aws/rollout": {"deploy/aws", "artifact/bucket", "yamlfile"},

	// What people deploy to Kubernetes: tests alone.
	"charts": {},

	// The program: commands, and the server that they start. Both may use everything.
	"cli": {"*"},
	"app": {"*"},
	"e2e": {},

	"bench": {"*"},
}

var domain = []string{"policy", "plandiff", "commands", "project", "run", "worker", "service", "fair", "report", "report/view", "outbox"}

// outside lists what the domain must not import from other modules.
var outside = []string{
	"github.com/google/go-github", "github.com/palantir", "github.com/aws", "database/sql", "modernc.org/sqlite", "net/http",
}

func TestPackagesImportOnlyWhatTheLayoutAllows(t *testing.T) {
	for pkg, imports := range imports(t) {
		allowed, listed := allowance(pkg)
		if !listed {
			t.Errorf("%s is not in the layout: add it here and to README's map", pkg)
		}
		for _, i := range imports {
			own, isOurs := strings.CutPrefix(i, module)
			if isOurs && !slices.ContainsFunc(allowed, func(a string) bool { return matches(a, own) }) {
				t.Errorf("%s must not import %s", pkg, own)
			}
			if slices.Contains(domain, pkg) && slices.ContainsFunc(outside, func(o string) bool { return strings.HasPrefix(i, o) }) {
				t.Errorf("%s is the domain and must not import %s", pkg, i)
			}
		}
	}
}

// imports lists the imports of each package below the top, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if pkg, ok := strings.CutPrefix(fields[0], module); ok {
			found[pkg] = fields[1:]
		}
	}
	return found
}

// allowance finds the line of a package or of the folder above it.
func allowance(pkg string) (allowed []string, listed bool) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if allowed, listed = layout[p]; listed {
			return allowed, true
		}
	}
	return nil, false
}

func matches(pattern, pkg string) bool {
	if folder, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(pkg, folder)
	}
	return pattern == pkg
}
