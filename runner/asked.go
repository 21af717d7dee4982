package runner

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// asks is a digest of what the configuration of these modules asks of init: the
// lock file, and the lines that can name a module or a provider. It may change
// without a reason. When it misses one, Terraform does not.
func (j *job) asks(list []byte) ([]byte, error) {
	modules, err := modulesOf(list)
	if err != nil {
		return nil, err
	}
	lines := map[string]bool{}
	for _, m := range modules {
		if err := configuration(filepath.Join(j.dir, m.Dir), func(name string, content []byte) {
			for line := range strings.Lines(string(content)) {
				if asks := askedIn(line); asks != "" || strings.HasSuffix(name, ".json") {
					lines[m.Key+":"+cmp.Or(asks, line)] = true
				}
			}
		}); err != nil {
			return nil, err
		}
	}
	sum := sha256.New()
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(sum, "%s\x00", line)
	}
	sum.Write(j.lock())
	return sum.Sum(nil), nil
}

// askedIn is what of a line matters to init. Of a resource that is the beginning
// of its type, which implies a provider.
func askedIn(line string) string {
	line = strings.TrimSpace(line)
	for _, block := range []string{"resource", "data", "ephemeral", "action", "list"} {
		if strings.HasPrefix(line, block+" \"") {
			provider, _, _ := strings.Cut(line, "_")
			return provider
		}
	}
	for _, word := range []string{"module", "source", "version", "provider"} {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// configuration calls read with each configuration file of a module.
func configuration(dir string, read func(name string, content []byte)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".tf") && !strings.HasSuffix(name, ".tf.json") || !entry.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		read(name, content)
	}
	return nil
}
