environment           = "dev"
engine_version        = "16.4"
instance_class        = "small"
storage_gib           = 20
multi_zone            = false
max_connections       = 100
backup_retention_days = 3
administrator         = "shop_admin_dev"
