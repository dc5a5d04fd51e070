"""schemathesis asks everything that /openapi.json describes, with good and bad parameters and bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from helpers.service_client import running

pytestmark = pytest.mark.slow

KEPT = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""What the answers must hold to. Left out: that valid bodies are accepted, since no schema tells what is a picture."""

EXAMPLES = 8
"""Cases of each kind for each operation."""

OPERATIONS = (
    "GET /v1/models", "POST /v1/faces", "POST /v1/videos", "GET /v1/videos/{id}", "DELETE /v1/videos/{id}",
    "GET /v1/videos/{id}/rows", "GET /v1/videos/{id}/summary", "GET /v1/videos/{id}/timeline",
    "GET /healthz", "GET /readyz", "GET /metrics",
)  # fmt: skip

CAN_BE_WRONG = ("POST /v1/faces", "POST /v1/videos", "GET /v1/videos/{id}/rows", "GET /v1/videos/{id}/timeline")
"""Those with parameters that can have wrong values."""


@pytest.fixture(scope="module")
def operations(bundle_file: str) -> Iterator[dict[str, Any]]:
    """What a real server describes, by method and path."""
    with running(model=bundle_file, rate=0) as address:
        schema = schemathesis.openapi.from_url(f"{address.url}/openapi.json")
        yield {found.ok().label: found.ok() for found in schema.get_all_operations()}


def test_every_operation_is_asked(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, GenerationMode.POSITIVE) for name in OPERATIONS]
    + [(name, GenerationMode.NEGATIVE) for name in CAN_BE_WRONG],
)
def test_every_answer_is_as_described(operations: dict[str, Any], name: str, mode: Any) -> None:
    checks = [CHECKS.get_one(check) for check in KEPT]
    asked = 0

    @given(case=operations[name].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        response = case.call()
        assert response.status_code != 503
        case.validate_response(response, checks=checks)

    ask()
    assert asked
