package project

import (
	"fmt"
	"testing"
)

// State that is written into the job's directory is gone with the job.
func TestLostStateIsSeenBefore(t *testing.T) {
	backend := func(text string) string { return "terraform {\n  backend " + text + "\n}\n" }
	one := func(text string) map[string]string { return map[string]string{"a/main.tf": text} }
	tests := []struct {
		name     string
		files    map[string]string
		project  Project
		settings map[string]string
		tofu     bool
		want     Keeping
		at       string // file:line
	}{
		{"no backend", one(makes), Project{}, nil, false, NoBackend, "a/main.tf:0"},
		{"a remote one", one(backend(`"s3" {}`)), Project{}, nil, false, Kept, ""},
		{"one over HTTP", one(backend(`"http" {}`)), Project{}, nil, false, Kept, ""},
		{"one of HCP Terraform", one(backend(`"remote" {}`)), Project{}, nil, false, Kept, ""},
		{"a cloud block", one("terraform {\n cloud {}\n}"), Project{}, nil, false, Kept, ""},
		{"one that keeps nothing", one(backend(`"inmem" {}`)), Project{}, nil, false, InMemory, "a/main.tf:2"},
		{"local without a path", one(backend(`"local" {}`)), Project{}, nil, false, RelativePath, "a/main.tf:2"},
		{"local with a relative path", one(backend(`"local" { path = "../states/x" }`)), Project{}, nil, false, RelativePath, "a/main.tf:2"},
		{"local with an absolute path", one(backend(`"local" { path = "/states/x" }`)), Project{}, nil, false, KeptInFile, ""},
		{"local with a path of a variable", one(backend(`"local" { path = var.x }`)), Project{}, nil, true, KeepingUnknown, ""},
		{"the server gives the path", one(backend(`"local" {}`)), Project{}, map[string]string{"path": "/states/x"}, false, KeptInFile, ""},
		{"it gives one instead of a variable", one(backend(`"local" { path = var.x }`)), Project{}, map[string]string{"path": "/states/x"}, true, KeptInFile, ""},
		{"the server's path is relative", one(backend(`"local" { path = "/x" }`)), Project{}, map[string]string{"path": "x"}, false, RelativePath, "a/main.tf:2"},
		{"a path for no backend", one(makes), Project{}, map[string]string{"path": "/states/x"}, false, NoBackend, "a/main.tf:0"},
		{"another workspace has its own directory", one(backend(`"local" { path = "/states/x" }`)), Project{Workspace: "prod"}, nil, false, RelativePath, "a/main.tf:2"},
		{"which is absolute", one(backend(`"local" { workspace_dir = "/states" }`)), Project{Workspace: "prod"}, nil, false, KeptInFile, ""},
		{"JSON", map[string]string{"a/main.tf.json": `{"terraform": {"backend": {"local": {"path": "x"}}}}`}, Project{}, nil, false, RelativePath, "a/main.tf.json:0"},
		{"JSON that keeps it", map[string]string{"a/main.tf": makes, "a/backend.tf.json": `{"terraform": [{"backend": {"s3": {}}}]}`}, Project{}, nil, false, Kept, ""},
		{"an override that loses it", map[string]string{"a/main.tf": backend(`"s3" {}`), "a/x_override.tf": backend(`"local" {}`)}, Project{}, nil, false, RelativePath, "a/x_override.tf:2"},
		{"an override that keeps it", map[string]string{"a/main.tf": backend(`"local" {}`), "a/override.tf.json": `{"terraform": {"cloud": {}}}`}, Project{}, nil, false, Kept, ""},
		{"a file of OpenTofu", map[string]string{"a/main.tf": makes, "a/backend.tofu": backend(`"s3" {}`)}, Project{}, nil, true, Kept, ""},
		{"which Terraform does not read", map[string]string{"a/main.tf": makes, "a/backend.tofu": backend(`"s3" {}`)}, Project{}, nil, false, NoBackend, "a/main.tf:0"},
		{"a file of OpenTofu in place of another", map[string]string{"a/main.tf": backend(`"s3" {}`), "a/main.tofu": makes}, Project{}, nil, true, NoBackend, "a/main.tofu:0"},
		{"a link to a backend", map[string]string{"a/main.tf": makes, "a/backend.tf": "-> ../backend.txt", "backend.txt": backend(`"s3" {}`)}, Project{}, nil, false, Kept, ""},
		{"a link out of the repository", map[string]string{"a/main.tf": makes, "a/backend.tf": "-> ../../backend.tf"}, Project{}, nil, false, KeepingUnknown, ""},
		{"a link to what is not there, as in a submodule", map[string]string{"a/main.tf": makes, "a/backend.tf": "-> ../vendor/backend.tf"}, Project{}, nil, false, KeepingUnknown, ""},
		{"a link below a link", map[string]string{"real/main.tf": makes, "real/backend.tf": "-> ../vendor/backend.tf", "a": "-> real"}, Project{}, nil, false, KeepingUnknown, ""},
		{"a file with a mistake", one("resource {"), Project{}, nil, false, KeepingUnknown, ""},
		{"two backends", one(backend(`"s3" {}`) + backend(`"s3" {}`)), Project{}, nil, false, KeepingUnknown, ""},
		{"a root from elsewhere", one(makes), Project{FromModule: "git::https://example.com/x"}, nil, false, KeepingUnknown, ""},
		{"another directory", one(makes), Project{Dir: "b"}, nil, false, KeepingUnknown, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.project.Dir == "" {
				tt.project.Dir = "a"
			}
			got, why := graphOf(t, newTree(tt.files)).Keeping(tt.project, Settings{Backend: tt.settings, Tofu: tt.tofu})
			at := ""
			if why.Message != "" {
				at = fmt.Sprintf("%s:%d", why.File, why.Line)
			}
			if got != tt.want || at != tt.at {
				t.Errorf("%q because of %q, want %q because of %q", got, at, tt.want, tt.at)
			}
		})
	}
}
