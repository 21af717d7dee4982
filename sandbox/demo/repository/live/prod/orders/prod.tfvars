environment = "prod"
image       = "registry.acme.example/orders:2.14.0"
replicas    = 3
cpu         = 512
memory      = 1024
host        = "orders.acme.example"
log_level   = "info"

jobs = {
  nightly-report = { schedule = "30 1 * * *", command = ["orders", "report", "--yesterday"] }
  expire-carts   = { schedule = "*/15 * * * *", command = ["orders", "expire-carts"] }
}
