"""The HTTP server: moto's, with a record of who called what, faults, and a clock that can be moved."""

import json
import re
import threading
import time
import traceback
import uuid
from urllib.parse import parse_qs

from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import aws
import batch
import iam
import scheduler
import stepfunctions

CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]*)/([^/]+)/aws4_request")

lock = threading.Lock()
writes: set[str] = set()  # keys to which a conditional write is under way
calls: list[dict] = []
faults: list[dict] = []


class LostResponse(Exception):
    """The call was carried out, and its answer does not arrive."""


def describe(environ: dict, body: bytes) -> dict:
    """Who calls what: principal, service, action and what names the resource."""
    match = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    who, _, service = match.groups() if match else ("anonymous", "", "")
    call = {"principal": who.partition(":")[0], "userid": aws.userid(who), "service": service, "invocation": environ.get("HTTP_AMZ_SDK_INVOCATION_ID", ""), "method": environ["REQUEST_METHOD"], "path": environ.get("PATH_INFO", ""),
            "query": environ.get("QUERY_STRING", ""), "if_none_match": environ.get("HTTP_IF_NONE_MATCH", ""), "action": "", "params": {}}
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        call["action"] = target.rsplit(".", 1)[-1]
        call["params"] = parse_json(body)
    elif environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = {k: v[0] for k, v in parse_qs(body.decode("utf-8", "replace")).items()}
        call["action"], call["params"] = form.get("Action", ""), form
    elif service != "s3":
        call["params"] = parse_json(body)
    if call["action"] in ("SendTaskSuccess", "SendTaskFailure"):
        call["params"] = {"stateMachineArn": stepfunctions.machine_of(call["params"].get("taskToken"))}
    return call


def parse_json(body: bytes):
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return {}


def fault_for(call: dict) -> dict | None:
    """The first fault that matches, used up by this call."""
    with lock:
        for f in faults:
            if f.get("times", 1) > 0 and all(re.fullmatch(str(v), str(call.get(k, ""))) for k, v in f["match"].items()):
                f["times"] = f.get("times", 1) - 1
                return f
    return None


def read_all(environ, length: int) -> None:
    """Read what moto does not: a connection that is closed with some of a request unread is reset, and the answer is lost."""
    environ["wsgi.input"].read(-1 if environ.get("wsgi.input_terminated") else length)


class Application:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start):
        path = environ.get("PATH_INFO", "")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if path.startswith("/_emulator/"):
            try:
                return self.control(path.removeprefix("/_emulator/"), environ["wsgi.input"].read(length), start)
            except Exception:
                return answer(start, 500, traceback.format_exc())
        body = b""
        if length and length < 1 << 20 and "aws-chunked" not in environ.get("HTTP_CONTENT_ENCODING", ""):
            import io

            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = io.BytesIO(body)
        call = describe(environ, body)
        fault = fault_for(call)
        kind, conditional = fault["kind"] if fault else "", call["method"] == "PUT" and call["if_none_match"]
        # moto looks whether an object is there and writes it afterwards; in S3 that is one step, and a write of a key that comes before
        # another one has ended is told to come again (Amazon S3 user guide, "How to prevent object overwrites with conditional writes").
        with lock:
            calls.append(call | ({"fault": kind} if fault else {}))
            conflict = kind != "error" and conditional and call["path"] in writes
            if kind != "error" and conditional and not conflict:
                writes.add(call["path"])
        if conflict:
            read_all(environ, length)
            return fault_answer(start, "s3", 409, "ConditionalRequestConflict")
        if kind == "error":
            read_all(environ, length)
            return fault_answer(start, call["service"], fault["status"], fault["code"])
        try:
            if kind == "delay":
                time.sleep(fault["seconds"])
            if call["action"] == "GetCallerIdentity" and call["userid"]:
                return identity(start, call)
            if call["service"] == "s3" and call["userid"]:
                action, resource = iam.asked(call["method"], call["path"], call["query"])
                if not iam.allows(call["principal"], call["userid"], action, resource):
                    read_all(environ, length)
                    return refuse(start, call, action, resource)
                if action.startswith("s3:GetObject"):
                    start = hiding(start)
            response = self.moto(environ, start)
        finally:
            if conditional:
                with lock:
                    writes.discard(call["path"])
        if kind == "lost":
            b"".join(response)
            raise LostResponse(call["action"] or call["path"])
        return response

    def control(self, what: str, body: bytes, start):
        given = parse_json(body)
        with lock:
            if what == "calls":
                return answer(start, 200, calls)
            if what == "forget":
                calls.clear()
                return answer(start, 200, {})
            if what == "faults":
                faults[:] = given
                return answer(start, 200, {})
        if what == "network":
            return answer(start, 200, network(given["region"]))
        if what == "interrupt":
            batch.interrupt(given["job"])
            return answer(start, 200, {})
        if what == "resources":
            return answer(start, 200, aws.resource_policies)
        if what == "policies":
            return answer(start, 200, policies())
        if what == "clock":
            scheduler.advance(float(given["seconds"]))
            return answer(start, 200, {})
        return answer(start, 404, {"message": f"no control {what}"})


