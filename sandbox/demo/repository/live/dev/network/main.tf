module "network" {
  source = "../../../modules/network"

  environment          = var.environment
  cidr                 = var.cidr
  zones                = var.zones
  nat_gateway_per_zone = var.nat_gateway_per_zone
}
