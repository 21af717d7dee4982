environment = "dev"
image       = "registry.acme.example/orders:2.14.0"
replicas    = 1
cpu         = 256
memory      = 512
host        = "orders.dev.acme.example"
log_level   = "debug"
