package project

import (
	"strings"
	"testing"
)

// stateOf is the state of a project at dir "a" of the files in the archive.
func stateOf(t *testing.T, archive string, change func(*Project), backendConfig map[string]string) string {
	t.Helper()
	p := Project{Name: "a", Dir: "a", Workspace: DefaultWorkspace}
	if change != nil {
		change(&p)
	}
	return graphOf(t, txtarTree(archive)).State(p, Settings{Backend: backendConfig, Tofu: p.Tofu != ""})
}

func backendBlock(kind, settings string) string {
	return "\n-- a/main.tf --\nterraform {\n  backend \"" + kind + "\" {\n" + settings + "\n  }\n}\n"
}

const s3 = `
    bucket = "states"
    key    = "network/prod.tfstate"
    region = "eu-central-1"
`

func workspace(name string) func(*Project) { return func(p *Project) { p.Workspace = name } }

// Each line is one state, however it is written; no two lines have the same.
func TestT32OneStateHasOneIdentity(t *testing.T) {
	s3Block := backendBlock("s3", s3)
	ask := func(archive string) string { return stateOf(t, archive, nil, nil) }
	in := func(archive, ws string) string { return stateOf(t, archive, workspace(ws), nil) }
	with := func(archive string, settings map[string]string) string { return stateOf(t, archive, nil, settings) }
	states := map[string][]string{
		"s3": {
			ask(s3Block),
			ask(backendBlock("s3", s3+`profile = "other"
				dynamodb_table = "locks"
				encrypt = true
				workspace_key_prefix = "elsewhere"
				assume_role { role_arn = "arn" }`)),
			ask(backendBlock("s3", "key = \"network/prod.tfstate\"\nbucket = (\"states\")\nregion = null\nendpoint = \"\"")),
			ask("\n-- a/main.tf.json --\n{\"terraform\": {\"backend\": {\"s3\": {\"bucket\": \"states\", \"key\": \"network/prod.tfstate\", \"encrypt\": true, \"x\": null, \"n\": 1}}}}\n"),
			ask("\n-- a/main.tf.json --\n{\"terraform\": [{\"backend\": [{\"s3\": [{\"bucket\": \"states\", \"key\": \"network/prod.tfstate\"}]}]}]}\n"),
			with(backendBlock("s3", ""), map[string]string{"bucket": "states", "key": "network/prod.tfstate"}),
			with(backendBlock("s3", "bucket = var.bucket\nkey = \"x\""), map[string]string{"bucket": "states", "key": "network/prod.tfstate"}),
			ask(backendBlock("gcs", `bucket = "x"`) + "-- a/backend_override.tf --\nterraform {\n  backend \"s3\" {\n" + s3 + "\n  }\n}\n"),
			ask("\n-- a/main.tf --\nterraform {\n  cloud {\n    organization = \"o\"\n  }\n}\n-- a/override.tf.json --\n{\"terraform\": {\"backend\": {\"s3\": {\"bucket\": \"states\", \"key\": \"network/prod.tfstate\"}}}}\n"),
			ask("\n-- a/main.tofu --\nterraform {\n  backend \"gcs\" {\n    bucket = \"x\"\n  }\n}\n" + s3Block),
		},
		"another key":               {ask(backendBlock("s3", strings.Replace(s3, "prod", "dev", 1))), with(s3Block, map[string]string{"key": "network/dev.tfstate"})},
		"another bucket":            {ask(backendBlock("s3", strings.Replace(s3, "states", "states2", 1)))},
		"another workspace":         {in(s3Block, "blue")},
		"another prefix of those":   {in(backendBlock("s3", s3+`workspace_key_prefix = "ws"`), "blue")},
		"another service":           {ask(backendBlock("s3", s3+`endpoint = "http://minio"`)), ask(backendBlock("s3", s3+`endpoints = { s3 = "http://minio", "sts" = "x" }`))},
		"the borders of the values": {ask(backendBlock("s3", "bucket = \"statesn\"\nkey = \"etwork/prod.tfstate\""))},
		"gcs":                       {ask(backendBlock("gcs", "bucket = \"states\"\nprefix = \"network/\"")), ask(backendBlock("gcs", "bucket = \"states\"\nprefix = \"/network\""))},
		"gcs without a prefix":      {ask(backendBlock("gcs", `bucket = "states"`))},
		"azurerm":                   {ask(backendBlock("azurerm", "storage_account_name = \"s\"\ncontainer_name = \"c\"\nkey = \"k\"\nuse_oidc = true"))},
		"cloud": {
			ask("\n-- a/main.tf --\nterraform {\n  cloud {\n    organization = \"o\"\n    workspaces {\n      name = \"app-prod\"\n    }\n  }\n}\n"),
			ask("\n-- a/main.tf --\nterraform {\n  cloud {\n    hostname = \"APP.terraform.io\"\n    organization = \"o\"\n    workspaces {\n      name = \"app-prod\"\n      project = \"p\"\n    }\n  }\n}\n"),
			in("\n-- a/main.tf --\nterraform {\n  cloud {\n    organization = \"o\"\n    workspaces {\n      tags = [\"app\"]\n    }\n  }\n}\n", "app-prod"),
			in(backendBlock("remote", "organization = \"o\"\nworkspaces {\n  prefix = \"app-\"\n}"), "prod"),
			ask(backendBlock("remote", "organization = \"o\"\nworkspaces {\n  name = \"app-prod\"\n}")),
			ask("\n-- a/main.tf.json --\n{\"terraform\": {\"cloud\": {\"organization\": \"o\", \"workspaces\": [{\"name\": \"app-prod\"}]}}}\n"),
		},
		"s3 workspaces":         {in(s3Block, "x"), in(backendBlock("s3", s3+`workspace_key_prefix = "env:"`), "x")},
		"another organization":  {ask("\n-- a/main.tf --\nterraform {\n  cloud {\n    organization = \"o2\"\n    workspaces {\n      name = \"app-prod\"\n    }\n  }\n}\n")},
		"a backend of tomorrow": {ask(backendBlock("newfangled\\n", `a = "b"`))},
		"with another setting":  {ask(backendBlock("newfangled\\n", `a = "c"`))},
	}
	names := map[string]string{}
	for name, all := range states {
		for i, s := range all {
			if s == "" || s != all[0] {
				t.Errorf("%s, spelling %d: %q, want %q", name, i, s, all[0])
			}
			if len(s) > 50 || strings.ContainsAny(s, "\n ") || strings.Contains(s, "states") {
				t.Errorf("%s, spelling %d: %q is no short name without settings", name, i, s)
			}
		}
		if other, taken := names[all[0]]; taken {
			t.Errorf("%s and %s have one identity", name, other)
		}
		names[all[0]] = name
	}
}

