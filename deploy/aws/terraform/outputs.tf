output "outputs" {
  description = "Outputs of base.yaml and engine.yaml, by name: StateMachine, Bucket, StatusQueue and so on."
  value       = merge(aws_cloudformation_stack.base.outputs, aws_cloudformation_stack.engine.outputs)
}

output "environments" {
  description = "Outputs of environment.yaml, by environment and name: PlanJobDefinition, PlanRoleId and so on."
  value       = { for name, stack in aws_cloudformation_stack.environment : name => stack.outputs }
}

output "server_policy_arn" {
  description = "Policy to attach to the role that the server runs as."
  value       = aws_cloudformation_stack.engine.outputs["ServerPolicy"]
}
