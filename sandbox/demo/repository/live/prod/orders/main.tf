# The orders service: takes orders from the shop and keeps them.

module "orders" {
  source = "../../../modules/service"

  name        = "orders"
  environment = var.environment
  cluster     = "acme-${var.environment}"
  image       = var.image
  replicas    = var.replicas
  cpu         = var.cpu
  memory      = var.memory
  host        = var.host
  jobs        = var.jobs

  settings = {
    DATABASE_HOST   = "shop-${var.environment}.database.internal"
    DATABASE_SECRET = "acme/${var.environment}/database/orders"
    LOG_LEVEL       = var.log_level
  }
}
