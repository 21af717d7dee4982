package planjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func decoded(t testing.TB, document []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// every is a resource that has everything.
const every = `
variable "password" {
  sensitive = true
  default   = "hunter22"
}
variable "given" {
  type    = object({ a = optional(string, "x"), n = number })
  default = { n = "12" }
}
variable "count_of" {
  type    = number
  default = 2
}
resource "shapes_thing" "first" {
  name = "first"
}
resource "shapes_thing" "every" {
  name     = "é <&> \"quoted\" ${var.given.a}"
  number   = %NUMBER%
  flag     = true
  list     = ["a", shapes_thing.first.id, null, ""]
  set      = ["b", "a", "${shapes_thing.first.id}-x"]
  map      = { k = "v", u = shapes_thing.first.id, n = null, s = var.password }
  objects  = [{ a = shapes_thing.first.id, n = 1 }, { a = null, n = 0.1 }]
  object_set = [{ a = var.password, n = 1 }, { a = "x", n = 2 }]
  tuple    = ["x", 3]
  any      = { l = [1, "two", null, shapes_thing.first.made_object], s = toset(["q"]), secret = var.password }
  password = "%PASSWORD%"
  secrets  = ["one", "two"]
  once     = "never stored"
  one      = { value = "v", secret = "s" }
  many = [
    { value = var.password, deep = { x = { value = "v", secret = "s" }, y = { value = shapes_thing.first.id } } },
    { secret = "s" },
  ]
  unordered = [{ value = "v", secret = "s" }, { value = "w" }]
  open_set  = [{ value = "v" }, { value = shapes_thing.first.id }]
  keyed     = { k = { value = "v", inner = { secret = "s" } }, "odd \"key\"" = {} }
  single {
    value  = "v"
    secret = "s"
  }
  group {
    value = var.password
  }
  rule {
    value = "v"
    part {
      value  = "v"
      secret = "s"
    }
    part {
      value = shapes_thing.first.id
    }
  }
  rule {}
  loose {
    value = ["x", 1]
  }
  loose {
    value  = { a = true }
    secret = "s"
  }
  set_block {
    value = "v"
  }
  set_block {
    value = shapes_thing.first.id
  }
  label "one" {
    value  = "v"
    secret = "s"
  }
}
resource "shapes_thing" "bare" {}
output "id" {
  value = shapes_thing.every.id
}
output "secret" {
  value     = { p = var.password, i = shapes_thing.first.id }
  sensitive = true
}
output "plain" {
  value = { list = tolist(["a"]), n = 12345678901234567890.123, nothing = null, given = var.given }
}
output "null" {
  value = null
}
`

var stories = map[string][]stage{
	"every shape": {
		{files: map[string]string{"main.tf": requires + everyWith("1", "pw"), "v.auto.tfvars": "count_of = 3\n"}, apply: true, quick: true},
		{files: map[string]string{"main.tf": requires + everyWith("123456789012345678901234567890.000000001", "other")}, apply: true, quick: true, kept: true},
		{},
		{flags: []string{"-destroy"}},
		{flags: []string{"-destroy", "-target=shapes_thing.bare"}},
		{flags: []string{"-refresh=false"}},
	},
	"lives of resources": {
		{files: map[string]string{"main.tf": lives, "m/main.tf": livesModule, "m/deeper/main.tf": requires + "resource \"shapes_thing\" \"deep\" {\n  name = \"deep\"\n}\n"}, apply: true},
		{},
		{files: map[string]string{"main.tf": strings.NewReplacer(`["plain", `, `["other", `, "count = 3", "count = 1", `force = "a"`, `force = "b"`, `name  = "one"`, `name  = "two"`,
			"# moved", "moved {\n  from = shapes_thing.before\n  to   = shapes_thing.after\n}\n", `"shapes_thing" "before"`, `"shapes_thing" "after"`,
			"# removed", "removed {\n  from = shapes_thing.kept\n  lifecycle {\n    destroy = false\n  }\n}\n",
			"resource \"shapes_thing\" \"kept\" {}\n", "", "resource \"shapes_thing\" \"deleted\" {}\n", "",
			"# imported", "import {\n  to = shapes_thing.imported\n  id = \"an <id>\"\n}\nresource \"shapes_thing\" \"imported\" {\n  name = \"imported\"\n}\n",
			"# brought in", "import {\n  to = shapes_thing.changed\n  id = \"c\"\n}\nresource \"shapes_thing\" \"changed\" {\n  name = \"another\"\n}\n",
		).Replace(lives)}},
		{flags: []string{"-replace=shapes_thing.plain"}, apply: true},
		{files: map[string]string{"m/main.tf": strings.ReplaceAll(livesModule, "source_value", "other_value")}, flags: []string{"-target=module.m"}, apply: true},
		{files: map[string]string{"main.tf": requires}, apply: true},
		{},
	},
	"drift": {
		{files: map[string]string{"main.tf": lives, "m/main.tf": livesModule, "m/deeper/main.tf": requires + "resource \"shapes_thing\" \"deep\" {\n  name = \"deep\"\n}\n"}, apply: true},
		{files: map[string]string{"drifted": "elsewhere"}},
		{flags: []string{"-refresh-only"}, apply: true},
		{files: map[string]string{"drifted": "", "gone": "x"}, flags: []string{"-refresh-only"}},
		{},
		{files: map[string]string{"main.tf": strings.NewReplacer("# moved", "moved {\n  from = shapes_thing.before\n  to   = shapes_thing.after\n}\n", `"shapes_thing" "before"`, `"shapes_thing" "after"`).Replace(lives), "gone": ""}, flags: []string{"-refresh-only"}},
	},
	"deposed and tainted": {
		{files: map[string]string{"main.tf": requires + firstMade}, apply: true},
		{files: map[string]string{"main.tf": requires + strings.NewReplacer(`"a"`, `"b"`, `"fine"`, `"fails"`).Replace(firstMade)}, apply: true}, // the new one fails, and the old one is deposed or stays
		{files: map[string]string{"main.tf": requires + strings.ReplaceAll(firstMade, `"a"`, `"c"`)}},
		{files: map[string]string{"main.tf": requires + "resource \"terraform_data\" \"t\" {\n  provisioner \"local-exec\" {\n    command = \"exit 1 # it fails\"\n  }\n}\n"}, apply: true},
		{},
	},
	"conditions": {
		{files: map[string]string{"main.tf": conditions, "m/main.tf": "variable \"v\" {\n  validation {\n    condition = var.v != \"\"\n    error_message = \"empty\"\n  }\n}\noutput \"o\" {\n  value = var.v\n  precondition {\n    condition = var.v != \"z\"\n    error_message = \"never\"\n  }\n}\n"}, apply: true},
		{},
		{flags: []string{"-var=limit=1"}, fails: true},
	},
	"read while applying": {
		{files: map[string]string{"main.tf": readLater}, apply: true},
		{files: map[string]string{"main.tf": strings.ReplaceAll(readLater, `ask = "now"`, `ask = "later"`)}},
		{files: map[string]string{"main.tf": requires}, apply: true},
	},
	"JSON configuration, keys of every kind": {
		{files: map[string]string{"main.tf.json": jsonConfig}, apply: true},
		{files: map[string]string{"x_override.tf.json": `{"variable": {"s": {"default": "overridden", "sensitive": "true"}}}`}},
		{flags: []string{"-destroy"}, apply: true},
	},
	"functions and ephemeral values": {
		{files: map[string]string{"main.tf": requires + "variable \"e\" {\n  ephemeral = true\n  default = \"x\"\n}\nlocals {\n  e = var.e\n}\nresource \"terraform_data\" \"f\" {\n  input = provider::shapes::twice(\"a\")\n}\nresource \"shapes_thing\" \"f\" {\n  once = var.e\n}\n"}, apply: true},
		{},
	},
	"outputs alone": {
		{files: map[string]string{"main.tf": "output \"a\" {\n  value = 1\n}\noutput \"b\" {\n  value = \"x\"\n}\noutput \"c\" {\n  value = [1]\n}\n"}, apply: true},
		{files: map[string]string{"main.tf": "output \"a\" {\n  value = 1\n  sensitive = true\n}\noutput \"b\" {\n  value = true\n}\n"}, apply: true},
		{},
		{files: map[string]string{"main.tf": "locals {}\n"}},
	},
	"a deposed object": {
		{files: map[string]string{"main.tf": requires + strings.ReplaceAll(firstMade, `"fine"`, `"stays"`)}, apply: true},
		{files: map[string]string{"main.tf": requires + strings.NewReplacer(`"a"`, `"b"`, `"fine"`, `"stays"`).Replace(firstMade)}, apply: true},
		{},
		{flags: []string{"-destroy"}},
	},
	"reasons to go": {
		{files: map[string]string{"main.tf": requires + leaving, "m/main.tf": requires + "resource \"shapes_thing\" \"x\" {}\n"}, apply: true},
		{files: map[string]string{"main.tf": requires + "resource \"shapes_thing\" \"counted\" {}\nresource \"shapes_thing\" \"keyed\" {\n  for_each = toset([\"a\"])\n}\nmodule \"m\" {\n  source = \"./m\"\n  count = 1\n}\nmoved {\n  from = shapes_thing.old\n  to   = shapes_thing.nowhere[0]\n}\n"}},
	},
	"nothing": {{files: map[string]string{"main.tf": "locals {}\n"}}, {flags: []string{"-destroy"}}},
	"a plan with errors": {
		{files: map[string]string{"main.tf": "variable \"n\" {\n  default = 1\n}\nresource \"terraform_data\" \"a\" {}\nresource \"terraform_data\" \"b\" {\n  input = jsondecode(terraform_data.a.input == null ? \"{\" : \"1\")\n}\n"}, fails: true},
	},
	"remote states": {
		{files: map[string]string{"main.tf": "output \"o\" {\n  value = { a = [1] }\n}\noutput \"s\" {\n  value = \"secret\"\n  sensitive = true\n}\n"}, apply: true},
		{files: map[string]string{"main.tf": "data \"terraform_remote_state\" \"r\" {\n  backend = \"local\"\n  config = {\n    path = \"${path.root}/copy.tfstate\"\n  }\n  defaults = {\n    d = null\n  }\n}\nresource \"terraform_data\" \"d\" {\n  input = data.terraform_remote_state.r.outputs\n}\noutput \"r\" {\n  value = data.terraform_remote_state.r\n  sensitive = true\n}\n", "copy.tfstate": `{"version": 4, "serial": 1, "lineage": "l", "outputs": {"o": {"value": {"a": [1]}, "type": ["object", {"a": ["tuple", ["number"]]}]}, "s": {"value": "secret", "type": "string", "sensitive": true}}, "resources": []}`}, apply: true},
		{},
	},
}

const lives = requires + `
# moved
# removed
# imported
# brought in
variable "secret" {
  sensitive = true
  default   = "s3cret-value"
}
resource "shapes_thing" "plain" {
  name  = "one"
  force = "a"
  list  = ["plain", var.secret]
}
resource "shapes_thing" "cbd" {
  force    = "a"
  password = var.secret
  lifecycle {
    create_before_destroy = true
  }
}
resource "shapes_thing" "counted" {
  count = 3
  name  = "n${count.index}"
}
resource "shapes_thing" "keyed" {
  for_each = { "a b" = 1, "q\"uo\\te" = 2, "$${x}%%{y}" = 3, "é\n\t\u200b" = 4, "" = 5 }
  number   = each.value
}
resource "shapes_thing" "before" {
  name = "moves"
}
resource "shapes_thing" "kept" {}
resource "shapes_thing" "deleted" {}
resource "shapes_thing" "triggered" {
  lifecycle {
    replace_triggered_by = [shapes_thing.plain]
  }
}
module "m" {
  source   = "./m"
  for_each = toset(["b", "a \"quoted\""])
  key      = each.key
}
module "n" {
  source = "./m"
  count  = 2
  key    = shapes_thing.plain.id
}
output "all" {
  value     = [shapes_thing.plain, module.m]
  sensitive = true
}
`

const livesModule = requires + `
variable "key" {}
resource "shapes_thing" "in" {
  count = 2
  name  = "source_value"
  map   = { k = var.key }
}
module "deeper" {
  source = "./deeper"
  count  = 2
}
output "id" {
  value = join(",", shapes_thing.in[*].id)
}
`

const leaving = `
resource "shapes_thing" "counted" {
  count = 2
}
resource "shapes_thing" "keyed" {
  for_each = toset(["a", "b"])
}
module "m" {
  source = "./m"
  count  = 2
}
resource "shapes_thing" "old" {}
`

const firstMade = `
resource "shapes_thing" "cbd" {
  name  = "fine"
  force = "a"
  lifecycle {
    create_before_destroy = true
  }
}
resource "shapes_thing" "other" {
  name  = "fine"
  force = "a"
}
`

const conditions = requires + `
variable "limit" {
  type    = number
  default = 5
  validation {
    condition     = var.limit > 0
    error_message = "It must be more than nothing."
  }
}
resource "shapes_thing" "c" {
  for_each = toset(["x", "y"])
  name     = each.key
  lifecycle {
    precondition {
      condition     = var.limit > 2
      error_message = "limit <2> & \"such\""
    }
    postcondition {
      condition     = self.id != ""
      error_message = "no id"
    }
  }
}
check "health" {
  data "shapes_found" "d" {
    ask = "well?"
  }
  assert {
    condition     = data.shapes_found.d.answer == "no"
    error_message = "The answer is ${data.shapes_found.d.answer}."
  }
  assert {
    condition     = data.shapes_found.d.token == ""
    error_message = "A second one."
  }
}
check "later" {
  assert {
    condition     = shapes_thing.c["x"].id == "z"
    error_message = "not z"
  }
}
module "m" {
  source = "./m"
  count  = 2
  v      = "v"
}
output "o" {
  value = 1
  precondition {
    condition     = var.limit > 3
    error_message = "too few"
  }
}
`

const readLater = requires + `
data "shapes_found" "now" {
  ask = "now"
}
resource "shapes_thing" "t" {
  name = data.shapes_found.now.token
}
data "shapes_found" "unknown" {
  ask = shapes_thing.t.id
}
data "shapes_found" "depends" {
  for_each   = toset(["k"])
  ask        = "x"
  depends_on = [shapes_thing.t]
}
resource "shapes_thing" "u" {
  map = { a = data.shapes_found.unknown.answer, s = data.shapes_found.unknown.token }
  any = data.shapes_found.depends["k"]
}
`

const jsonConfig = `{
  "terraform": {"required_providers": {"shapes": {"source": "acme/shapes"}}},
  "variable": {"s": {"type": "string", "default": 12345, "sensitive": true}, "l": {"type": "list(number)", "default": ["1", 2.5]}, "n": {"default": null}},
  "resource": {"shapes_thing": {
    "a": {"name": "\u00e9 ${var.s}", "number": 1e30, "list": "${[for v in var.l : tostring(v)]}", "rule": [{"value": "v", "part": [{"value": "x"}]}, {}], "label": {"l": {"value": "${var.s}"}}},
    "b": {"for_each": "${toset([\"x\", \"y z\"])}", "any": {"a": [1, "2", {"b": null}]}, "number": 0.30000000000000004}
  }},
  "output": {"o": {"value": "${shapes_thing.b}", "sensitive": true}, "s": {"value": "${var.s}", "sensitive": true}}
}`

func everyWith(number, password string) string {
	return strings.NewReplacer("%NUMBER%", number, "%PASSWORD%", password).Replace(every)
}
