output "outputs" {
  description = "Outputs of the template, by name: StateMachine, Bucket, StatusQueue and so on."
  value       = aws_cloudformation_stack.lockkeeper.outputs
}

output "server_policy_arn" {
  description = "Policy to attach to the role that the server runs as."
  value       = aws_cloudformation_stack.lockkeeper.outputs["ServerPolicy"]
}
