"""What moto does anew at each call, though it comes out the same, is done once: most of an emulator's time went there."""

import functools

import yaml
from moto import backends
from moto.cloudformation.models import yaml_tag_constructor
from moto.kms import models as kms
from moto.stepfunctions.parser.asl.parse import asl_parser


def install() -> None:
    list_modules()
    parse_machines()
    read_templates_in_c()
    make_keys()


def list_modules() -> None:
    """The directory of moto is read at each request."""
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules


def parse_machines() -> None:
    """A state machine is parsed when it is made and at each execution. The components, which have a state, are made anew."""

    @functools.lru_cache(maxsize=64)
    def tree_of(definition: str):
        listener = asl_parser.SyntaxErrorListener()
        parser = asl_parser.ASLParser(asl_parser.CommonTokenStream(asl_parser.ASLLexer(asl_parser.InputStream(definition))))
        parser.removeErrorListeners()
        parser.addErrorListener(listener)
        tree = parser.state_machine()
        if listener.errors:
            raise asl_parser.ASLParserException(errors=listener.errors)
        return tree

    def parse(definition: str):
        tree = tree_of(definition)
        return asl_parser.Preprocessor().visit(tree), tree

    asl_parser.AmazonStateLanguageParser.parse = staticmethod(parse)


def read_templates_in_c() -> None:
    """libyaml reads a template twenty times as fast, where PyYAML has it."""
    if hasattr(yaml, "CLoader"):
        yaml.CLoader.add_multi_constructor("", yaml_tag_constructor)
        yaml.Loader = yaml.CLoader


def make_keys() -> None:
    """The RSA keys of KMS are one: nobody here compares two of them."""
    kms.generate_private_key = functools.lru_cache(maxsize=None)(kms.generate_private_key)
