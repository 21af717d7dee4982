"""AWS Batch runs its containers as local processes: environment, secrets, retries, timeouts, termination, logs and events as on Fargate."""

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from datetime import datetime

from moto.batch import models, responses
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

import aws

INTERRUPTED = "Your Spot Task was interrupted."

_grace = 30.0
_taken: set[str] = set()  # names of jobs whose machine Spot takes
_slots: dict[str, threading.Semaphore] = {}  # by name of the job queue up to its last dash or underscore
_max_jobs, _slots_lock = 1000, threading.Lock()
_retry = threading.local()


def install(short_timeouts: bool, grace: float, max_jobs: int) -> None:
    global _grace, _max_jobs
    _grace, _max_jobs = grace, max_jobs
    job = models.Job
    job.status = property(get_status, set_status)
    job.run, job._container_details = run, container_details
    init, submit = job.__init__, responses.BatchResponse.submitjob

    def new_init(self, *args, **kwargs):
        self._child_jobs = None
        init(self, *args, **kwargs)
        self._status, self.retry_override = "SUBMITTED", getattr(_retry, "strategy", None)

    def submitjob(self):
        _retry.strategy = self._get_param("retryStrategy")
        seconds = (self._get_param("timeout") or {}).get("attemptDurationSeconds")
        if seconds and seconds < 60 and not short_timeouts:
            raise models.ClientException("timeout.attemptDurationSeconds must be at least 60")
        return submit(self)

    def definition(self, identifier):
        """An ARN without a revision means the newest one (AWS Batch API reference, "SubmitJob")."""
        _, arn, name = identifier.partition(":job-definition/")
        return known(self, name if arn and ":" not in name else identifier)

    known = models.BatchBackend.get_job_definition
    models.BatchBackend.get_job_definition = definition
    job.__init__, responses.BatchResponse.submitjob = new_init, submitjob


def interrupt(name: str) -> None:
    """Spot takes the machine of the job's attempt that runs, or of its next one."""
    _taken.add(name)


def set_status(self, value) -> None:
    old, self._status = self._status, value
    if old != value and not self._child_jobs:
        backend = self.job_definition.backend
        aws.emit(backend.account_id, backend.region_name, "aws.batch", "Batch Job State Change", self.describe(), [self.arn])


def get_status(self):
    return self._status


def container_details(self):
    properties, overrides = {**self.job_definition.container_properties}, self.container_overrides
    env = {e["name"]: e["value"] for source in (properties, overrides) for e in source.get("environment") or []}
    resources = {r["type"]: r for source in (properties, overrides) for r in source.get("resourceRequirements") or []}
    details = {
        **properties,
        "command": self._add_parameters_to_command(overrides.get("command") or properties.get("command") or []),
        "environment": [{"name": k, "value": v} for k, v in env.items()],
        "resourceRequirements": list(resources.values()),
    }
    if self.attempts:
        last = self.attempts[-1]["container"]
        details |= {k: last[k] for k in ("exitCode", "reason", "logStreamName", "taskArn") if last.get(k) is not None}
    return details


def retries(strategy: dict, attempt: int, exit_code, reason, status_reason) -> bool:
    """Batch retries what no rule matches (AWS Batch user guide, "Automated job retries")."""
    if attempt >= int(strategy.get("attempts", 1)):
        return False
    for rule in strategy.get("evaluateOnExit") or []:
        conditions = (("onExitCode", exit_code), ("onReason", reason), ("onStatusReason", status_reason))
        if all(fnmatch.fnmatchcase(str(v if v is not None else ""), rule[k]) for k, v in conditions if rule.get(k)):
            return rule["action"].upper() == "RETRY"
    return exit_code != 0


def run(self) -> None:
    try:
        attempts(self)
    except Exception as e:
        print("batch job crashed", self.job_id, repr(e), flush=True)
        fail(self, f"emulator error: {e!r}")


def fail(self, why) -> None:
    self.job_stopped_reason = why
    self._mark_stopped(success=False)


def attempts(self) -> None:
    strategy = getattr(self, "retry_override", None) or self.job_definition.retry_strategy or {}
    for attempt in range(1, 11):
        self.status = "RUNNABLE"
        if not capacity(self):
            return fail(self, self.job_stopped_reason)
        try:
            self.status = "STARTING"
            code, reason, status_reason, timed_out = Attempt(self, attempt).run()
        finally:
            slots(self).release()
        if self.stop:
            return fail(self, self.job_stopped_reason)
        self.exit_code, self.job_stopped_reason = code, status_reason
        if code == 0 and not timed_out:  # also when Spot took the machine: no rule is asked then
            return self._mark_stopped(success=True)
        if timed_out or not retries(strategy, attempt, code, reason, status_reason):
            return self._mark_stopped(success=False)