func TestT32WhatIsNotToldHasNoIdentity(t *testing.T) {
	tofu := func(p *Project) { p.Tofu = "1.10.1" }
	for name, c := range map[string]struct {
		archive string
		change  func(*Project)
		config  map[string]string
	}{
		"no backend":                 {"\n-- a/main.tf --\nresource \"x\" \"y\" {}\n", nil, nil},
		"no directory":               {"\n-- b/main.tf --\n", nil, nil},
		"a local file":               {backendBlock("local", `path = "x"`), nil, nil},
		"a local file by setting":    {backendBlock("local", ""), nil, map[string]string{"path": "x"}},
		"settings without a block":   {"\n-- a/main.tf --\n", nil, map[string]string{"bucket": "states", "key": "x"}},
		"half of it":                 {backendBlock("s3", `bucket = "states"`), nil, nil},
		"a variable":                 {backendBlock("s3", "bucket = var.b\nkey = \"x\""), nil, nil},
		"a local value":              {backendBlock("s3", "bucket = \"a-${local.b}\"\nkey = \"x\""), nil, nil},
		"a function":                 {backendBlock("s3", "bucket = lower(\"x\")\nkey = \"x\""), nil, nil},
		"a template in JSON":         {"\n-- a/main.tf.json --\n{\"terraform\": {\"backend\": {\"s3\": {\"bucket\": \"${var.b}\", \"key\": \"k\"}}}}\n", nil, nil},
		"an endpoint by variable":    {backendBlock("s3", s3+"endpoints = { s3 = var.e }"), nil, nil},
		"all endpoints by variable":  {backendBlock("s3", s3+"endpoints = var.e"), nil, nil},
		"two blocks":                 {backendBlock("s3", s3) + "-- a/other.tf --\nterraform {\n  backend \"gcs\" {\n    bucket = \"x\"\n  }\n}\n", nil, nil},
		"a file with a mistake":      {backendBlock("s3", s3) + "-- a/other.tf --\nresource \"./path {\n", nil, nil},
		"a module source":            {backendBlock("s3", s3), func(p *Project) { p.FromModule = "git::x" }, nil},
		"an override to a local one": {backendBlock("s3", s3) + "-- a/z_override.tf --\nterraform {\n  backend \"local\" {}\n}\n", nil, nil},
		"OpenTofu's own file":        {backendBlock("s3", s3) + "-- a/main.tofu --\nterraform {\n  backend \"local\" {}\n}\n", tofu, nil},
		"cloud without organization": {"\n-- a/main.tf --\nterraform {\n  cloud {\n    workspaces {\n      name = \"n\"\n    }\n  }\n}\n", nil, map[string]string{"organization": "x"}},
		"remote without workspaces":  {backendBlock("remote", `organization = "o"`), nil, nil},
		"an unknown one, a variable": {backendBlock("newfangled", `a = var.b`), nil, nil},
		// Evaluating this would take for ever.
		"work without end": {backendBlock("s3", "key = \"x\"\nbucket = [for a in ["+strings.Repeat("1,", 999)+"1] : [for b in ["+strings.Repeat("1,", 999)+"1] : [for c in ["+strings.Repeat("1,", 999)+"1] : c]]]"), nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if s := stateOf(t, c.archive, c.change, c.config); s != "" {
				t.Errorf("identity %q", s)
			}
		})
	}
}

