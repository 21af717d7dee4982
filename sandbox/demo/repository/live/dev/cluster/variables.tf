variable "environment" {
  type = string
}

variable "kubernetes_version" {
  type = string
}

variable "node_groups" {
  description = "Groups of equal machines, by name."
  type = map(object({
    instance_type = string
    min           = number
    max           = number
    spot          = optional(bool, false)
  }))
}
