package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is named, and by whatever way, jobs get no secret of the server to
// read, and nothing to write that decides what runs.
func TestDirectoriesOfJobsKeepAwayFromTheServer(t *testing.T) {
	for _, tt := range []struct{ name, directories, says string }{
		{"one that is apart", "read: [DIR/apart], write: [DIR/other]", ""},
		{"one for both", "read: [DIR/apart], write: [DIR/apart]", ""},
		{"the data directory", "read: [DIR/data]", "holds data_dir"},
		{"a part of it", "write: [DIR/data/jobs]", "is in data_dir"},
		{"what holds it", "read: [DIR]", "holds data_dir"},
		{"a link to it", "read: [DIR/link]", "holds data_dir"},
		{"what holds the key", "read: [DIR/keys]", "holds github.private_key_file"},
		{"what holds a variable", "read: [DIR/variables]", "holds environments.d.variables.A.file"},
		{"what holds the program, to read", "read: [DIR/programs]", ""},
		{"what holds the program, to write", "write: [DIR/programs]", "holds terraform.binaries[0]"},
		{"one in another that is written", "read: [DIR/apart/in], write: [DIR/apart]", "lies in DIR/apart, where jobs may write"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, d := range []string{"data/jobs", "keys", "variables", "programs", "apart/in", "other"} {
				if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for name, content := range map[string]string{"keys/key.pem": string(newKey()), "variables/a": "x", "programs/terraform": ""} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(filepath.Join(dir, "data"), filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf(`data_dir: DIR/data
github: {app_id: 1, private_key_file: DIR/keys/key.pem, webhook_secret_file: secret}
terraform: {binaries: [DIR/programs/terraform]}
environments: {d: {variables: {A: {file: DIR/variables/a}}, directories: {%s}}}
`, tt.directories)
			here := strings.NewReplacer("DIR", dir)
			_, err := load(t, here.Replace(text), nil)
			switch says := here.Replace(tt.says); {
			case says == "" && err != nil:
				t.Error(err)
			case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
				t.Errorf("got %v, want %q", err, says)
			}
		})
	}
}

func TestMemoryOfJobsLeavesTheMachineItsHalf(t *testing.T) {
	for machine, want := range map[int64]Size{0: 1 << 30, 1 << 30: 1 << 30, 4 << 30: 2 << 30, 64 << 30: 4 << 30} {
		if got := jobMemory(machine); got != want {
			t.Errorf("of %d bytes a job gets %d, want %d", machine, got, want)
		}
	}
}

// A job of a server that is not root has its user, and sees these places.
func TestNoSecretLiesWhereEveryJobSeesIt(t *testing.T) {
	apart := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(apart, "key.pem"), newKey(), 0o600), os.WriteFile(filepath.Join(apart, "a"), nil, 0o600),
		os.Symlink("/usr/local", filepath.Join(apart, "link"))); err != nil {
		t.Fatal(err)
	}
	const there = "/usr/bin/env"
	for _, tt := range []struct{ data, key, variable, says string }{
		{apart + "/data", apart + "/key.pem", apart + "/a", ""},
		{"/usr/local/lockkeeper", apart + "/key.pem", apart + "/a", "data_dir: is in /usr, which every job sees"},
		{"/etc/ssl/certs/lockkeeper", apart + "/key.pem", apart + "/a", "data_dir: is in /etc/ssl/certs, which every job sees"},
		{apart + "/link/data", apart + "/key.pem", apart + "/a", "data_dir: is in /usr, which every job sees"},
		{apart + "/data", apart + "/key.pem, webhook_secret_file: /etc/hosts", apart + "/a", "github.webhook_secret_file: is in /etc/hosts, which every job sees"},
		{apart + "/data", apart + "/key.pem", there, "environments.d.variables.A.file: is in /usr, which every job sees"},
	} {
		if !strings.Contains(tt.key, "webhook") {
			tt.key += ", webhook_secret_file: secret"
		}
		_, err := load(t, fmt.Sprintf("data_dir: %s\ngithub: {app_id: 1, private_key_file: %s}\nenvironments: {d: {variables: {A: {file: %s}}}}\n", tt.data, tt.key, tt.variable), nil)
		switch {
		case tt.says == "" && err != nil:
			t.Error(err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("got %v, want %q", err, tt.says)
		}
	}
}
