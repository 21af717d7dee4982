environment        = "prod"
kubernetes_version = "1.31"

node_groups = {
  general = { instance_type = "standard-4", min = 3, max = 10 }
  batch   = { instance_type = "compute-8", min = 0, max = 4, spot = true }
}
