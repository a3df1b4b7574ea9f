"""GitHub's published GraphQL schema as a judge: of the documents that are sent, and of the hub's cut of it."""

import gzip
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from graphql import (
    GraphQLError,
    GraphQLSchema,
    build_schema,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_object_type,
    is_union_type,
    parse,
    validate,
)

from tests.official.description import HERE


@cache
def official() -> GraphQLSchema:
    text = gzip.decompress((HERE / "schema.graphql.gz").read_bytes()).decode()
    return build_schema(text, assume_valid=True)


def document_problems(document: str) -> list[str]:
    """What GitHub would answer with errors to. Half a second the first time: the schema is large."""
    try:
        parsed = parse(document)
    except GraphQLError as error:
        return [error.message]
    return [error.message for error in validate(official(), parsed)]


def cut_problems() -> Iterator[str]:
    """Where the hub's schema has something that GitHub's has not, or has in another type."""
    ours = build_schema(files("bot.localhub").joinpath("github.graphql").read_text())
    for name, kind in ours.type_map.items():
        if name.startswith("__"):
            continue
        theirs = official().type_map.get(name)
        if type(theirs) is not type(kind):
            yield f"{name}: GitHub has no such {type(kind).__name__}"
        elif is_enum_type(kind) and is_enum_type(theirs):
            yield from (f"{name}.{value}: unknown" for value in kind.values if value not in theirs.values)
        elif is_union_type(kind) and is_union_type(theirs):
            known = {one.name for one in theirs.types}
            yield from (f"{name} | {one.name}: unknown" for one in kind.types if one.name not in known)
        elif is_input_object_type(kind) and is_input_object_type(theirs):
            for field, given in kind.fields.items():
                known_field = theirs.fields.get(field)
                if known_field is None or str(known_field.type) != str(given.type):
                    yield f"{name}.{field}: {given.type}, not {known_field and known_field.type}"
        elif (is_object_type(kind) or is_interface_type(kind)) and (
            is_object_type(theirs) or is_interface_type(theirs)
        ):
            yield from _field_problems(name, kind.fields, theirs.fields)


def _field_problems(name: str, ours: dict, theirs: dict) -> Iterator[str]:  # type: ignore[type-arg]
    for field, given in ours.items():
        known = theirs.get(field)
        if known is None or str(known.type) != str(given.type):
            yield f"{name}.{field}: {given.type}, not {known and known.type}"
            continue
        for argument, wanted in given.args.items():
            if argument not in known.args or str(known.args[argument].type) != str(wanted.type):
                yield f"{name}.{field}({argument}): unknown or of another type"
        for argument, wanted in known.args.items():
            if str(wanted.type).endswith("!") and argument not in given.args:
                yield f"{name}.{field}({argument}): GitHub insists on it"
