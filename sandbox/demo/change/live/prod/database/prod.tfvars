environment           = "prod"
engine_version        = "16.4"
instance_class        = "large"
storage_gib           = 400
multi_zone            = true
max_connections       = 400
backup_retention_days = 30
administrator         = "shop_admin_prod"
