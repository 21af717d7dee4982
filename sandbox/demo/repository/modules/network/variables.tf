variable "environment" {
  description = "Environment this network belongs to; part of every name."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC, a /16 to /20."
  type        = string

  validation {
    condition     = can(cidrsubnet(var.cidr, 3, 0)) && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "cidr must be an address range no smaller than a /20, for example 10.20.0.0/16."
  }
}

variable "zones" {
  description = "Availability zones, in order; at most four."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 1 && length(var.zones) <= 4
    error_message = "zones must name one to four zones."
  }
}

variable "flow_logs" {
  description = "Whether the VPC records its traffic."
  type        = bool
  default     = true
}

variable "nat_gateway_per_zone" {
  description = "One NAT gateway per zone (production) or one for all (cheaper)."
  type        = bool
  default     = false
}
