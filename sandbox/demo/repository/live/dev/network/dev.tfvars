environment          = "dev"
cidr                 = "10.20.0.0/16"
zones                = ["a", "b"]
nat_gateway_per_zone = false
