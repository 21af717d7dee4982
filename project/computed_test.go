package project

import (
	"slices"
	"strings"
	"testing"
)

// A module from elsewhere that reads a directory by a path that is computed got none of it: fileset of
// what is missing is empty, and the plan destroys.
func TestPathsThatAreComputedForAModuleFromElsewhere(t *testing.T) {
	for expression, want := range map[string]bool{
		`"${"."}${"./x"}/${".."}"`:                          true,
		`"${var.x}/../environments"`:                        true,
		`join("/", [var.x, "..", "environments"])`:          true,
		`format("%s/../environments", var.x)`:               true,
		`replace(format("%s/x", path.cwd), "live", "..")`:   true,
		`"./${var.x}/../../environments"`:                   true,
		`"${path.module}/${var.x}/../../environments"`:      true,
		`"${var.x}../environments"`:                         true,
		`".."`:                                              true,
		`"x/../../environments"`:                            true,
		`{ a = [lower("../x"), { b = join("", [".."]) }] }`: true,
		`"${dirname(var.x)}/environments"`:                  true,
		`replace(path.cwd, "live/a", "environments")`:       true,
		`join("/", slice(split("/", path.cwd), 0, 4))`:      true,
		`core::dirname(path.root)`:                          true,

		`join("/", ["..", "..", "environments"])`:                 false,
		`join("/", ["../../environments", var.x])`:                false,
		`format("../../environments/%s", var.x)`:                  false,
		`format("%s/../x", path.module)`:                          false,
		`"${path.module}/${join("/", ["..", "x"])}"`:              false,
		`"../../environments"`:                                    false,
		`"../../environments/${var.x}"`:                           false,
		`"${path.module}/../environments/${var.x}"`:               false,
		`abspath("../environments")`:                              false,
		`var.x ? "../a" : "./b"`:                                  false,
		`format("%s/files", path.module)`:                         false,
		`templatefile("${path.module}/../t.tpl", { x = "../x" })`: false,
		`file("../x")`:                                           false,
		`basename(dirname(path.cwd))`:                            false,
		`replace(basename(path.cwd), "_", "-")`:                  false,
		`"${var.x}/y"`:                                           false,
		`join("/", [var.x, "app", "prod"])`:                      false,
		`format("%s/%s", var.x, "repository")`:                   false,
		`"/ssm/${var.x}/password"`:                               false,
		`"arn:aws:s3:::${var.x}/*"`:                              false,
		`format("arn:aws:iam::%s:role/x/../%s y", var.x, var.y)`: false,
		`cidrsubnet("10.0.0.0/16", 8, 1)`:                        false,
		`join(",", ["10.0.0.0/16", "1..5", "..."])`:              false,
		`"https://example.com/${var.x}/../y"`:                    false,
		`"cd /opt/${var.x}/.. && make"`:                          false,
	} {
		for of, files := range map[string]string{
			"module.m.dir": "-- a/main.tf --\nmodule \"m\" {\n source = \"acme/m/aws\"\n dir = " + expression + "\n}\n",
			"local.dir":    "-- a/main.tf --\nmodule \"m\" {\n source = \"acme/m/aws\"\n dir = local.dir\n}\n-- a/locals.tf --\nlocals { dir = " + expression + "}\n",
		} {
			got := graphOf(t, txtarTree(files)).Unfollowed(Project{Dir: "a"}, Settings{})
			got = slices.DeleteFunc(got, func(p Problem) bool { return !strings.Contains(p.Message, "module from elsewhere") })
			if len(got) > 0 != want {
				t.Errorf("%s of %s: %v, want a refusal: %t", of, expression, got, want)
			}
			if want && len(got) > 0 && !strings.HasPrefix(got[0].Message, "the path of "+of+" cannot be followed") {
				t.Errorf("%s", got[0].Message)
			}
		}
	}
}

// Such a path comes by variables, through modules of the repository and in the syntax of JSON, too.
func TestPlacesFromWhichAModuleFromElsewhereGetsAPath(t *testing.T) {
	const call = "-- a/main.tf --\nmodule \"m\" {\n source = \"acme/m/aws\"\n dir = \"${var.up}/x\"\n}\n"
	for name, tt := range map[string]struct{ files, want string }{
		"a default":              {call + "-- a/v.tf --\nvariable \"up\" {\n default = \"..\"\n}\n", "a/v.tf:2"},
		"a file of values":       {call + "-- a/x.auto.tfvars --\nup = \"..\"\n", "a/x.auto.tfvars:1"},
		"a value in JSON":        {call + "-- a/x.auto.tfvars.json --\n{\"up\": [\"..\"]}\n", "a/x.auto.tfvars.json:1"},
		"a variable file":        {call + "-- a/given.tfvars --\nup = \"x/../..\"\n", "a/given.tfvars:1"},
		"a file of other values": {call + "-- a/other.tfvars --\nup = \"..\"\n", ""},
		"JSON":                   {"-- a/main.tf.json --\n{\"module\": {\"m\": {\n\"source\": \"acme/m/aws\",\n\"dir\": {\"x\": \"${join(\\\"/\\\", [\\\"..\\\"])}\"}}}}\n", "a/main.tf.json:3"},
		"a local of JSON":        {call + "-- a/l.tf.json --\n{\"locals\": {\"up\": \"..\"}}\n", "a/l.tf.json:1"},
		"a default of JSON":      {call + "-- a/v.tf.json --\n{\"variable\": {\"up\": {\"default\": \"..\"}}}\n", "a/v.tf.json:1"},
		"a module between":       {"-- a/main.tf --\nmodule \"w\" {\n source = \"../w\"\n up = \"..\"\n}\n-- w/main.tf --\nmodule \"m\" {\n source = \"acme/m/aws\"\n dir = \"${var.up}/x\"\n}\n", "a/main.tf:3"},
		"no module of elsewhere": {"-- a/main.tf --\nmodule \"w\" {\n source = \"../w\"\n up = \"..\"\n}\n-- w/main.tf --\nlocals {}\n", ""},
	} {
		got := graphOf(t, txtarTree(tt.files)).Unfollowed(Project{Dir: "a", VarFiles: []string{"given.tfvars"}}, Settings{})
		if text, _, _ := strings.Cut(got.Error(), ": "); text != tt.want {
			t.Errorf("%s: %s, want %s", name, got.Error(), tt.want)
		}
	}
}
