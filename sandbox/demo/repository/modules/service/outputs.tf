output "url" {
  description = "Where the service answers."
  value       = "https://${var.host}"
}
