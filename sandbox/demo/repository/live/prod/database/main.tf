# PostgreSQL for the shop.

locals {
  name          = "shop-${var.environment}"
  major_version = split(".", var.engine_version)[0]
}

resource "terraform_data" "parameters" {
  input = {
    name            = "${local.name}-parameters"
    max_connections = var.max_connections
    log_statements  = "ddl"
  }
}

resource "terraform_data" "instance" {
  input = {
    name            = local.name
    engine          = "postgres"
    engine_version  = var.engine_version
    class           = var.instance_class
    storage_gib     = var.storage_gib
    multi_zone      = var.multi_zone
    parameters      = terraform_data.parameters.id
    administrator   = var.administrator
    password_secret = "acme/${var.environment}/database/administrator"
  }

  # A new major version is a new instance: data moves by snapshot and restore.
  triggers_replace = [local.name, local.major_version]

  lifecycle {
    precondition {
      condition     = var.environment != "prod" || var.multi_zone
      error_message = "The production database runs in more than one zone; set multi_zone = true."
    }
  }
}

resource "terraform_data" "backup" {
  input = {
    instance       = terraform_data.instance.id
    schedule       = "0 2 * * *"
    retention_days = var.backup_retention_days
  }
}
