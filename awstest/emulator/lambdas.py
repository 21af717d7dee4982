"""Container Lambdas: the image's command runs against a real Runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html)."""

import json
import os
import queue
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moto.awslambda.models import LambdaFunction

import aws


class Runtime:
    """One execution environment: a process that asks for invocations and answers them, one at a time."""

    def __init__(self, function):
        self.requests: queue.Queue = queue.Queue()
        self.answers: queue.Queue = queue.Queue()
        self.api = ThreadingHTTPServer(("127.0.0.1", 0), handler(self, function.function_arn))
        self.api.daemon_threads = True
        threading.Thread(target=self.api.serve_forever, daemon=True).start()
        self.process = self.start(function)
        threading.Thread(target=self.log, args=(function,), daemon=True).start()

    def start(self, function):
        image, config = aws.image(function.code["ImageUri"]), function.image_config
        env = {
            "PATH": os.environ["PATH"], **image.get("env", {}), **function.environment_vars,
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.api.server_port}", "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_REGION": function.region, "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": aws.session(function.role, function.function_name), "AWS_SECRET_ACCESS_KEY": "lambda",
        }
        command = (config.entry_point or image.get("entrypoint", [])) + (config.cmd or image.get("cmd", []))
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def log(self, function) -> None:
        logs, group, stream = function.logs_backend, function.logs_group_name, f"emulator/[$LATEST]{uuid.uuid4().hex}"
        logs.ensure_log_group(group)
        logs.ensure_log_stream(group, stream)
        for line in self.process.stdout:
            logs.put_log_events(group, stream, [{"timestamp": int(time.time() * 1000), "message": line.decode(errors="replace").rstrip()}])

    def alive(self) -> bool:
        return self.process.poll() is None

    def invoke(self, body: bytes, limit: float) -> tuple[bool, bytes]:
        """Whether it failed, and the answer."""
        end = time.time() + limit
        self.requests.put((str(uuid.uuid4()), body, int(end * 1000)))
        while time.time() < end:
            try:
                return self.answers.get(timeout=0.1)
            except queue.Empty:
                if not self.alive():
                    return failure("Runtime.ExitError", f"Runtime exited with error: exit status {self.process.returncode}")
        self.process.kill()
        self.process.wait()
        return failure("Sandbox.Timedout", f"Task timed out after {limit:.2f} seconds")


def failure(kind: str, message: str) -> tuple[bool, bytes]:
    return True, json.dumps({"errorType": kind, "errorMessage": message}).encode()


def handler(runtime: Runtime, arn: str):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):  # /runtime/invocation/next
            request, body, deadline = runtime.requests.get()
            self.send_response(200)
            for name, value in {
                "Lambda-Runtime-Aws-Request-Id": request, "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": arn, "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):  # …/response, …/error, /runtime/init/error
            length = self.headers.get("Content-Length")
            body = self.rfile.read(int(length)) if length else b"".join(iter(self.chunk, b""))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()
            runtime.answers.put((self.path.endswith("/error"), body))

        def chunk(self) -> bytes:
            data = self.rfile.read(int(self.rfile.readline().strip() or b"0", 16))
            self.rfile.readline()
            return data

    return Handler


def install() -> None:
    original = LambdaFunction.invoke
    taking = threading.Lock()

    def call(function, body: bytes, limit: float) -> tuple[bool, bytes]:
        """Each invocation has an execution environment of its own; one that is left warm is used again."""
        with taking:
            idle = function.__dict__.setdefault("_idle", [])
            runtime = idle.pop() if idle else None
        runtime = runtime if runtime and runtime.alive() else Runtime(function)
        result = runtime.invoke(body, limit)
        if runtime.alive():
            idle.append(runtime)
        return result

    def invoke(self, body, request_headers, response_headers):
        if "ImageUri" not in (self.code or {}):
            return original(self, body, request_headers, response_headers)
        body = body.encode() if isinstance(body, str) else body
        limit = float(self.timeout or 3)
        if request_headers.get("x-amz-invocation-type") == "Event":
            threading.Thread(target=call, args=(self, body or b"{}", limit), daemon=True).start()
            return b""
        failed, answer = call(self, body or b"{}", limit)
        if failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer

    LambdaFunction.invoke = invoke
