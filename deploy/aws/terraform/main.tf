# The CloudFormation template, for people who live in Terraform. Every resource
# is in ../template.yaml; this module adds none.

terraform {
  required_version = ">= 1.5.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "lockkeeper" {
  name          = var.name_prefix
  template_body = file("${path.module}/../template.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    NamePrefix          = var.name_prefix
    ImageUri            = var.image_uri
    SubnetIds           = join(",", var.subnet_ids)
    SecurityGroupIds    = join(",", var.security_group_ids)
    AssignPublicIp      = var.assign_public_ip ? "ENABLED" : "DISABLED"
    ServerPrincipalArn  = var.server_principal_arn
    PlanRoleArns        = join(",", var.plan_role_arns)
    ApplyRoleArns       = join(",", var.apply_role_arns)
    ExternalId          = var.external_id
    JobVcpu             = tostring(var.job_vcpu)
    JobMemory           = tostring(var.job_memory)
    MaxVcpus            = tostring(var.max_vcpus)
    RetentionDays       = tostring(var.retention_days)
    AlarmTopicArn       = var.alarm_topic_arn
    LogBucket           = var.log_bucket
    PermissionsBoundary = var.permissions_boundary
    RolePath            = var.role_path
    Architecture        = var.architecture
    Spot                = tostring(var.spot)
    FunctionInVpc       = tostring(var.function_in_vpc)
  }
}
