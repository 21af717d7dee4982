terraform {
  required_version = ">= 1.6"

  # Lockkeeper says where the state is.
  backend "local" {}
}
