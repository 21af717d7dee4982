environment           = "prod"
engine_version        = "15.8"
instance_class        = "large"
storage_gib           = 200
multi_zone            = true
max_connections       = 400
backup_retention_days = 30
administrator         = "shop_admin_prod"
