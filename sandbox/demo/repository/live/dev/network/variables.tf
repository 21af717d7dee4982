variable "environment" {
  type = string
}

variable "cidr" {
  type = string
}

variable "zones" {
  type = list(string)
}

variable "nat_gateway_per_zone" {
  type = bool
}
