variable "environment" {
  type = string
}

variable "image" {
  type = string
}

variable "replicas" {
  type = number
}

variable "cpu" {
  type = number
}

variable "memory" {
  type = number
}

variable "host" {
  type = string
}

variable "log_level" {
  type = string
}

variable "jobs" {
  type = map(object({
    schedule = string
    command  = list(string)
  }))
  default = {}
}
