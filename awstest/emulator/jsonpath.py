"""jsonpath_ng builds the tables of its parser for each expression that it parses, which is most of what moto spends on a state machine."""

import functools

import jsonpath_ng
import jsonpath_ng.ext
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.utils import json_path


def install() -> None:
    """Each expression is parsed once."""
    jsonpath_ng.ext.parse = json_path.parse = functools.lru_cache(maxsize=None)(jsonpath_ng.ext.parse)
    jsonpath_ng.parse = result_path.parse = functools.lru_cache(maxsize=None)(jsonpath_ng.parse)
