package rego

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// removed are the built-in functions that rules do not have.
var removed = []string{
	"http.send", "net.lookup_ip_addr", // reach out
	"json.match_schema", "json.verify_schema", // a $ref in the schema reads files of this machine, and URLs
	"opa.runtime", "rego.parse_module", "trace", // look into the evaluator
	"rand.intn", "uuid.rfc4122", // a plan that is judged twice gets the same verdict
}

// capabilities is what rules may use. A test lists every function that is left,
// so that a new version of the library brings none unseen.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return slices.Contains(removed, b.Name) })
	c.AllowNet = []string{} // nil would be any host
	return c
}
