package project

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSourcesOnThisMachine(t *testing.T) {
	for source, want := range map[string]bool{
		"/etc": true, "git::file:///srv/mirror": true, "file:///etc": true, "FILE:///etc": true, "file::/etc": true, "File::relative": true,
		"hg::file:///x": true, "hg::/x": true, "git::/srv/x": true, "GIT::File:///x": true, "git::git::file:///x": true,
		"git::file:/x": true, "file:/x": true, "file:x": true, "~/x": true, "git::~/x": true, "git::./x": true, "git::../x": true,
		`\\host\share`: true, `C:\x`: true, "c:/x": true, "": true, " /etc": true,
		"git@localhost:x": true, "git::ssh://git@localhost/x": true, "git::ssh://git@LOCALHOST.:22/x": true, "http://127.0.0.1:8080/x.zip": true,
		"https://[::1]/x.zip": true, "http://0.0.0.0/x.zip": true, "http://a.localhost/x.zip": true, "s3::https://localhost/x.zip": true,
		"git::https://user@127.1.2.3/x.git//sub?ref=v1": true,

		"./x": false, "../x": false, `.\x`: false, `..\x`: false,
		"terraform-aws-modules/vpc/aws": false, "app.terraform.io/a/b/c//sub": false, "github.com/a/b//c?ref=v1": false,
		"git@github.com:a/b.git": false, "git::https://example.com/file.git": false, "git::ssh://git@example.com/a.git?ref=file:x": false,
		"https://example.com/x.zip": false, "s3::https://s3-eu-west-1.amazonaws.com/b/k.zip": false, "gcs::https://www.googleapis.com/storage/v1/m": false,
		"localhost.example.com/a/b/c": false, "bitbucket.org/a/b": false,
	} {
		if got := onThisMachine(source); got != want {
			t.Errorf("%q: %t", source, got)
		}
	}
}

func TestModuleCallsThatNoJobMayMake(t *testing.T) {
	g := graphOf(t, txtarTree(`
-- app/main.tf --
module "fine" { source = "../modules/net" }
module "disk" {
  source = "git::file:///srv/other"
}
module "pieces" { source = "${"/"}etc" }
module "registry" {
  source = "terraform-aws-modules/vpc/aws"
}
module "out" { source = "../../outside" }
-- modules/net/main.tf.json --
{"module": {
  "a": {"source": "./x"},
  "b": [{"source": "\/etc"}]}}
-- modules/net/x/main.tofu --
module "nested" { source = "hg::/srv" }
-- other/main.tf --
module "elsewhere" { source = "/etc" }
`))
	var got []string
	for _, p := range g.Refused(Project{Dir: "app"}) {
		got = append(got, p.String())
	}
	const on = "lies on the machine that runs Terraform, which no job may read; put the module into this repository, or name the repository or registry that it comes from"
	want := []string{
		`app/main.tf:3: the source "git::file:///srv/other" of module "disk" ` + on,
		`app/main.tf:5: the source "/etc" of module "pieces" ` + on,
		`app/main.tf:9: "../../outside" leaves the repository; a job sees nothing outside of it`,
		`modules/net/main.tf.json:1: the source "/etc" of module "b" ` + on,
		`modules/net/x/main.tofu:1: the source "hg::/srv" of module "nested" ` + on,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all := g.Problems().Error(); !strings.Contains(all, `other/main.tf:1: the source "/etc" of module "elsewhere"`) {
		t.Errorf("problems of the whole commit:\n%s", all)
	}
	if found := g.Refused(Project{Dir: "modules"}); len(found) > 0 {
		t.Errorf("of a project that reaches none: %v", found)
	}
}
