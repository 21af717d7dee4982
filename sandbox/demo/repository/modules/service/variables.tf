variable "name" {
  description = "Name of the service, without the environment."
  type        = string
}

variable "environment" {
  description = "Environment the service runs in; part of every name."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster that runs the service."
  type        = string
}

variable "image" {
  description = "Container image with a tag that is not latest."
  type        = string

  validation {
    condition     = !endswith(var.image, ":latest") && strcontains(var.image, ":")
    error_message = "image must carry a tag that names one build, never latest."
  }
}

variable "replicas" {
  description = "Tasks to keep running."
  type        = number

  validation {
    condition     = var.replicas >= 1
    error_message = "replicas must be at least 1."
  }
}

variable "cpu" {
  description = "CPU units per task; 1024 is one core."
  type        = number
  default     = 256
}

variable "memory" {
  description = "Memory per task, in MiB."
  type        = number
  default     = 512
}

variable "host" {
  description = "Host name that routes to the service."
  type        = string
}

variable "port" {
  description = "Port the container listens on."
  type        = number
  default     = 8080
}

variable "settings" {
  description = "Environment variables of the container; secrets by name, never by value."
  type        = map(string)
  default     = {}
}

variable "jobs" {
  description = "Scheduled jobs by name; the schedule is a cron line in UTC."
  type = map(object({
    schedule = string
    command  = list(string)
  }))
  default = {}
}