func TestOpenTofuReadsItsOwnFilesInsteadOfTheirTwins(t *testing.T) {
	tofu := func(p *Project) { p.Tofu = "1.10.1" }
	twin := "\n-- a/main.tofu --\nterraform {\n  backend \"s3\" {\n" + s3 + "\n  }\n}\n"
	alone := stateOf(t, twin, tofu, nil)
	// Where the server's default is OpenTofu, a project says nothing of it.
	if byServer := graphOf(t, txtarTree(twin)).State(Project{Dir: "a", Workspace: DefaultWorkspace}, Settings{Tofu: true}); byServer != alone {
		t.Errorf("planned by OpenTofu, because the server says so: %q, want %q", byServer, alone)
	}
	if both := stateOf(t, backendBlock("gcs", `bucket = "x"`)+twin, tofu, nil); both != alone || alone == "" {
		t.Errorf("%q with a twin, %q alone", both, alone)
	}
	if beside := stateOf(t, twin+"-- a/other.tf --\n# nothing\n", tofu, nil); beside != alone {
		t.Errorf("%q beside another file", beside)
	}
}

func TestTheIndexKeepsBackends(t *testing.T) {
	tree := txtarTree(backendBlock("s3", s3))
	ix := new(Index)
	before, err := ix.Graph(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/index"
	if err := ix.Save(file); err != nil {
		t.Fatal(err)
	}
	loaded := new(Index)
	if err := loaded.Load(file); err != nil {
		t.Fatal(err)
	}
	after, err := loaded.Graph(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	p := Project{Dir: "a", Workspace: DefaultWorkspace}
	if a, b := before.State(p, Settings{}), after.State(p, Settings{}); a == "" || a != b {
		t.Errorf("%q before, %q after", a, b)
	}
}
