"""Step Functions: each patch removes one gap of moto 5.2.1 that keeps a state machine from running as on AWS."""

import copy
import datetime
import functools
import json
import re
import threading
import uuid

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.config import default_user_config
from moto.stepfunctions import responses
from moto.stepfunctions.exceptions import InvalidName, ValidationException
from moto.stepfunctions.models import StateMachine
from moto.stepfunctions.parser import models as parser
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_batch as task_batch
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import StateTaskServiceCallback
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend import execution

import aws


def install() -> None:
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    copy_shallowly()
    speak_camel_case()
    act_as_the_machine()
    cancel_children()
    new_token_per_attempt()
    name_errors_of_batch()
    keep_error_and_cause()
    name_executions()
    tell_status()


def copy_shallowly() -> None:
    """A deep copy drags in the backend and its running threads: the second StartExecution of a server would be HTTP 500."""

    def clone(self, _memo):
        c = copy.copy(self)
        c.executions = []
        return c

    StateMachine.__deepcopy__ = clone


def speak_camel_case() -> None:
    """moto leaves both hooks empty, and every API with camelCase members (batch, states, sfn) fails with a KeyError."""

    @functools.lru_cache(maxsize=None)
    def operation(service, action):
        c = boto3.client(service, region_name="us-east-1", endpoint_url=aws.endpoint, aws_access_key_id="x", aws_secret_access_key="x")
        return c.meta.service_model.operation_model(c.meta.method_to_api_mapping[action])

    def model(task, service, action):
        return operation(task._get_boto_service_name(service), task._get_boto_service_action(action))

    def parameters(self, parameters, boto_service_name=None, service_action_name=None):
        shape = model(self, boto_service_name, service_action_name).input_shape
        if shape:
            self._to_boto_request(parameters, shape)

    def response(self, response, boto_service_name=None, service_action_name=None):
        shape = model(self, boto_service_name, service_action_name).output_shape
        if shape:
            self._from_boto_response(response, shape)
        for key, value in list(response.items()) if isinstance(response, dict) else []:
            if isinstance(value, datetime.datetime):
                response[key] = value.astimezone(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    StateTaskService._normalise_parameters, StateTaskService._normalise_response = parameters, response


def act_as_the_machine() -> None:
    """Calls of a task carry the name of the machine's role as access key, so that a test can tell who made them."""

    def client_for(region: str, service: str, state_credentials=None):
        return aws.client(service, region, aws.principal(state_credentials.role_arn if state_credentials else None))

    original = boto_client.boto_client_for
    boto_client.boto_client_for = client_for
    import sys

    for module in list(sys.modules.values()):  # those that imported the name
        if getattr(module, "boto_client_for", None) is original:
            module.boto_client_for = client_for


def cancel_children() -> None:
    """The Batch job of a .sync task ends with the task: at StopExecution and at a time limit."""
    build = task_batch.StateTaskServiceBatch._build_sync_resolver

    def with_stop(self, env, resource_runtime_part, normalised_parameters, state_credentials):
        job = env.stack[-1]["JobId"]
        resolver = build(self, env=env, resource_runtime_part=resource_runtime_part, normalised_parameters=normalised_parameters, state_credentials=state_credentials)
        resolver.__dict__["stop"] = lambda: aws.client("batch", resource_runtime_part.region, aws.principal(state_credentials.role_arn)).terminate_job(jobId=job, reason="Terminated by Step Functions")
        return resolver

    task_batch.StateTaskServiceBatch._build_sync_resolver = with_stop
    evaluate = StateTaskServiceCallback._eval_sync

    def watched(self, env, sync_resolver, **kwargs):
        ended = threading.Event()

        def resolve():
            try:
                result = sync_resolver()
            except Exception:
                ended.set()
                raise
            if result:
                ended.set()
            return result

        try:
            return evaluate(self, env=env, sync_resolver=resolve, **kwargs)
        finally:
            if not ended.is_set() and hasattr(sync_resolver, "stop"):
                sync_resolver.stop()

    StateTaskServiceCallback._eval_sync = watched


def new_token_per_attempt() -> None:
    """A Retry would use the first attempt's callback, which is released already, and time out at once."""
    evaluate = StateTaskService._eval_execution

    def with_token(self, env):
        if isinstance(self, StateTaskServiceCallback) and self._is_integration_pattern():
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        return evaluate(self, env)

    StateTaskService._eval_execution = with_token


def name_errors_of_batch() -> None:
    """An error of Batch has the name of its exception in AWS's Java SDK, as executions of real accounts show it: the API has two
    exceptions of its own, and all else, throttling above all, is Batch.AWSBatchException. moto takes the code instead."""

    modelled = ("ClientException", "ServerException")
    original = task_batch.StateTaskServiceBatch._from_error

    def from_error(self, env, ex):
        name, said, status = "SdkClientException", str(ex), 0  # no answer came
        if isinstance(ex, ClientError):
            name, said, status = ex.response["Error"]["Code"], ex.response["Error"]["Message"], ex.response["ResponseMetadata"]["HTTPStatusCode"]
            if name not in modelled:
                name, said = "AWSBatchException", f"{said} (Error Code: {name})"
        elif not isinstance(ex, BotoCoreError):
            return original(self, env, ex)
        return original(self, env, ClientError({"Error": {"Code": name, "Message": said}, "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": ""}}, "SubmitJob"))

    task_batch.StateTaskServiceBatch._from_error = from_error


