# The CloudFormation templates, for people who live in Terraform. Every resource
# is in ../*.yaml; this module adds none.

terraform {
  required_version = ">= 1.5.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

resource "aws_cloudformation_stack" "base" {
  name          = "${var.name_prefix}-base"
  template_body = file("${path.module}/../base.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    NamePrefix          = var.name_prefix
    ServerPrincipalArn  = var.server_principal_arn
    RetentionDays       = tostring(var.retention_days)
    KeyArn              = var.key_arn
    LogBucket           = var.log_bucket
    PermissionsBoundary = var.permissions_boundary
    RolePath            = var.role_path
    Architecture        = var.architecture
  }
}

resource "aws_cloudformation_stack" "engine" {
  depends_on = [aws_cloudformation_stack.base]

  name          = "${var.name_prefix}-engine"
  template_body = file("${path.module}/../engine.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    NamePrefix          = var.name_prefix
    SubnetIds           = join(",", var.subnet_ids)
    SecurityGroupIds    = join(",", var.security_group_ids)
    MaxVcpus            = tostring(var.max_vcpus)
    Spot                = tostring(var.spot)
    RetentionDays       = tostring(var.retention_days)
    AlarmTopicArn       = var.alarm_topic_arn
    PermissionsBoundary = var.permissions_boundary
    RolePath            = var.role_path
  }
}

# None of them before there is an image.
resource "aws_cloudformation_stack" "environment" {
  for_each   = var.image_uri == "" ? {} : var.environments
  depends_on = [aws_cloudformation_stack.engine]

  name          = "${var.name_prefix}-environment-${each.key}"
  template_body = file("${path.module}/../environment.yaml")
  capabilities  = ["CAPABILITY_NAMED_IAM"]

  parameters = {
    NamePrefix          = var.name_prefix
    Environment         = each.key
    ImageUri            = var.image_uri
    PlanRoleArns        = join(",", each.value.plan_role_arns)
    ApplyRoleArns       = join(",", each.value.apply_role_arns)
    ExternalId          = each.value.external_id
    JobVcpu             = tostring(each.value.job_vcpu)
    JobMemory           = tostring(each.value.job_memory)
    AssignPublicIp      = var.assign_public_ip ? "ENABLED" : "DISABLED"
    Architecture        = var.architecture
    Function            = tostring(each.value.function)
    FunctionInVpc       = tostring(each.value.function_in_vpc)
    OwnMaxVcpus         = tostring(each.value.max_vcpus)
    Spot                = tostring(var.spot)
    SubnetIds           = join(",", var.subnet_ids)
    SecurityGroupIds    = join(",", var.security_group_ids)
    RetentionDays       = tostring(var.retention_days)
    PermissionsBoundary = var.permissions_boundary
    RolePath            = var.role_path
  }
}
