"""The patches reach into moto. This says which names they need, so that another version fails at once and says why."""

import importlib
import sys

VERSION = "5.2.1"

NAMES = {
    "moto.awslambda.models": ["LambdaFunction.invoke"],
    "moto.batch.models": ["BatchBackend.get_job_definition", "Job.run", "Job.describe", "Job._mark_stopped", "Job._container_details", "Job._get_attempt_duration", "JobQueue.describe", "JobQueue.create_from_cloudformation_json", "ComputeEnvironment.create_from_cloudformation_json"],
    "moto.backends": ["list_of_moto_modules"],
    "moto.batch.responses": ["BatchResponse.submitjob"],
    "moto.cloudformation.models": ["yaml.Loader", "yaml_tag_constructor", "Stack.create_resources", "Stack.parse_template", "Stack.update", "CloudFormationBackend.create_stack", "CloudFormationBackend._resolve_update_parameters", "cloudformation_backends"],
    "moto.cloudformation.responses": ["CloudFormationResponse._validate_different_update"],
    "moto.codebuild.models": ["CodeBuildBackend.start_build", "CodeBuildBackend.batch_get_builds"],
    "moto.cloudformation.parsing": ["get_model_map", "get_model_list", "get_name_type_map", "ResourceMap.build_resource_diff", "ResourceMap.delete"],
    "moto.core.config": ["default_user_config"],
    "moto.events.models": ["Rule.send_to_targets", "events_backends"],
    "moto.iam.models": ["iam_backends"],
    "moto.kms.models": ["generate_private_key"],
    "moto.logs.models": ["LogGroup.get_cfn_attribute"],
    "moto.s3.models": ["FakeBucket.create_from_cloudformation_json"],
    "moto.scheduler.models": ["scheduler_backends"],
    "moto.stepfunctions.exceptions": ["InvalidName", "ValidationException"],
    "moto.stepfunctions.models": ["StateMachine"],
    "moto.stepfunctions.responses": ["StepFunctionResponse.stop_execution", "StepFunctionResponse.send_task_failure"],
    "moto.stepfunctions.parser.models": ["StepFunctionsParserBackend.start_execution"],
    "moto.stepfunctions.parser.backend.execution": ["Execution.start", "BaseExecutionWorkerCommunication.terminated"],
    "moto.stepfunctions.parser.asl.component.common.path.result_path": ["parse"],
    "moto.stepfunctions.parser.asl.parse.asl_parser": [
        "AmazonStateLanguageParser.parse",
        "ASLLexer",
        "ASLParser",
        "ASLParserException",
        "CommonTokenStream",
        "InputStream",
        "Preprocessor",
        "SyntaxErrorListener",
    ],
    "moto.stepfunctions.parser.asl.utils.json_path": ["parse"],
    "moto.stepfunctions.parser.asl.utils.boto_client": ["boto_client_for"],
    "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service": [
        "StateTaskService._normalise_parameters",
        "StateTaskService._normalise_response",
        "StateTaskService._eval_execution",
    ],
    "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback": ["StateTaskServiceCallback._eval_sync"],
    "moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_batch": ["StateTaskServiceBatch._build_sync_resolver", "StateTaskServiceBatch._from_error"],
}


def check() -> None:
    import moto

    if moto.__version__ != VERSION:
        sys.exit(f"the emulator needs moto {VERSION}, and this is {moto.__version__}")
    for module, names in NAMES.items():
        found = importlib.import_module(module)
        for name in names:
            part = found
            for attribute in name.split("."):
                if not hasattr(part, attribute):
                    sys.exit(f"moto {moto.__version__} has no {module}.{name}, which the emulator patches")
                part = getattr(part, attribute)
