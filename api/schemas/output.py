"""What all shapes of answers have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ninja import Schema
from pydantic import ModelWrapValidatorHandler, ValidationInfo, model_validator


class Output(Schema):
    """A shape that is filled from a row, field by field; `resolve_<field>` says where a field is not an attribute.

    As ninja's own, save that the fields are read at once. Its proxy answers for each attribute in Python, with rules
    for managers, files and templates that no answer here needs: in a list that took longer than the database.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _run_root_validator(cls, values: Any, handler: ModelWrapValidatorHandler[Any], info: ValidationInfo) -> Any:
        if isinstance(values, cls):
            return handler(values)
        read: dict[str, Any] = {name: resolve(values, info.context) for name, resolve in _resolvers(cls)}
        if isinstance(values, dict):
            return handler(values | read if read else values)
        for name in _attributes(cls):
            read[name] = getattr(values, name)
        return handler(read)


@cache
def _resolvers(shape: type[Schema]) -> list[tuple[str, Callable[[Any, Any], Any]]]:
    return [(name, _with_context(resolver)) for name, resolver in shape._ninja_resolvers.items()]


def _with_context(resolver: Any) -> Callable[[Any, Any], Any]:
    function = resolver._func
    if resolver._takes_context:
        return lambda row, context: function(row, context=context)
    return lambda row, _context: function(row)


@cache
def _attributes(shape: type[Schema]) -> list[str]:
    return [name for name in shape.model_fields if name not in shape._ninja_resolvers]
