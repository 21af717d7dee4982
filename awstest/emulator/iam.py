"""What IAM says to sessions of roles in S3. Others are asked nothing: tests match their calls with policies afterwards."""

import json
import re
from urllib.parse import parse_qs, unquote

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends

REFUSED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>User: %s is not authorized to perform: %s on resource: \"%s\"</Message></Error>"


def asked(method: str, path: str, query: str) -> tuple[str, str]:
    """What IAM is asked for a call of S3."""
    bucket, _, key = unquote(path).strip("/").partition("/")
    version = "Version" if "versionId" in parse_qs(query) else ""
    if not key:
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    action = {"GET": "GetObject" + version, "HEAD": "GetObject" + version, "PUT": "PutObject", "DELETE": "DeleteObject" + version}
    return "s3:" + action.get(method, "Unknown"), f"arn:aws:s3:::{bucket}/{key}"


def allows(role: str, userid: str, action: str, resource: str) -> bool:
    """Whether the policies of a role do. Conditions of a Deny hold, those of an Allow do not: no statement about S3 has one."""
    allowed = False
    for document in documents(role):
        for s in document["Statement"]:
            if not any(matches(p, action) for p in several(s["Action"])) or not any(matches(p.replace("${aws:userid}", userid), resource) for p in several(s["Resource"])):
                continue
            if s["Effect"] == "Deny":
                return False
            allowed = allowed or "Condition" not in s
    return allowed


def documents(name: str) -> list[dict]:
    role = next((r for r in iam_backends[ACCOUNT]["aws"].get_roles() if r.name == name), None)
    return [json.loads(p) if isinstance(p, str) else p for p in role.policies.values()] if role else []


def several(value) -> list:
    return value if isinstance(value, list) else [value]


def matches(pattern: str, text: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text) is not None
