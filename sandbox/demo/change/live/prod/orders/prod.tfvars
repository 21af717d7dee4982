environment = "prod"
image       = "registry.acme.example/orders:2.14.0"
replicas    = 6
cpu         = 512
memory      = 1024
host        = "orders.acme.example"
log_level   = "info"

jobs = {
  expire-carts = { schedule = "*/15 * * * *", command = ["orders", "expire-carts"] }
}
