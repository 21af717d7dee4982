# The templates check values and explain them; defaults are the same.

variable "name_prefix" {
  description = "Begins every name."
  type        = string
  default     = "lockkeeper"
}

variable "server_principal_arn" {
  description = "ARN of the role or user that the server runs as."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the jobs."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security groups of the jobs."
  type        = list(string)
}

variable "assign_public_ip" {
  description = "True for public subnets without a NAT gateway."
  type        = bool
  default     = false
}

variable "image_uri" {
  description = "Image of the jobs by digest; empty until there is one."
  type        = string
  default     = ""
}

variable "environments" {
  description = "What is kept apart, by name: the roles that plans and applies may assume (may hold *), the external id that those ask for, the machine of a job, and whether it has a function or, with max_vcpus, queues of its own."
  type = map(object({
    plan_role_arns  = list(string)
    apply_role_arns = list(string)
    external_id     = string
    job_vcpu        = optional(number, 1)
    job_memory      = optional(number, 2048)
    function        = optional(bool, false)
    function_in_vpc = optional(bool, false)
    max_vcpus       = optional(number, 0)
  }))
}

variable "max_vcpus" {
  description = "vCPUs that may run at once, for each compute environment that environments share."
  type        = number
  default     = 16
}

variable "spot" {
  description = "Whether plans run on Fargate Spot."
  type        = bool
  default     = true
}

variable "retention_days" {
  description = "Days that plans, output and logs are kept."
  type        = number
  default     = 30
}

variable "alarm_topic_arn" {
  description = "SNS topic of the alarms; empty for none."
  type        = string
  default     = ""
}

variable "key_arn" {
  description = "KMS key that there is already; empty for one of the stack's own."
  type        = string
  default     = ""
}

variable "log_bucket" {
  description = "Bucket for the access log of the artifacts' bucket; empty for none."
  type        = string
  default     = ""
}

variable "permissions_boundary" {
  description = "ARN of the policy that bounds every role; empty for none."
  type        = string
  default     = ""
}

variable "role_path" {
  description = "Path of every role and policy."
  type        = string
  default     = "/"
}

variable "architecture" {
  description = "Of the image and what runs it: X86_64 or ARM64."
  type        = string
  default     = "X86_64"
}
