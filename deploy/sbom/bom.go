package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// bom is the part of CycloneDX that is used.
type bom struct {
	Format   string `json:"bomFormat"`
	Spec     string `json:"specVersion"`
	Version  int    `json:"version"`
	Metadata struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

type component struct {
	Type       string      `json:"type"`
	Name       string      `json:"name"`
	Version    string      `json:"version,omitempty"`
	Hashes     []hash      `json:"hashes,omitempty"`
	PURL       string      `json:"purl,omitempty"` // https://github.com/package-url/purl-spec
	Components []component `json:"components,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// program is a Go program with the modules that it was built from. What was
// built from a working copy does not know its version.
func program(file, version string) (component, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return component{}, err
	}
	sum, err := checksum(file)
	if err != nil {
		return component{}, err
	}
	if version == "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	c := component{
		Type: "application", Name: filepath.Base(file), Version: version, PURL: goPURL(info.Main.Path, version),
		Hashes: []hash{{"SHA-256", sum}},
	}
	for _, m := range append([]*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...) {
		if m.Replace != nil {
			m = m.Replace
		}
		if strings.HasPrefix(m.Path, ".") || filepath.IsAbs(m.Path) {
			continue // a directory of the program's own source
		}
		c.Components = append(c.Components, component{Type: "library", Name: m.Path, Version: m.Version, PURL: goPURL(m.Path, m.Version)})
	}
	return c, nil
}

func checksum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// packages reads lines of name, version and architecture.
func packages(text string) (found []component, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%q has not three fields", line)
		}
		name, version, arch := fields[0], fields[1], fields[2]
		found = append(found, component{
			Type: "library", Name: name, Version: version,
			PURL: "pkg:deb/debian/" + escape(name) + "@" + escape(version) + "?arch=" + escape(arch),
		})
	}
	return found, nil
}

// goPURL names a module as the type "golang" of purl does: in lower case.
func goPURL(path, version string) string {
	parts := strings.Split(strings.ToLower(path), "/")
	for i, p := range parts {
		parts[i] = escape(p)
	}
	purl := "pkg:golang/" + strings.Join(parts, "/")
	if version != "" {
		purl += "@" + escape(version)
	}
	return purl
}

// escape writes every byte as a percent code that purl does not take as it is.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c == '.' || c == '-' || c == '_' || c == '~' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
