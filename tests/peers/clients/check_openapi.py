"""openapi-core, which judges requests and answers by an OpenAPI description."""

from collections.abc import Iterator
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from talk import talk

METHODS = ("get", "post", "put", "delete")


class Description:
    """A description, with amendments where it is known to be wrong: `[where, what]`, the parts of where by blanks."""

    def __init__(self, file: str, amendments: list[tuple[str, Any]]) -> None:
        """Read it."""
        description = json.loads(Path(file).read_bytes())
        for path in description["paths"].values():
            for method in METHODS:
                _take_examples(path.get(method, {}))
        for where, what in amendments:
            _amend(description, where.split(" "), what)
        self._server = urlsplit(description["servers"][0]["url"])
        # ClickSend's is not quite valid: a path has a query.
        self._openapi = OpenAPI.from_dict(description, Config(spec_validator_cls=None))

    def errors(self, method: str, path: str, status: int, content_type: str, body: str) -> list[str]:
        """Return what is wrong with an answer."""
        request = MockRequest(f"{self._server.scheme}://{self._server.netloc}", method, self._server.path + path)
        response = MockResponse(body.encode(), status, content_type=content_type)
        return [text for error in self._openapi.iter_response_errors(request, response) for text in _sentences(error)]

    def request_errors(self, method: str, path: str, query: str, headers: dict[str, str], body: str) -> list[str]:
        """Return what is wrong with a request."""
        request = MockRequest(
            f"{self._server.scheme}://{self._server.netloc}",
            method,
            self._server.path + path,
            args=parse_qs(query, keep_blank_values=True),
            headers=headers,
            data=body.encode(),
            content_type=headers.get("Content-Type", "application/json").partition(";")[0],
        )
        return [text for error in self._openapi.iter_request_errors(request) for text in _sentences(error)]


def _take_examples(operation: dict[str, Any]) -> None:
    """Take an example for the schema where an answer has no schema: all that is in it, of the same types or null."""
    for response in operation.get("responses", {}).values():
        for content in response.get("content", {}).values():
            if "schema" not in content and "examples" in content:
                content["schema"] = _schema_of(next(iter(content["examples"].values()))["value"])


def _schema_of(example: Any) -> dict[str, Any]:
    match example:
        case dict():
            properties = {name: _schema_of(value) for name, value in example.items()}
            return {"type": "object", "nullable": True, "properties": properties, "required": [*example]}
        case list():
            return {"type": "array", "items": _schema_of(example[0]) if example else {}}
        case str():
            return {"type": "string", "nullable": True}
        case int():
            return {"type": "integer", "nullable": True}
    return {}


def _amend(description: dict[str, Any], where: list[str], what: Any) -> None:
    place = description
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = what


def _sentences(error: BaseException) -> Iterator[str]:
    """Return the sentences of an error, with the places in the body that they are about."""
    cause = error.__cause__
    for problem in getattr(cause, "schema_errors", None) or [cause or error]:
        place = " ".join(map(str, getattr(problem, "absolute_path", ())))
        yield f"{place}: {getattr(problem, 'message', problem)}"


if __name__ == "__main__":
    talk(Description)
