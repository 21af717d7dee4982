# The template checks values and explains them; defaults are the same.

variable "name_prefix" {
  description = "Begins every name."
  type        = string
  default     = "lockkeeper"
}

variable "image_uri" {
  description = "Image of the jobs by digest; empty until there is one."
  type        = string
  default     = ""
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

variable "server_principal_arn" {
  description = "ARN of the role or user that the server runs as."
  type        = string
}

variable "plan_role_arns" {
  description = "Roles that plans may assume; may hold *."
  type        = list(string)
}

variable "apply_role_arns" {
  description = "Roles that applies may assume; may hold *."
  type        = list(string)
}

variable "external_id" {
  description = "External id that those roles ask for."
  type        = string
}

variable "job_vcpu" {
  description = "vCPUs of a job."
  type        = number
  default     = 1
}

variable "job_memory" {
  description = "Memory of a job in MiB."
  type        = number
  default     = 2048
}

variable "max_vcpus" {
  description = "vCPUs that may run at once, for each compute environment."
  type        = number
  default     = 16
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

variable "spot" {
  description = "Whether plans run on Fargate Spot."
  type        = bool
  default     = true
}

variable "function_in_vpc" {
  description = "Whether the function has the jobs' subnets, which need a NAT gateway then."
  type        = bool
  default     = false
}
