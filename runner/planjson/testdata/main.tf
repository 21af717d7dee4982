terraform {
  required_providers {
    shapes = {
      source = "acme/shapes"
    }
  }
}

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
  number   = 123456789012345678901234567890.000000001
  flag     = true
  list     = ["a", shapes_thing.first.id, null, ""]
  set      = ["b", "a", "${shapes_thing.first.id}-x"]
  map      = { k = "v", u = shapes_thing.first.id, n = null, s = var.password }
  objects  = [{ a = shapes_thing.first.id, n = 1 }, { a = null, n = 0.1 }]
  object_set = [{ a = var.password, n = 1 }, { a = "x", n = 2 }]
  tuple    = ["x", 3]
  any      = { l = [1, "two", null, shapes_thing.first.made_object], s = toset(["q"]), secret = var.password }
  password = "other"
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