def slots(self) -> threading.Semaphore:
    """The places for jobs that run at once. The queues of one stack, such as test-plan and test-apply, share them."""
    with _slots_lock:
        return _slots.setdefault(self.job_queue.name[: -len(re.split("[-_]", self.job_queue.name)[-1])], threading.Semaphore(_max_jobs))


def capacity(self) -> bool:
    """Waits for a place among the jobs that run; not for ever, when the job is stopped."""
    while not slots(self).acquire(timeout=0.05):
        if self.stop:
            return False
    if self.stop:
        slots(self).release()
    return not self.stop


class Attempt:
    """One container."""

    def __init__(self, job, number: int):
        self.job, self.number, self.task = job, number, uuid.uuid4().hex
        self.details = container_details(job)
        options = (self.details.get("logConfiguration") or {}).get("options") or {}
        self.group = options.get("awslogs-group", "/aws/batch/job")
        self.stream = f"{options.get('awslogs-stream-prefix', job.job_definition.name)}/default/{self.task}"
        backend = job.job_definition.backend
        self.record = {
            "container": {
                "logStreamName": self.stream, "networkInterfaces": [],
                "taskArn": f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:task/AWSBatch-emulator/{self.task}",
            },
            "startedAt": int(time.time() * 1000),
        }
        job.log_stream_name, job.job_started_at, job.latest_attempt = self.stream, datetime.now(), self.record
        job.attempts.append(self.record)

    def run(self):
        work = os.path.join(tempfile.gettempdir(), "emulator-jobs", self.task)
        os.makedirs(work)
        try:
            process = self.start(work)
        except Exception as e:
            return self.end(None, f"{type(e).__name__}: {e}", "Task failed to start")
        try:
            self.job.status = "RUNNING"
            return self.watch(process)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def start(self, work: str):
        image = aws.image(self.details["image"])
        return subprocess.Popen(
            image.get("entrypoint", []) + (self.details["command"] or image.get("cmd", [])),
            env=self.environment(image, work), cwd=work, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )

    def environment(self, image: dict, work: str) -> dict:
        region = self.job.job_definition.backend.region_name
        return {
            "PATH": os.environ["PATH"], "HOME": work, "TMPDIR": work, **image.get("env", {}),
            **{e["name"]: e["value"] for e in self.details["environment"]},
            **{s["name"]: secret(s["valueFrom"]) for s in self.details.get("secrets") or []},
            "AWS_BATCH_JOB_ID": self.job.job_id, "AWS_BATCH_JOB_ATTEMPT": str(self.number), "AWS_BATCH_JQ_NAME": self.job.job_queue.name,
            "AWS_REGION": region, "AWS_DEFAULT_REGION": region, "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": aws.session(self.details.get("jobRoleArn"), self.task), "AWS_SECRET_ACCESS_KEY": "job",
        }

    def watch(self, process):
        reader = threading.Thread(target=self.log, args=(process,), daemon=True)
        reader.start()
        limit, asked, timed_out, taken, began = self.job._get_attempt_duration(), None, False, False, time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            timed_out = timed_out or bool(limit and now - began > limit)
            if self.job.job_name in _taken:
                _taken.discard(self.job.job_name)
                taken = True
            if (self.job.stop or timed_out or taken) and asked is None:
                process.send_signal(signal.SIGTERM)  # the container's first process alone gets it
                asked = now
            if asked is not None and now - asked > _grace:
                kill_group(process)
            time.sleep(0.02)
        kill_group(process)  # a container ends with its first process
        reader.join(5)
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        if timed_out:
            return self.end(code, None, "Job attempt duration exceeded timeout", timed_out=True)
        return self.end(code, None, INTERRUPTED if taken else "Essential container in task exited")

    def log(self, process) -> None:
        logs = self.job._log_backend
        logs.ensure_log_group(self.group)
        logs.ensure_log_stream(self.group, self.stream)
        for line in process.stdout:
            logs.put_log_events(self.group, self.stream, [{"timestamp": int(time.time() * 1000), "message": line.decode(errors="replace").rstrip("\n")}])

    def end(self, code, reason, status_reason, timed_out=False):
        container = self.record["container"]
        if code is not None:
            container["exitCode"] = code
        if reason:
            container["reason"] = reason
        self.record["stoppedAt"], self.record["statusReason"] = int(time.time() * 1000), status_reason
        return code, reason, status_reason, timed_out


def kill_group(process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def secret(reference: str) -> str:
    """The value of a container secret: an SSM parameter, or a secret with an optional JSON key after the ARN."""
    parts = reference.split(":")
    region, account = parts[3], parts[4]
    if parts[2] == "ssm":
        return ssm_backends[account][region].get_parameter(parts[5].removeprefix("parameter")).value
    arn, key = ":".join(parts[:7]), parts[7] if len(parts) > 7 else ""
    value = secretsmanager_backends[account][region].get_secret_value(secret_id=arn, version_id=None, version_stage=None)["SecretString"]
    return json.loads(value)[key] if key else value
