"""Whatever is asked of a real server by its OpenAPI document, and beside it, it answers as the document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from asyncjobs.web.pages import PAGES
from tests.browser.site import Site

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
]  # fmt: skip
EXAMPLES = 60


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        for number in range(3):
            site.ended("sync_crm", number)
        site.enqueue("transcode", 1)
        site.later("ada@example.org")
        yield site


@pytest.fixture(scope="module")
def document(site: Site) -> Any:
    return schemathesis.openapi.from_url(site.url + "stats/openapi.json")


OPERATIONS = [*((f"/{path}", "GET") for path in PAGES), ("/stats/act", "POST"), ("/metrics", "GET"), ("/health", "GET")]


def test_there_are_no_other_operations(document: Any) -> None:
    found = [one.ok() for one in document.get_all_operations()]
    assert {(one.path, one.method.upper()) for one in found} == set(OPERATIONS)


# Its own plugin for pytest doesn't know pytest 9.2 (schemathesis 4.32); what it would do for one operation is little.
@pytest.mark.parametrize(
    ("path", "method", "mode"),
    [
        (path, method, mode)
        for path, method in OPERATIONS
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if mode is GenerationMode.POSITIVE or path not in ("/metrics", "/health")  # of which nothing can be asked wrongly
    ],
)
def test_every_answer_is_one_that_the_document_describes(document: Any, site: Site, path: str, method: str, mode: Any) -> None:
    operation = document[path][method]

    @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        headers = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        case.call_and_validate(base_url=site.url, headers=headers, checks=CHECKS, allow_redirects=False)

    holds()
    assert site.do(site.jobs.stats()).healthy
