"""CodeBuild builds nothing: each build succeeds at the first look. Times are numbers, as its API has them; moto writes texts."""

from datetime import datetime

from moto.codebuild.models import CodeBuildBackend


def install() -> None:
    start, get = CodeBuildBackend.start_build, CodeBuildBackend.batch_get_builds
    CodeBuildBackend.start_build = lambda self, *args, **kwargs: numbers(start(self, *args, **kwargs))
    CodeBuildBackend.batch_get_builds = lambda self, ids: numbers(get(self, ids))


def numbers(value):
    if isinstance(value, dict):
        return {k: datetime.fromisoformat(v).timestamp() if k in ("startTime", "endTime") and isinstance(v, str) else numbers(v) for k, v in value.items()}
    return [numbers(v) for v in value] if isinstance(value, list) else value
