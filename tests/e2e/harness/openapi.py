"""Holds the answers of members against docs/openapi.json, which is what GET /openapi.json serves."""
import json
from pathlib import Path

from jsonschema import Draft202012Validator, RefResolver  # scripts/setup installs python3-jsonschema

DOCUMENT = json.loads((Path(__file__).resolve().parents[3] / "docs/openapi.json").read_text())
RESOLVER = RefResolver("", DOCUMENT)
VALIDATORS = {}


def operation_of(method, target):
    """What the document says of a request; None: there is nothing of that name."""
    path = "/" + target.partition("?")[0].lstrip("/").partition("/")[0]
    found = DOCUMENT["paths"].get(path, {}).get(method.lower())
    if found is None and method in ("GET", "HEAD", "OPTIONS"):  # a health check that nobody has named
        found = DOCUMENT["paths"]["/primary"][method.lower()]
    return found


def validator(schema):
    key = json.dumps(schema, sort_keys=True)
    if key not in VALIDATORS:
        VALIDATORS[key] = Draft202012Validator(schema, resolver=RESOLVER)
    return VALIDATORS[key]


def check(method, target, status, content_type, body):
    """Raises AssertionError for an answer that is not described."""
    said = f"{method} {target} was answered with {status} {content_type or 'without a type'}: {body[:2000]!r}"
    operation = operation_of(method, target)
    if operation is None:
        assert status == 501, f"there is no such operation, {said}"
        return
    response = operation["responses"].get(str(status))
    assert response is not None, f"no such status is described, {said}"
    content = response.get("content")
    if not content_type:
        assert not content and not body, f"an answer with a body is described, {said}"
        return
    media = content_type.partition(";")[0].strip()
    assert content and media in content, f"no such content is described, {said}"
    if media == "application/json":
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}"
                  for e in validator(content[media]["schema"]).iter_errors(json.loads(body))]
        assert not errors, f"{errors}, {said}"
