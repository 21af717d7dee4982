"""How CloudFormation changes a stack: a create that fails is rolled back, and what refers to a resource that got another name is updated."""

import re
import traceback

from moto.batch.models import ClientException
from moto.batch.responses import BatchResponse
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack, cloudformation_backends
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.responses import CloudFormationResponse

import cloudformation

RETAINED = ("Retain", "RetainExceptOnCreate")


def install() -> None:
    roll_back()
    keep_what_is_retained()
    compare_parameters()
    take_parameters()
    update_in_order()
    refuse_inactive_definitions()
    cloudformation.updates["AWS::Batch::JobDefinition"] = next_revision
    cloudformation.updates["AWS::StepFunctions::StateMachine"] = same_machine


def roll_back() -> None:
    """moto leaves what it made and answers the call with an error. CloudFormation deletes it, but for what has the DeletionPolicy Retain:
    that stays, and its name is taken when the stack is created again."""
    create = Stack.create_resources

    def create_resources(self):
        try:
            create(self)
        except Exception as e:
            traceback.print_exc()
            self._add_stack_event("CREATE_FAILED", resource_status_reason=str(e))
            for export in self.exports:
                cloudformation_backends[self.account_id][self.region_name].exports.pop(export.name, None)
            resources = self.resource_map
            names, resources.retained = dict(resources._resource_json_map), ("Retain",)
            made = {name: resources._parsed_resources.get(name) for name in names}
            resources._resource_json_map = {name: names[name] for name, r in made.items() if r is not None and not isinstance(r, str)}
            resources.delete()
            resources._resource_json_map, self.output_map._output_json_map = {}, {}
            self._add_stack_event("ROLLBACK_COMPLETE")
            self.status = "ROLLBACK_COMPLETE"

    Stack.create_resources = create_resources


def keep_what_is_retained() -> None:
    """moto knows Retain alone. The other one keeps a resource when its stack is deleted, and not when its creation is rolled back."""
    delete = ResourceMap.delete

    def delete_all(self):
        kept = getattr(self, "retained", RETAINED)
        everything = self._resource_json_map
        self._resource_json_map = {name: r for name, r in everything.items() if r.get("DeletionPolicy") not in kept}
        try:
            delete(self)
        finally:
            self._resource_json_map = everything

    ResourceMap.delete = delete_all


def text(value) -> str:
    """A parameter as it was given: moto makes lists and numbers of some."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def compare_parameters() -> None:
    """moto takes a default that is given, a list and a number for a change, and knows no previous value that is a default."""
    diff = ResourceMap.build_resource_diff

    def values(incoming, stack) -> dict:
        old = {k: text(v) for k, v in stack.stack_parameters.items()}
        return {p["ParameterKey"]: old.get(p["ParameterKey"], "") if p.get("UsePreviousValue") else p["ParameterValue"] for p in incoming}

    def different(_, incoming, body, stack) -> None:
        old = stack.stack_parameters
        if stack.template == body and all(k in old and text(old[k]) == v for k, v in values(incoming or [], stack).items()):
            raise ValidationError(stack.name, message="No updates are to be performed.")

    def build_resource_diff(self, other_template, parameters=None):
        changed = {k: v for k, v in (parameters or {}).items() if text(v) != text(self.resolved_parameters.get(k))}
        actions = diff(self, other_template, changed)
        actions["Modify"] = [n for n in actions["Modify"] if n in self._parsed_resources]  # not what a condition leaves out
        return actions

    CloudFormationResponse._validate_different_update = different
    CloudFormationBackend._resolve_update_parameters = lambda _, instance, incoming_params: values(incoming_params, instance)
    ResourceMap.build_resource_diff = build_resource_diff


def take_parameters() -> None:
    """moto takes any value. CloudFormation says no before it makes or changes anything (AWS CloudFormation user guide, "Parameters")."""
    create, update = CloudFormationBackend.create_stack, Stack.update

    def refuse(template, given) -> None:
        declared = Stack.parse_template(template).get("Parameters") or {}
        unknown, missing = given.keys() - declared.keys(), {n for n, p in declared.items() if "Default" not in p} - given.keys()
        if unknown:
            raise ValidationError(message=f"Parameters: {sorted(unknown)} do not exist in the template")
        if missing:
            raise ValidationError(message=f"Parameters: {sorted(missing)} must have values")
        for name, value in given.items():
            p, value = declared[name], text(value)
            if "AllowedValues" in p and value not in map(text, p["AllowedValues"]):
                raise ValidationError(message=f"Parameter {name} must be one of {p['AllowedValues']}")
            if not re.fullmatch(p.get("AllowedPattern", "(?s).*"), value) or not int(p.get("MinLength", 0)) <= len(value):
                raise ValidationError(message=f"Parameter {name} failed to satisfy constraint")

    def create_stack(self, name, template, parameters, *args, **kwargs):
        refuse(template, parameters)
        return create(self, name, template, parameters, *args, **kwargs)

    def update_stack(self, template, role_arn=None, parameters=None, tags=None):
        refuse(template, parameters or {})
        return update(self, template, role_arn, parameters=parameters, tags=tags)

    CloudFormationBackend.create_stack, Stack.update = create_stack, update_stack


def update_in_order() -> None:
    """A machine that refers to a job definition is updated after it: the definition has another ARN then."""
    diff = ResourceMap.build_resource_diff

    def build_resource_diff(self, other_template, parameters=None):
        actions, resources = diff(self, other_template, parameters), other_template["Resources"]
        definitions = [n for n in actions["Modify"] if resources[n]["Type"] == "AWS::Batch::JobDefinition"]
        machines = [n for n, r in resources.items() if r["Type"] == "AWS::StepFunctions::StateMachine" and n not in actions["Add"]]
        if definitions and machines:
            rest = [n for n in actions["Modify"] if n not in definitions and n not in machines]
            actions["Modify"] = definitions + rest + machines
        return actions

    ResourceMap.build_resource_diff = build_resource_diff


def next_revision(client, old, name, p, place):
    """The older revision stays only where the template says so (AWS::Batch::JobDefinition ResourceRetentionPolicy)."""
    name = p.get("JobDefinitionName") or old.reference.rsplit("/", 1)[-1].rsplit(":", 1)[0]
    made = cloudformation.job_definition(client, name, p, place)
    if str((p.get("ResourceRetentionPolicy") or {}).get("SkipDeregisterOnUpdate")).lower() != "true":
        client("batch").deregister_job_definition(jobDefinition=old.reference)
    return made


def same_machine(client, old, name, p, _):
    """Executions that run keep the definition with which they began."""
    client("stepfunctions").update_state_machine(stateMachineArn=old.reference, definition=cloudformation.definition_of(p), roleArn=p["RoleArn"])
    return old.reference, old.values


def refuse_inactive_definitions() -> None:
    submit = BatchResponse.submitjob

    def submitjob(self):
        definition = self.batch_backend.get_job_definition(self._get_param("jobDefinition"))
        if definition is not None and definition.status == "INACTIVE":
            raise ClientException(f"JobDefinition {definition.arn} is not in ACTIVE status")
        return submit(self)

    BatchResponse.submitjob = submitjob
