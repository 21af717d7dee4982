output "name" {
  value = local.name
}

output "capacity" {
  description = "Most machines each group may have."
  value       = { for name, group in var.node_groups : name => group.max }
}
