"""CloudFormation types that moto lacks or gets wrong, made through the emulator's own API."""

import functools
import json
import secrets

from moto.batch.models import ComputeEnvironment, JobQueue
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel
from moto.iam.models import iam_backends
from moto.logs.models import LogGroup
from moto.s3.models import FakeBucket

import aws

updates: dict = {}  # by type: functions that change a resource; the others are deleted and made again

VERBATIM = ("Options", "Tags", "Parameters", "Variables")  # maps whose keys are the user's own


def camel(value):
    """Template properties are PascalCase, members of these APIs camelCase."""
    if isinstance(value, dict):
        return {k[0].lower() + k[1:]: (v if k in VERBATIM else camel(v)) for k, v in value.items()}
    return [camel(v) for v in value] if isinstance(value, list) else value


class Resource(CloudFormationModel):
    """A resource made by a function and ended by another; subclasses are made by define."""

    __module__ = "moto.emulator"  # moto looks for models below its own name
    type = name_property = ""
    attributes: tuple = ()

    def __init__(self, reference, values, properties):
        self.reference, self.values, self.name, self.properties = reference, values, reference, properties

    @property
    def physical_resource_id(self):
        return self.reference

    @classmethod
    def cloudformation_type(cls):
        return cls.type

    @classmethod
    def cloudformation_name_type(cls):
        return cls.name_property

    @classmethod
    def has_cfn_attr(cls, attribute):
        return attribute in cls.attributes

    def get_cfn_attribute(self, attribute):
        if attribute not in self.values:
            raise UnformattedGetAttTemplateException()
        return self.values[attribute]

    @classmethod
    def create_from_cloudformation_json(cls, name, template, account, region, **_):
        client = functools.partial(aws.client, region=region, principal="cloudformation")
        reference, values = cls.make(client, name, template["Properties"], f"{region}:{account}")
        return cls(reference, values, template["Properties"])

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
        if cls.type in updates:
            client = functools.partial(aws.client, region=region_name, principal="cloudformation")
            reference, values = updates[cls.type](client, original_resource, new_resource_name, cloudformation_json["Properties"], f"{region_name}:{account_id}")
            return cls(reference, values, cloudformation_json["Properties"])
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, name, template, account, region):
        if cls.end:
            cls.end(functools.partial(aws.client, region=region, principal="cloudformation"), name, (template or {}).get("Properties", {}))

    def delete(self, account, region):
        self.delete_from_cloudformation_json(self.reference, {"Properties": self.properties}, account, region)


def define(type_, name_property, attributes, make, end=None):
    cls = type("Emulated" + type_.replace(":", ""), (Resource,), {
        "__module__": "moto.emulator", "type": type_, "name_property": name_property, "attributes": attributes,
        "make": staticmethod(make), "end": staticmethod(end) if end else None,
    })
    parsing.get_model_map()[type_] = cls
    parsing.get_model_list().append(cls)
    parsing.get_name_type_map()[type_] = name_property


def definition_of(p) -> str:
    definition = p.get("DefinitionString") or p.get("Definition")
    definition = definition if isinstance(definition, str) else json.dumps(definition)
    for key, value in (p.get("DefinitionSubstitutions") or {}).items():
        definition = definition.replace("${%s}" % key, json.dumps(str(value))[1:-1])
    return definition


def machine(client, name, p, _):
    arn = client("stepfunctions").create_state_machine(
        name=p.get("StateMachineName", name), definition=definition_of(p), roleArn=p["RoleArn"], type=p.get("StateMachineType", "STANDARD"),
        loggingConfiguration=camel(p.get("LoggingConfiguration") or {}), tracingConfiguration=camel(p.get("TracingConfiguration") or {}),
    )["stateMachineArn"]
    return arn, {"Arn": arn, "Name": p.get("StateMachineName", name), "StateMachineRevisionId": "INITIAL"}