def keep_error_and_cause() -> None:
    """StopExecution and SendTaskFailure say why."""

    def now():
        return datetime.datetime.now(datetime.timezone.utc)

    def stop_execution(self):
        e = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        e.error, e.cause = self._get_param("error"), self._get_param("cause")
        e.stop(stop_date=now(), error=self._get_param("error"), cause=self._get_param("cause"))
        e.error, e.cause = self._get_param("error"), self._get_param("cause")
        return responses.ActionResult({"stopDate": now()})

    def send_task_failure(self):
        self.stepfunction_backend.send_task_failure(self._get_param("taskToken"), error=self._get_param("error"), cause=self._get_param("cause"))
        return responses.EmptyResult()

    responses.StepFunctionResponse.stop_execution = stop_execution
    responses.StepFunctionResponse.send_task_failure = send_task_failure


def machine_of(token) -> str:
    """The state machine of a task token, which is what IAM is asked about."""
    for account in list(parser.stepfunctions_parser_backends.values()):
        for backend in list(account.values()):
            for machine in list(backend.state_machines):
                for e in list(machine.executions):
                    if e.exec_worker and e.exec_worker.env.callback_pool_manager.get(token):
                        return machine.arn
    return ""


def name_executions() -> None:
    """A name is made when none is given, and two starts of one name are not let through at once. Names and inputs have their limits
    (AWS Step Functions API reference, "StartExecution"; developer guide, "Quotas")."""
    one = threading.Lock()
    start = parser.StepFunctionsParserBackend.start_execution

    def start_execution(self, state_machine_arn, name=None, execution_input=None, trace_header=None):
        name = name or str(uuid.uuid4())
        if not re.fullmatch(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}", name):
            raise InvalidName("Invalid Name: '" + name + "'")
        if len((execution_input or "").encode()) > 262_144:
            raise ValidationException("Value at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144")
        with one:
            return start(self, state_machine_arn, name, execution_input, trace_header)

    parser.StepFunctionsParserBackend.start_execution = start_execution


def tell_status() -> None:
    """Events "Step Functions Execution Status Change"."""
    begin, end = execution.Execution.start, execution.BaseExecutionWorkerCommunication.terminated

    def millis(d):
        return int(d.timestamp() * 1000) if d else None

    def tell(e):
        aws.emit(e.account_id, e.region_name, "aws.states", "Step Functions Execution Status Change", {
            "executionArn": e.exec_arn, "stateMachineArn": e.state_machine_arn, "name": e.name, "status": e.status,
            "startDate": millis(e.start_date), "stopDate": millis(e.stop_date), "input": e.execution_input,
            "output": json.dumps(e.output) if e.output is not None else None, "error": e.error, "cause": e.cause,
        }, [e.exec_arn])

    def started(self):
        begin(self)
        tell(self)

    def terminated(self):
        end(self)
        tell(self.execution)

    execution.Execution.start, execution.BaseExecutionWorkerCommunication.terminated = started, terminated
