"""The description of the API: which call a request is, and whether request and answer are as described."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).resolve().parents[1] / "cases" / "acronis" / "openapi.yaml"

_URN = "urn:description"
_METHODS = ("get", "post", "put", "patch", "delete")
_MAX_MESSAGE = 500


class NotAsDescribedError(Exception):
    """A request or an answer that the description does not allow; ``status`` is for the caller of such a request."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message[:_MAX_MESSAGE])
        self.status = status


@dataclass(frozen=True)
class Asked:
    """The call that a request is, with its path's and query's values as their types say."""

    operation_id: str
    path: Mapping[str, str]
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Request:
    """What came in of a request."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = field(repr=False)
    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Route:
    path: str
    method: str
    pattern: re.Pattern[str]
    operation: Mapping[str, Any]
    parameters: tuple[Mapping[str, Any], ...]


class Description:
    """The description, read once."""

    def __init__(self, file: Path = FILE) -> None:
        text = file.read_text(encoding="utf-8").replace('$ref: "#/', f'$ref: "{_URN}#/')
        self.document: Mapping[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
        resource = Resource.from_contents(self.document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)
        self._validators: dict[int, Draft202012Validator] = {}

    @cached_property
    def routes(self) -> tuple[_Route, ...]:
        """Return every call, those of fixed paths before those with parameters in them."""
        found = []
        for path, entry in self.document["paths"].items():
            pattern = re.compile(re.sub(r"\\{\w+\\}", _name_group, re.escape(path)))
            for method in _METHODS:
                if method in entry:
                    parameters = [*entry.get("parameters", ()), *entry[method].get("parameters", ())]
                    resolved = tuple(self._resolve(each) for each in parameters)
                    found.append(_Route(path, method.upper(), pattern, entry[method], resolved))
        return tuple(sorted(found, key=lambda route: "{" in route.path))

    def find(self, method: str, path: str) -> _Route:
        """Return the call of a method and path."""
        here = [route for route in self.routes if route.pattern.fullmatch(path)]
        if not here:
            raise NotAsDescribedError(f"no such path: {path}", 404)
        # `/tenants/usages` is no tenant: a path without parameters goes before one with some.
        first = here[0].path
        for route in here:
            if route.method == method and route.path == first:
                return route
        raise NotAsDescribedError(f"{method} is not for {path}", 405)

    def read(self, request: Request) -> Asked:
        """Return the call that a request is, or raise `NotAsDescribedError`."""
        route = self.find(request.method, request.path)
        matched = route.pattern.fullmatch(request.path)
        assert matched is not None
        in_path = {key: unquote(value) for key, value in matched.groupdict().items()}
        query = self._read_query(route, request)
        headers = {}
        for each in route.parameters:
            name, kind = each["name"], each["in"]
            if kind == "path":
                self._check(in_path[name], each["schema"], f"path parameter {name}")
            elif kind == "header" and (value := request.headers.get(name.lower())) is not None:
                self._check(value, each["schema"], f"header {name}")
                headers[name] = value
        return Asked(route.operation["operationId"], in_path, query, headers, self._read_body(route, request))

    def check_answer(self, operation_id: str, status: int, content_type: str, body: Any) -> None:
        """Refuse an answer of ours that is not as described; ``body`` is what JSON says, or None for another type."""
        operation = next(each.operation for each in self.routes if each.operation["operationId"] == operation_id)
        responses = operation["responses"]
        if str(status) not in responses and (status < 400 or "default" not in responses):
            raise NotAsDescribedError(f"{operation_id}: status {status} is not described")
        content = self._resolve(responses.get(str(status), responses.get("default"))).get("content")
        if content is None:
            if body is not None:
                raise NotAsDescribedError(f"{operation_id}: {status} has no body")
            return
        if content_type not in content:
            raise NotAsDescribedError(f"{operation_id}: {status} is not {content_type}")
        schema = content[content_type].get("schema")
        if schema is not None:
            self._check(body, schema, f"answer {status} of {operation_id}")

    def schemas(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Go through every schema that stands in the description, with where."""
        yield from _find_schemas(self.document, "#")

    def resolve(self, reference: str) -> Any:
        """Return what a reference within the description leads to."""
        return self._registry.resolver().lookup(reference).contents

    def _read_query(self, route: _Route, request: Request) -> Mapping[str, Any]:
        described = {each["name"]: each for each in route.parameters if each["in"] == "query"}
        found: dict[str, Any] = {}
        for name, text in request.query:
            if name not in described or name in found:
                raise NotAsDescribedError(f"query parameter {name} is not described, or given twice")
            schema = self._resolve(described[name]["schema"])
            value = _read_value(text, schema)
            self._check(value, schema, f"query parameter {name}")
            found[name] = value
        for name, each in described.items():
            if each.get("required") and name not in found:
                raise NotAsDescribedError(f"query parameter {name} is missing")
        return found

    def _read_body(self, route: _Route, request: Request) -> Any:
        described = route.operation.get("requestBody")
        if described is None:
            if request.body:
                raise NotAsDescribedError("no body is described")
            return None
        content_type = request.content_type.partition(";")[0].strip()
        if content_type not in described["content"]:
            raise NotAsDescribedError(f"a body of type {content_type or 'none'} is not described", 415)
        body = _parse(request.body, content_type)
        self._check(body, described["content"][content_type]["schema"], "body")
        return body

    def _check(self, value: Any, schema: Mapping[str, Any], where: str) -> None:
        key = id(schema)  # the document keeps every schema as long as this lives
        if key not in self._validators:
            self._validators[key] = Draft202012Validator(schema, registry=self._registry)
        errors = sorted(self._validators[key].iter_errors(value), key=lambda error: list(map(str, error.path)))
        if errors:
            at = "/".join(map(str, errors[0].absolute_path))
            raise NotAsDescribedError(f"{where}: {at or 'as a whole'}: {errors[0].message}")

    def _resolve(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in entry:
            entry = self.resolve(entry["$ref"])
        return entry


def _name_group(found: re.Match[str]) -> str:
    return f"(?P<{found[0][2:-2]}>[^/]+)"


def _read_value(text: str, schema: Mapping[str, Any]) -> Any:
    if schema.get("type") == "integer" and re.fullmatch("-?[0-9]{1,19}", text):
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _parse(body: bytes, content_type: str) -> Any:
    try:
        if content_type == "application/json":
            return json.loads(body)
        return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
    except ValueError as error:
        raise NotAsDescribedError(f"the body is not {content_type}") from error


def _find_schemas(entry: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(entry, Mapping):
        for key, value in entry.items():
            if key == "schema":
                yield f"{where}/{key}", value
            elif key == "schemas":
                yield from ((f"{where}/{key}/{name}", schema) for name, schema in value.items())
            yield from _find_schemas(value, f"{where}/{key}")
    elif isinstance(entry, list):
        for number, value in enumerate(entry):
            yield from _find_schemas(value, f"{where}/{number}")