def job_definition(client, name, p, _):
    container = camel(p["ContainerProperties"])
    container["resourceRequirements"] = [{k: str(v) for k, v in r.items()} for r in container.get("resourceRequirements", [])]
    optional = {}
    if timeout := p.get("Timeout"):
        optional["timeout"] = {"attemptDurationSeconds": int(timeout["AttemptDurationSeconds"])}
    if retry := camel(p.get("RetryStrategy") or {}):
        optional["retryStrategy"] = {**retry, "attempts": int(retry.get("attempts", 1))}
    arn = client("batch").register_job_definition(
        jobDefinitionName=name, type=p["Type"], containerProperties=container,
        platformCapabilities=p.get("PlatformCapabilities", []), parameters=p.get("Parameters") or {}, **optional,
    )["jobDefinitionArn"]
    return arn, {"JobDefinitionArn": arn}


def function(client, name, p, _):
    kept = ("PackageType", "Code", "Role", "Description", "Environment", "ImageConfig", "Architectures", "TracingConfig", "Handler", "Runtime")
    members = {k: p[k] for k in kept if k in p} | {k: int(p[k]) for k in ("Timeout", "MemorySize") if k in p}
    arn = client("lambda").create_function(FunctionName=name, **members)["FunctionArn"]
    return name, {"Arn": arn}


def schedule(client, name, p, _):
    arn = client("scheduler").create_schedule(Name=name, **{k: v for k, v in p.items() if k != "Name"})["ScheduleArn"]
    return name, {"Arn": arn}


def schedule_group(client, name, _p, _):
    arn = client("scheduler").create_schedule_group(Name=name)["ScheduleGroupArn"]
    return name, {"Arn": arn, "State": "ACTIVE"}


def secret(client, name, p, _):
    value, generate = p.get("SecretString"), p.get("GenerateSecretString")
    if generate is not None:
        length = int(generate.get("PasswordLength", 32))
        value = secrets.token_hex(length)[:length]
        if key := generate.get("GenerateStringKey"):
            value = json.dumps({**json.loads(generate.get("SecretStringTemplate", "{}")), key: value})
    optional = {"KmsKeyId": p["KmsKeyId"]} if "KmsKeyId" in p else {}
    if value is not None:  # a secret without one has no version that could be read
        optional["SecretString"] = value
    arn = client("secretsmanager").create_secret(Name=name, **optional)["ARN"]
    return arn, {"Id": arn}


def build_project(client, name, p, place):
    properties = p["Source"]
    if "BuildSpec" in properties:
        properties = {k: v for k, v in properties.items() if k != "BuildSpec"} | {"Buildspec": properties["BuildSpec"]}
    source = camel(properties) if p["Source"].get("Location") else {"type": "S3", "location": "none/none.zip"}  # moto refuses NO_SOURCE
    environment = {**camel(p["Environment"]), "privilegedMode": str(p["Environment"].get("PrivilegedMode")).lower() == "true"}
    client("codebuild").create_project(name=name, source=source, artifacts=camel(p["Artifacts"]), environment=environment, serviceRole=p["ServiceRole"])
    return name, {"Arn": f"arn:aws:codebuild:{place}:project/{name}"}


def bucket_policy(client, _name, p, _):
    aws.resource_policies["arn:aws:s3:::" + p["Bucket"]] = p["PolicyDocument"]  # tests match calls with it
    # moto applies a Deny without looking at its Condition.
    statements = [s for s in p["PolicyDocument"]["Statement"] if "Condition" not in s]
    if statements:
        client("s3").put_bucket_policy(Bucket=p["Bucket"], Policy=json.dumps({**p["PolicyDocument"], "Statement": statements}))
    return p["Bucket"], {}


def queue_policy(client, name, p, _):
    for url in p["Queues"]:
        client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(p["PolicyDocument"])})
    return name, {}


def alarm(client, name, p, _):
    numbers = ("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold")
    client("cloudwatch").put_metric_alarm(AlarmName=name, **{k: (int(v) if k in numbers else v) for k, v in p.items() if k != "AlarmName"})
    return name, {"Arn": name}


