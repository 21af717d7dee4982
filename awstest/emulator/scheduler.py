"""EventBridge Scheduler fires: at() and rate(), on a clock that can be moved forward."""

import datetime
import json
import re
import threading
import time
import uuid
import zoneinfo

from moto.scheduler.models import scheduler_backends

import aws
import events

AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
SECONDS = {"minute": 60, "hour": 3600, "day": 86400}

_ahead = 0.0
_fired: set[tuple[str, float]] = set()


def advance(seconds: float) -> None:
    global _ahead
    _ahead += seconds


def due(schedule, now: float) -> float | None:
    """When the schedule should have fired last, unless it did."""
    if schedule.state != "ENABLED":
        return None
    if m := AT.fullmatch(schedule.schedule_expression):
        at = datetime.datetime.fromisoformat(m[1]).replace(tzinfo=zoneinfo.ZoneInfo(schedule.schedule_expression_timezone)).timestamp()
    elif m := RATE.fullmatch(schedule.schedule_expression):
        step = int(m[1]) * SECONDS[m[2]]
        at = schedule.creation_date + step * max(1, int((now - schedule.creation_date) // step))
    else:
        return None
    return at if at <= now and (schedule.arn, at) not in _fired else None


def payload(schedule, at: float) -> str:
    iso = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = schedule.target.get("Input") or json.dumps({
        "version": "0", "id": str(uuid.uuid4()), "detail-type": "Scheduled Event", "source": "aws.scheduler", "time": iso, "resources": [schedule.arn], "detail": "{}",
    })
    fields = {"schedule-arn": schedule.arn, "scheduled-time": iso, "execution-id": str(uuid.uuid4()), "attempt-number": "1"}
    for name, value in fields.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def deliver(arn: str, text: str, region: str, target: dict) -> None:
    principal = aws.principal(target.get("RoleArn"))
    if arn.split(":")[2] != "scheduler":
        return events.deliver(arn, text, region, target, principal)
    service, action = arn.split(":")[-2:]  # arn:aws:scheduler:::aws-sdk:SERVICE:apiAction
    client = aws.client({"sfn": "stepfunctions"}.get(service, service), region, principal)
    method, operation = next(m for m in client.meta.method_to_api_mapping.items() if m[1].lower() == action.lower())
    members = {k.lower(): k for k in client.meta.service_model.operation_model(operation).input_shape.members}
    getattr(client, method)(**{members[k.lower()]: v for k, v in json.loads(text).items()})


def fire(group, schedule, at: float, region: str) -> None:
    _fired.add((schedule.arn, at))
    text = payload(schedule, at)
    try:
        deliver(schedule.target["Arn"], text, region, schedule.target)
    except Exception as e:
        print("schedule failed", schedule.arn, e, flush=True)
        if dead := (schedule.target.get("DeadLetterConfig") or {}).get("Arn"):
            events.deliver(dead, text, region, principal=aws.principal(schedule.target.get("RoleArn")))
    if schedule.action_after_completion == "DELETE" and AT.fullmatch(schedule.schedule_expression):
        group.schedules.pop(schedule.name, None)


def tick() -> None:
    now = time.time() + _ahead
    for account in list(scheduler_backends.values()):
        for region, backend in list(account.items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    at = due(schedule, now)
                    if at is not None:
                        fire(group, schedule, at, region)


def start() -> None:
    def loop():
        while True:
            time.sleep(0.2)
            tick()

    threading.Thread(target=loop, daemon=True).start()
