environment        = "dev"
kubernetes_version = "1.31"

node_groups = {
  general = { instance_type = "standard-2", min = 1, max = 3, spot = true }
}
