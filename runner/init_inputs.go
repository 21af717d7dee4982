package runner

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// initInputs is a digest of what the configuration of these modules needs of init: the
// lock file, the files that can say where the state is, and the lines that can
// name a module or a provider. It may change without a reason. When it misses one
// of those lines, Terraform does not. On a backend Terraform is not relied upon:
// the hash with which it compares a block is a short one, and somebody might look
// for a second block that has it.
func (j *job) initInputs(list []byte) ([]byte, error) {
	modules, err := modulesOf(list)
	if err != nil {
		return nil, err
	}
	lines := map[string]bool{}
	left := int64(maxPlanConfiguration)
	for _, m := range modules {
		if err := j.configuration(path.Join(path.Clean(j.doc.Project.Dir), m.Dir), &left, func(name string, content []byte) {
			if m.Key == "" && mayHoldBackend(name, content) {
				lines[fmt.Sprintf("%s:%x", name, sha256.Sum256(content))] = true
			}
			for line := range strings.Lines(string(content)) {
				if asks := requestedIn(line); asks != "" || strings.HasSuffix(name, ".json") {
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
	sum.Write(j.commit.lock.Bytes())
	return sum.Sum(nil), nil
}

// mayHoldBackend reports files of the root module that can say where its state
// is. JSON can spell a word in several ways.
func mayHoldBackend(name string, content []byte) bool {
	return strings.HasSuffix(name, ".json") || bytes.Contains(content, []byte("backend")) || bytes.Contains(content, []byte("cloud"))
}

// requestedIn is what of a line matters to init. Of a resource that is the beginning
// of its type, which implies a provider.
func requestedIn(line string) string {
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

// configuration calls read with each configuration file of a directory that the
// program of the job loads, those that are links too. After an init programs of the
// project may have written there, so what is read is bounded, a plain file at last,
// and inside of the tree.
func (j *job) configuration(dir string, left *int64, read func(name string, content []byte)) error {
	d, err := j.tree.Open(dir)
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	if err := errors.Join(err, d.Close()); err != nil {
		return err
	}
	tofu, there := j.tofu(), map[string]bool{}
	for _, entry := range entries {
		there[entry.Name()] = !entry.IsDir()
	}
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !isConfiguration(name, tofu) || tofu && there[ownOf(name)] {
			continue
		}
		content, err := readLinked(j.tree, path.Join(dir, name), *left)
		if err != nil {
			return err
		}
		*left -= int64(len(content))
		read(name, content)
	}
	return nil
}

// mayRunPrograms reports a backend that may have init run a program of the project:
// exec of kubernetes, credential_process of files that s3 names. Such a program can
// write what init leaves, for this plan and, if it were remembered, for others.
func (j *job) mayRunPrograms(arguments []string) (bool, error) {
	words := []string{"kubernetes", "exec", "shared_config_file", "shared_credentials_file", "profile"}
	runs := func(text string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	found, left := slices.ContainsFunc(arguments, runs), int64(maxPlanConfiguration)
	err := j.configuration(path.Clean(j.doc.Project.Dir), &left, func(name string, content []byte) {
		if mayHoldBackend(name, content) && (runs(string(content)) || strings.HasSuffix(name, ".json")) {
			found = true
		}
	})
	return found, err
}
