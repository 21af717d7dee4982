output "vpc_id" {
  description = "Identifier of the VPC."
  value       = terraform_data.vpc.id
}

output "private_subnets" {
  description = "Address range of the private subnet of each zone."
  value       = local.private
}
