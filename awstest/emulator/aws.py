"""What the parts of the emulator share: the endpoint, clients, container images, events."""

import functools
import json
import time

import boto3
from botocore.config import Config
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.events.models import events_backends
from moto.iam.models import iam_backends

endpoint = ""
images: dict = {}
resource_policies: dict = {}  # documents by the ARN of the resource


@functools.lru_cache(maxsize=None)
def client(service: str, region: str, principal: str = "emulator"):
    """A client of this emulator; principal is its access key, by which calls are recorded."""
    return boto3.client(
        service, region_name=region, endpoint_url=endpoint, aws_access_key_id=principal, aws_secret_access_key="emulator",
        config=Config(max_pool_connections=100, retries={"total_max_attempts": 1}),
    )


def prepare() -> None:
    """Reads what each emulator would read anew: botocore's models of the services that the emulator calls itself."""
    for service in ("batch", "cloudwatch", "codebuild", "ec2", "lambda", "s3", "scheduler", "secretsmanager", "sqs", "stepfunctions"):
        boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")


def image(uri: str) -> dict:
    for key in (uri, uri.split("@")[0], uri.rsplit(":", 1)[0]):
        if key in images:
            return images[key]
    raise FileNotFoundError(f"CannotPullContainerError: pull image manifest has been retried 1 time(s): {uri} not found")


def principal(role_arn: str | None) -> str:
    """The access key of who acts under a role: its name."""
    return role_arn.rsplit("/", 1)[-1] if role_arn else "nobody"


def session(role_arn: str | None, name: str) -> str:
    """The access key of a session of a role, which the service that runs the code names: ECS after the task, Lambda after the function."""
    return f"{principal(role_arn)}:{name}"


def userid(key: str) -> str:
    """What aws:userid is for an access key of a session; empty for others (IAM user guide, "Principal key values")."""
    name, _, of = key.partition(":")
    role = next((r for r in iam_backends[ACCOUNT]["aws"].get_roles() if of and r.name == name), None)
    return f"{role.id}:{of}" if role else ""


def emit(account: str, region: str, source: str, kind: str, detail: dict, resources: list[str]) -> None:
    try:
        events_backends[account][region].put_events([{
            "Source": source, "DetailType": kind, "Resources": resources, "Detail": json.dumps(detail, default=str), "Time": time.time(),
        }])
    except Exception as e:  # an event that cannot be sent must not end what it tells about
        print("event lost:", kind, repr(e), flush=True)
