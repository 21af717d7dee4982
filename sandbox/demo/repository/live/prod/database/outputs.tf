output "address" {
  value = "${local.name}.database.internal:5432"
}

output "administrator_url" {
  description = "Connection of the administrator; the password comes from the secret."
  value       = "postgres://${var.administrator}@${local.name}.database.internal:5432/shop"
  sensitive   = true
}
