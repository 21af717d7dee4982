package project

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// moduleCall is a call of a module whose source lies on the machine on which
// terraform runs. Exported for gob.
type moduleCall struct {
	Name, Source string
	Line         int
}

// forced is go-getter's way to name who fetches a source: git::https://…
var forced = regexp.MustCompile(`^[A-Za-z0-9]+::`)

// onThisMachine reports whether a module source leads to the disk or to a
// service of the machine on which terraform runs, where the files of other
// repositories are. What begins with ./ or ../ is a part of the commit and not
// meant; where it leads, Graph tells.
func onThisMachine(source string) bool {
	rest := strings.TrimSpace(source)
	if isLocalSource(rest) {
		return false
	}
	for forced.MatchString(rest) {
		getter, after, _ := strings.Cut(rest, "::")
		if rest = after; strings.EqualFold(getter, "file") {
			return true
		}
	}
	lower := strings.ToLower(rest)
	switch {
	case rest == "", strings.HasPrefix(lower, "file:"), strings.ContainsAny(rest[:1], `/\~.`),
		len(rest) > 2 && rest[1] == ':' && strings.ContainsAny(rest[2:3], `/\`):
		return true
	}
	return isThisMachine(hostOf(rest))
}

// isLocalSource is Terraform's rule for paths inside of the same repository.
func isLocalSource(source string) bool {
	for _, prefix := range []string{"./", "../", `.\`, `..\`} {
		if strings.HasPrefix(source, prefix) {
			return true
		}
	}
	return false
}

// hostOf finds the host of a URL, or of git's user@host:path.
func hostOf(source string) string {
	if u, err := url.Parse(source); err == nil && u.Scheme != "" && u.Host != "" {
		return u.Hostname()
	}
	before, _, _ := strings.Cut(source, "/")
	_, host, found := strings.Cut(before, "@")
	if !found {
		host = before
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}

func isThisMachine(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// moduleSource notes a module call, as far as its source is constant. Terraform
// takes nothing else.
func (c *collector) moduleSource(name string, expr hclsyntax.Expression, line int) {
	v, diags := expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return
	}
	c.disk(name, v.AsString(), line)
}

func (c *collector) disk(name, source string, line int) {
	if onThisMachine(source) {
		c.Disk = append(c.Disk, moduleCall{name, source, line})
	}
}

// Refused lists the module calls that a project reaches and that no job may make:
// their source lies on the machine on which terraform runs, or outside of the
// repository. Modules that init fetches are not looked into.
func (g *Graph) Refused(p Project) Problems {
	var out Problems
	for _, dir := range g.reach(p.Dir).modules {
		n := g.nodes[dir]
		if n == nil {
			continue
		}
		for _, s := range n.sources {
			for _, call := range s.Disk {
				out = append(out, Problem{File: s.path, Line: call.Line, Message: call.refused()})
			}
		}
		n.eachRef(func(s source, r ref) {
			if _, inside := within(n.dir, r.Path); r.Kind == moduleRef && !inside {
				out = append(out, Problem{File: s.path, Line: r.Line, Message: g.wrong(n, r)})
			}
		})
	}
	out.Sort()
	return out
}

func (c moduleCall) refused() string {
	return fmt.Sprintf("the source %s of module %s lies on the machine that runs Terraform, which no job may read; "+
		"put the module into this repository, or name the repository or registry that it comes from", quote(c.Source), quote(c.Name))
}
