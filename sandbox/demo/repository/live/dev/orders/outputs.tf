output "url" {
  value = module.orders.url
}
