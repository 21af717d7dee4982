package project

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// State identifies where the state of a project is, as far as the commit and s tell: two projects with the same answer have one state, also in different
// repositories. The answer is short and holds none of the settings. It is "" when the state is a local file, when
// something that matters is not written down as a constant or comes from somewhere else, and when the
// files have mistakes.
func (g *Graph) State(p Project, s Settings) string {
	n := g.nodes[p.Dir]
	if n == nil || p.FromModule != "" {
		return ""
	}
	b, ok := merged(n.configuration(s.Tofu))
	if !ok || b.Type == "local" {
		return ""
	}
	if b.Type != "cloud" {
		b = b.with(s.Backend)
	}
	identity, ok := b.identity(p.Workspace)
	if !ok {
		return ""
	}
	text, err := json.Marshal(identity) // in the order of the keys
	if err != nil {
		return "" // strings always marshal
	}
	kind := identity["type"]
	if _, known := backends[kind]; !known {
		kind = "other" // it may be any text
	}
	digest := sha256.Sum256(text)
	return fmt.Sprintf("%s:%x", kind, digest[:16])
}

// cloudName is the name that the cloud block of a directory gives its workspace; "" when it gives none.
func (n *node) cloudName(tofu bool) string {
	if n == nil {
		return ""
	}
	b, ok := merged(n.configuration(tofu))
	if !ok || b.Type != "cloud" {
		return ""
	}
	return b.Values["workspaces.name"]
}

// configuration is the files that Terraform loads from the directory, or OpenTofu, which prefers x.tofu to x.tf
// (OpenTofu language, "Files and Directories").
func (n *node) configuration(tofu bool) []source {
	has := map[string]bool{}
	for _, s := range n.sources {
		has[s.path] = true
	}
	return slices.DeleteFunc(slices.Clone(n.sources), func(s source) bool {
		name, isJSON := strings.CutSuffix(s.path, ".json")
		if strings.HasSuffix(name, ".tofu") {
			return !tofu
		}
		twin := strings.TrimSuffix(name, ".tf") + ".tofu"
		if isJSON {
			twin += ".json"
		}
		return tofu && has[twin]
	})
}

// merged is the block that counts: override files are read last, in their order, and each replaces the block before
// (Terraform language, "Override Files", "Merging terraform blocks"). ok is false when there is none, when
// there are two where there may be one, and when a file could not be read in full.
func merged(sources []source) (b backend, ok bool) {
	var normal, override []backend
	for _, s := range sources {
		if s.Mistake != "" {
			return backend{}, false
		}
		for _, b := range s.Backends {
			if b.File = s.path; isOverride(s.path) {
				override = append(override, b)
			} else {
				normal = append(normal, b)
			}
		}
	}
	switch {
	case len(normal) > 1:
		return backend{}, false
	case len(override) > 0:
		return override[len(override)-1], true
	case len(normal) == 1:
		return normal[0], true
	}
	return backend{}, false
}

func isOverride(name string) bool {
	name = strings.TrimSuffix(path.Base(name), ".json")
	name = strings.TrimSuffix(name, path.Ext(name))
	return name == "override" || strings.HasSuffix(name, "_override")
}

// with is b with the settings of -backend-config, which win.
func (b backend) with(settings map[string]string) backend {
	out := backend{Type: b.Type, Values: map[string]string{}, Unknown: slices.Clone(b.Unknown), Line: b.Line, File: b.File}
	for k, v := range b.Values {
		out.Values[k] = v
	}
	for k, v := range settings {
		out.Values[k] = v
		out.Unknown = slices.DeleteFunc(out.Unknown, func(u string) bool { return u == k })
	}
	return out
}

// where says which settings of a backend tell where its state is (Terraform language, each backend's page).
// Credentials and the like are none of them.
type where struct {
	need []string // without one of these it is not known
	also []string
}

var backends = map[string]where{
	"s3":         {[]string{"bucket", "key"}, []string{"workspace_key_prefix", "endpoint", "endpoints.s3"}},
	"gcs":        {[]string{"bucket"}, []string{"prefix"}},
	"azurerm":    {[]string{"storage_account_name", "container_name", "key"}, nil},
	"http":       {[]string{"address"}, nil},
	"consul":     {[]string{"path"}, []string{"address", "datacenter"}},
	"kubernetes": {[]string{"secret_suffix"}, []string{"namespace", "host", "config_path", "config_context", "config_context_cluster"}},
	"pg":         {[]string{"conn_str"}, []string{"schema_name"}},
	"oss":        {[]string{"bucket"}, []string{"prefix", "key"}},
	"cos":        {[]string{"bucket"}, []string{"prefix", "key", "region"}},
	"oci":        {[]string{"bucket", "namespace", "key"}, []string{"workspace_key_prefix"}},
	"remote":     {[]string{"organization"}, []string{"hostname", "workspaces.name", "workspaces.prefix"}},
	"cloud":      {[]string{"organization"}, []string{"hostname", "workspaces.name"}},
}

// identity is the settings that tell where the state is, and the workspace. ok is false when they are not all known.
func (b backend) identity(workspace string) (id map[string]string, ok bool) {
	w, known := backends[b.Type]
	if !known { // of a backend that is not listed, everything tells
		for name := range b.Values {
			w.need = append(w.need, name)
		}
		w.also = b.Unknown
	}
	id = map[string]string{"type": b.Type}
	for _, name := range slices.Concat(w.need, w.also) {
		if slices.ContainsFunc(b.Unknown, func(u string) bool { return u == name || strings.HasPrefix(name, u+".") }) {
			return nil, false
		}
		if b.Values[name] != "" {
			id[name] = b.Values[name]
		}
	}
	for _, name := range w.need {
		if known && id[name] == "" {
			return nil, false
		}
	}
	id["workspace"] = workspace
	return id, canonical(id)
}

// canonical gives one place one spelling. It is false when the place is not known.
func canonical(id map[string]string) bool {
	if id["workspace"] == DefaultWorkspace {
		delete(id, "workspace_key_prefix") // is for the others
	}
	switch id["type"] {
	case "s3":
		defaultPrefix(id)
		if id["endpoints.s3"] == "" && id["endpoint"] != "" {
			id["endpoints.s3"] = id["endpoint"]
		}
		delete(id, "endpoint")
	case "oci":
		defaultPrefix(id)
	case "gcs":
		id["prefix"] = strings.Trim(id["prefix"], "/")
	case "remote", "cloud":
		return canonicalCloud(id)
	}
	return true
}

// defaultPrefix leaves out what is so by default (Terraform language, backends "s3" and "oci", "workspace_key_prefix").
func defaultPrefix(id map[string]string) {
	if id["workspace_key_prefix"] == "env:" {
		delete(id, "workspace_key_prefix")
	}
}

// canonicalCloud: a workspace of HCP Terraform is the same one whether a cloud block or the remote backend names it, by its
// whole name, by a prefix and the workspace that is selected, or by that alone.
func canonicalCloud(id map[string]string) bool {
	name := id["workspaces.name"]
	if name == "" {
		if id["type"] == "remote" && id["workspaces.prefix"] == "" {
			return false
		}
		name = id["workspaces.prefix"] + id["workspace"]
	}
	host := strings.ToLower(id["hostname"])
	if host == "" {
		host = "app.terraform.io"
	}
	organization := id["organization"]
	clear(id)
	id["type"], id["hostname"], id["organization"], id["name"] = "cloud", host, organization, name
	return true
}
