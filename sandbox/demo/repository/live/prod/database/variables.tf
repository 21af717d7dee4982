variable "environment" {
  type = string
}

variable "engine_version" {
  description = "PostgreSQL version, major.minor."
  type        = string

  validation {
    condition     = can(regex("^[0-9]+[.][0-9]+$", var.engine_version))
    error_message = "engine_version must be major.minor, for example 16.4."
  }
}

variable "instance_class" {
  type = string
}

variable "storage_gib" {
  description = "Storage in GiB; it can only grow."
  type        = number
}

variable "multi_zone" {
  type = bool
}

variable "max_connections" {
  type = number
}

variable "backup_retention_days" {
  type = number
}

variable "administrator" {
  description = "Login of the administrator. No password, but nothing for a log either."
  type        = string
  sensitive   = true
}
