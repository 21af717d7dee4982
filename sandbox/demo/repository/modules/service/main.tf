# A container service on the shared cluster: its task, the service that keeps
# the replicas running, its route, and its scheduled jobs.

locals {
  name = "${var.name}-${var.environment}"
}

resource "terraform_data" "task" {
  input = {
    family = local.name
    cpu    = var.cpu
    memory = var.memory
    definition = templatefile("${path.module}/task.json.tftpl", {
      name        = local.name
      image       = var.image
      port        = var.port
      environment = var.settings
    })
  }
}

resource "terraform_data" "service" {
  input = {
    name     = local.name
    cluster  = var.cluster
    replicas = var.replicas
  }

  # Moving a service to another cluster is a new service.
  triggers_replace = [var.cluster]

  lifecycle {
    precondition {
      condition     = var.environment != "prod" || var.replicas >= 2
      error_message = "A production service needs at least two replicas."
    }
  }
}

resource "terraform_data" "route" {
  input = {
    host   = var.host
    target = local.name
    port   = var.port
  }
}

resource "terraform_data" "job" {
  for_each = var.jobs

  input = {
    name     = "${local.name}-${each.key}"
    schedule = each.value.schedule
    command  = each.value.command
  }
}