def linked_role(account: str) -> str:
    """The service-linked role that Batch makes and uses when a compute environment names none; moto wants one named."""
    iam, path = iam_backends[account]["aws"], "/aws-service-role/batch.amazonaws.com/"
    role = next((r for r in iam.get_roles() if r.path == path), None)
    return (role or iam.create_service_linked_role("batch.amazonaws.com", "", "")).arn


def with_linked_role(create):
    def created(cls, name, template, account, region, **kwargs):
        template["Properties"].setdefault("ServiceRole", linked_role(account))
        return create(name, template, account, region, **kwargs)

    return classmethod(created)


def with_versions(create):
    """moto leaves out that the bucket keeps versions."""

    def created(cls, name, template, account, region, **kwargs):
        bucket = create(name, template, account, region, **kwargs)
        if status := template.get("Properties", {}).get("VersioningConfiguration", {}).get("Status"):
            bucket.versioning_status = status
        return bucket

    return classmethod(created)


def with_time_limits(create):
    """moto leaves out what a queue does with jobs that stay in a state."""

    def created(cls, name, template, account, region, **kwargs):
        queue = create(name, template, account, region, **kwargs)
        actions, describe = camel(template.get("Properties", {}).get("JobStateTimeLimitActions") or []), queue.describe
        queue.describe = lambda: {**describe(), "jobStateTimeLimitActions": actions}
        return queue

    return classmethod(created)


def install() -> None:
    JobQueue.create_from_cloudformation_json = with_time_limits(JobQueue.create_from_cloudformation_json)
    FakeBucket.create_from_cloudformation_json = with_versions(FakeBucket.create_from_cloudformation_json)
    ComputeEnvironment.create_from_cloudformation_json = with_linked_role(ComputeEnvironment.create_from_cloudformation_json)
    # Without these an attribute of one of them makes all outputs of the stack vanish.
    for model, attribute in ((JobQueue, "JobQueueArn"), (ComputeEnvironment, "ComputeEnvironmentArn")):
        model.has_cfn_attr = classmethod(lambda cls, name, attribute=attribute: name == attribute)
        model.get_cfn_attribute = lambda self, _name: self.arn
    attribute = LogGroup.get_cfn_attribute
    LogGroup.get_cfn_attribute = lambda self, name: attribute(self, name) + ":*"  # as CloudFormation has it, which policies rely on
    parsing.get_model_map(), parsing.get_model_list()
    define("AWS::StepFunctions::StateMachine", "StateMachineName", ("Arn", "Name", "StateMachineRevisionId"), machine,
           lambda c, n, p: c("stepfunctions").delete_state_machine(stateMachineArn=n))
    define("AWS::Batch::JobDefinition", "JobDefinitionName", ("JobDefinitionArn",), job_definition,
           lambda c, n, p: c("batch").deregister_job_definition(jobDefinition=n))
    define("AWS::Lambda::Function", "FunctionName", ("Arn",), function, lambda c, n, p: c("lambda").delete_function(FunctionName=n))
    define("AWS::Scheduler::ScheduleGroup", "Name", ("Arn", "State"), schedule_group, lambda c, n, p: c("scheduler").delete_schedule_group(Name=n))
    define("AWS::Scheduler::Schedule", "Name", ("Arn",), schedule,
           lambda c, n, p: c("scheduler").delete_schedule(Name=n, GroupName=p.get("GroupName", "default")))
    define("AWS::SecretsManager::Secret", "Name", ("Id",), secret,
           lambda c, n, p: c("secretsmanager").delete_secret(SecretId=n, ForceDeleteWithoutRecovery=True))
    define("AWS::CodeBuild::Project", "Name", ("Arn",), build_project, lambda c, n, p: c("codebuild").delete_project(name=n))
    define("AWS::S3::BucketPolicy", "", (), bucket_policy)
    define("AWS::SQS::QueuePolicy", "", (), queue_policy)
    define("AWS::CloudWatch::Alarm", "AlarmName", ("Arn",), alarm)
