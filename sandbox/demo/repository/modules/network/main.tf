# A private network: one VPC, a public and a private subnet per zone, and the
# routes between them.

locals {
  name = "acme-${var.environment}"

  # The first half of the range is private, the second public; four zones fit
  # in each half, so a zone added later moves nothing.
  private = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 3, index) }
  public  = { for index, zone in var.zones : zone => cidrsubnet(var.cidr, 3, index + 4) }
}

resource "terraform_data" "vpc" {
  input = {
    name          = local.name
    cidr          = var.cidr
    dns_hostnames = true
    flow_logs     = var.flow_logs
  }

  # A VPC cannot change its range.
  triggers_replace = [var.cidr]

  lifecycle {
    precondition {
      condition     = var.environment != "prod" || length(var.zones) >= 3
      error_message = "Production spans at least three zones; add one to zones."
    }
  }
}

resource "terraform_data" "private_subnet" {
  for_each = local.private

  input = {
    name = "${local.name}-private-${each.key}"
    vpc  = terraform_data.vpc.id
    zone = each.key
    cidr = each.value
  }
  triggers_replace = [terraform_data.vpc.id, each.value]
}

resource "terraform_data" "public_subnet" {
  for_each = local.public

  input = {
    name = "${local.name}-public-${each.key}"
    vpc  = terraform_data.vpc.id
    zone = each.key
    cidr = each.value
  }
  triggers_replace = [terraform_data.vpc.id, each.value]
}

resource "terraform_data" "nat_gateway" {
  for_each = var.nat_gateway_per_zone ? local.public : { for zone in slice(var.zones, 0, 1) : zone => local.public[zone] }

  input = {
    name   = "${local.name}-nat-${each.key}"
    subnet = terraform_data.public_subnet[each.key].id
  }
}
