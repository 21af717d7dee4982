"""EventBridge rules reach state machines and Lambdas too; moto delivers to queues and logs."""

import json
import threading

from moto.events.models import Rule

import aws


def deliver(arn: str, payload: str, region: str, target: dict | None = None, principal: str = "events") -> None:
    service = arn.split(":")[2]
    if service == "states":
        aws.client("stepfunctions", region, principal).start_execution(stateMachineArn=arn, input=payload)
    elif service == "lambda":
        aws.client("lambda", region, principal).invoke(FunctionName=arn, Payload=payload, InvocationType="Event")
    elif service == "sqs":
        sqs = aws.client("sqs", region, principal)
        group = ((target or {}).get("SqsParameters") or {}).get("MessageGroupId")
        url = aws.client("sqs", region, "emulator").get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]  # services know it
        sqs.send_message(QueueUrl=url, MessageBody=payload, **({"MessageGroupId": group} if group else {}))
    else:
        raise NotImplementedError(f"delivery to {arn}")


def install() -> None:
    send = Rule.send_to_targets

    def send_to_targets(self, event, transform_input=True):
        mine = [t for t in self.targets if t["Arn"].split(":")[2] in ("states", "lambda")]
        if mine and self.state == "ENABLED" and self.event_pattern.matches_event(event):
            for t in mine:
                threading.Thread(target=deliver, args=(t["Arn"], t.get("Input") or json.dumps(event), self.region_name, t), daemon=True).start()
        everything, self.targets = self.targets, [t for t in self.targets if t not in mine]
        try:
            send(self, event, transform_input)
        finally:
            self.targets = everything

    Rule.send_to_targets = send_to_targets
