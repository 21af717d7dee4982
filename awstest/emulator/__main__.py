"""An AWS on this machine whose state machines, Batch jobs, container Lambdas and schedules really run.

It is moto, started in this process and patched where moto only keeps records. Usage:

    python3 emulator --port 0 --images images.json

images.json maps a container image to the local command that stands for it: {"repository": {"entrypoint": ["/path"], "env": {}}}.
The first line of the output is "ready PORT".
"""

import argparse
import json
import logging
import os
import socket
import sys


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--images", required=True)
    parser.add_argument("--short-timeouts", action="store_true", help="accept Batch timeouts below 60 seconds")
    parser.add_argument("--stop-grace", type=float, default=30, help="seconds between SIGTERM and SIGKILL, as Fargate's stopTimeout")
    parser.add_argument("--max-jobs", type=int, default=1000, help="Batch jobs of one stack that run at once; others stay RUNNABLE")
    args = parser.parse_args()
    port = args.port or free_port()
    os.environ["MOTO_PORT"] = str(port)  # state machine tasks call http://localhost:$MOTO_PORT

    import symbols

    symbols.check()

    import aws
    import batch
    import cloudformation
    import events
    import lambdas
    import scheduler
    import server
    import stepfunctions

    aws.endpoint = f"http://127.0.0.1:{port}"
    with open(args.images, encoding="utf-8") as f:
        aws.images = json.load(f)
    stepfunctions.install()
    batch.install(short_timeouts=args.short_timeouts, grace=args.stop_grace, max_jobs=args.max_jobs)
    lambdas.install()
    events.install()
    cloudformation.install()
    scheduler.start()

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.serve(port, ready=lambda: print("ready", port, flush=True))


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    main()
