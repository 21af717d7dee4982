# The container cluster that all services of the environment share.

locals {
  name = "acme-${var.environment}"
}

resource "terraform_data" "cluster" {
  input = {
    name           = local.name
    network        = local.name
    version        = var.kubernetes_version
    public_access  = var.environment == "dev"
    log_categories = ["api", "audit"]
  }

  # A cluster cannot move to another network.
  triggers_replace = [local.name]
}

resource "terraform_data" "node_group" {
  for_each = var.node_groups

  input = {
    name          = "${local.name}-${each.key}"
    cluster       = terraform_data.cluster.id
    instance_type = each.value.instance_type
    min           = each.value.min
    max           = each.value.max
    spot          = each.value.spot
  }

  # Nodes of another type are another group; the old one drains first.
  triggers_replace = [each.value.instance_type]

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = each.value.min <= each.value.max
      error_message = "Node group ${each.key}: min must not be greater than max."
    }
  }
}
