"""The schema, complete: what any call may answer is declared here once, the rest by the calls themselves."""

from __future__ import annotations

from typing import Any

from ninja.openapi.schema import REF_TEMPLATE

from api.errors import PROBLEM, Problem

SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "Anyone": [{}, {"bearer": []}],
    "User": [{"bearer": []}],
    "Verified": [{"bearer": []}],
    "EvenSuspended": [{"bearer": []}],
}
DESCRIPTIONS = {
    400: "The body cannot be read",
    401: "No token where one is needed, or one that does not hold",
    403: "Known, but not allowed",
    404: "Absent, or not for this caller to know of",
    409: "The present state forbids it",
    413: "Larger than this call takes",
    415: "Not, by its content, of a kind that this call takes",
    422: "Invalid input",
    429: "Too many requests; Retry-After says when to come back",
    503: "Does not work at the moment; the same call will, later",
}


def complete(schema: dict[str, Any]) -> dict[str, Any]:
    """Add to each operation what it answers by being one, and give problems their media type."""
    for path in schema["paths"].values():
        # Methods on one view share one description of it, so each is completed on its own.
        for operation in path.values():
            _complete_operation(operation)
    problem = Problem.model_json_schema(ref_template=REF_TEMPLATE)
    schema["components"]["schemas"] |= problem.pop("$defs") | {"Problem": problem}
    schema["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return schema


def _complete_operation(operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status in _implied(operation):
        answers.setdefault(status, {})
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status, answer in answers.items():
        if int(status) >= 400:
            answer["description"] = DESCRIPTIONS[int(status)]
            answer["content"] = {PROBLEM: problem}
    if 401 in answers:
        answers[401]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    answers[429]["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    operation["responses"] = dict(sorted(answers.items()))
    names = [name for requirement in operation.get("security", ()) for name in requirement]
    if names and names[0] in SECURITY:
        operation["security"] = SECURITY[names[0]]


def _implied(operation: dict[str, Any]) -> set[int]:
    parameters = operation.get("parameters", [])
    implied = {401, 403, 413, 429, 503}
    if "requestBody" in operation:
        implied |= {400, 422}
    if any(parameter["in"] == "query" for parameter in parameters):
        implied.add(422)
    if any(parameter["in"] == "path" or parameter["name"] == "page" for parameter in parameters):
        implied.add(404)
    return implied