def network(region: str) -> dict:
    """The default VPC's subnets and security group."""
    ec2 = aws.client("ec2", region)
    return {
        "subnets": [s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]],
        "security_groups": [g["GroupId"] for g in ec2.describe_security_groups()["SecurityGroups"]],
    }


def policies() -> dict:
    """The documents of each role and of each managed policy of the account, by name."""
    iam, found = iam_backends[ACCOUNT]["aws"], {}
    for role in iam.get_roles():
        found[role.name] = [document(p) for p in role.policies.values()]
    for policy in iam.managed_policies.values():
        if f"::{ACCOUNT}:" in policy.arn:
            found[policy.name] = [document(v.document) for v in policy.versions if v.is_default]
    return found


def document(text):
    return json.loads(text) if isinstance(text, str) else text


def fault_answer(start, service: str, status: int, code: str):
    """How a service refuses: S3 in XML, the others in JSON."""
    if service == "s3":
        return answer(start, status, f"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>")
    return answer(start, status, {"__type": code, "message": code, "Message": code}, code)


def refuse(start, call: dict, action: str, resource: str):
    body = iam.REFUSED % (call["userid"].encode(), action.encode(), resource.encode())
    start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


def hiding(start):
    """Who may not list is refused what is not there (Amazon S3 API reference, "GetObject"). No session of a role of the tests may."""
    return lambda status, headers, *rest: start("403 Forbidden" if status.startswith("404") else status, headers, *rest)


def identity(start, call: dict):
    """Who a session is: moto knows none of those that services make."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{call['principal']}/{call['userid'].partition(':')[2]}"
    body = f"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
        <Arn>{arn}</Arn><UserId>{call['userid']}</UserId><Account>{ACCOUNT}</Account>
        </GetCallerIdentityResult><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>""".encode()
    start("200 OK", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def answer(start, status: int, value, code: str = ""):
    """A text is XML, anything else is JSON."""
    xml = isinstance(value, str) and value.startswith("<")
    body = value.encode() if xml else json.dumps(value, default=str).encode()
    headers = [("Content-Type", "application/xml" if xml else "application/json"), ("Content-Length", str(len(body))), ("x-amzn-RequestId", str(uuid.uuid4()))]
    if code:
        headers.append(("X-Amzn-ErrorType", code))
    start(f"{status} {'OK' if status < 400 else 'Fault'}", headers)
    return [body]


def serve(begin, ready) -> None:
    """Serves at a port that is free. begin is told of it before somebody calls, and ready when somebody may."""
    httpd = make_server("127.0.0.1", 0, Application(), threaded=True)
    begin(httpd.server_port)
    ready(httpd.server_port)
    httpd.serve_forever()
