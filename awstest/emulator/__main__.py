"""AWS on this machine whose state machines, Batch jobs, container Lambdas and schedules really run.

It is moto, started in this process and patched where moto only keeps records. To import moto takes seconds, so that one
process does it and each emulator is a fork of it, with a port and a state of its own. Requests are lines of JSON on the
input; each is answered by one line:

    {"start": {"images": {…}, "dir": "/tmp/x", "log": "/tmp/x/log", "env": {…}, "stop_grace": 30, "max_jobs": 1000}}  ready PORT PID
    {"end": PID}                                                                                                     ended

images maps a container image to the local command that stands for it: {"repository": {"entrypoint": ["/path"], "env": {}}}.
Where something fails the answer is another line, which says why. All emulators end with the input.
"""

import ctypes
import json
import logging
import os
import signal
import sys
import tempfile

PR_SET_PDEATHSIG = 1  # prctl(2)


def emulate(o: dict, ready) -> None:
    """One emulator, in a process of its own. It ends with its parent."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)
    log, nothing = os.open(o["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), os.open(os.devnull, os.O_RDONLY)
    for fd, to in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(fd, to)
    os.environ.clear()
    os.environ.update(o["env"])
    os.environ["TMPDIR"] = tempfile.tempdir = o["dir"]

    from moto.moto_api._internal import mock_random

    mock_random.seed()  # no two emulators have the same ids
    server.serve(lambda port: begin(port, o), ready)


def begin(port: int, o: dict) -> None:
    aws.endpoint, aws.images = f"http://127.0.0.1:{port}", o["images"]
    os.environ["MOTO_PORT"] = str(port)  # for functions of moto itself
    batch.install(short_timeouts=True, grace=o["stop_grace"], max_jobs=o["max_jobs"])
    scheduler.start()


def fork(o: dict) -> str:
    """Starts an emulator, waits until it serves, and says where; or why it does not."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            emulate(o, lambda port: (os.write(into, f"ready {port} {os.getpid()}".encode()), os.close(into)))
        except BaseException as e:
            os.write(into, repr(e).replace("\n", " ").encode())
        finally:
            os._exit(1)
    os.close(into)
    with open(out, encoding="utf-8") as f:
        answer = f.read()
    if not answer.startswith("ready "):
        os.waitpid(pid, 0)
    return answer or "it ended at once"


def end(pid: int) -> str:
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "ended"


def main() -> None:
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(fork(request["start"]) if "start" in request else end(request["end"]), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import symbols

    symbols.check()

    import aws
    import batch
    import cloudformation
    import codebuild
    import events
    import jsonpath
    import lambdas
    import once
    import scheduler
    import server
    import stacks
    import stepfunctions

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    once.install()
    jsonpath.install()
    stepfunctions.install()
    lambdas.install()
    events.install()
    cloudformation.install()
    codebuild.install()
    stacks.install()
    aws.prepare()
    main()
