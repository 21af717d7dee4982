environment          = "prod"
cidr                 = "10.10.0.0/16"
zones                = ["a", "b", "c"]
nat_gateway_per_zone = true
