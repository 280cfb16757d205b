"""What is looked for is compared with what may be shown, and with nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.job import Error, State
from asyncjobs.web.filters import Filters
from asyncjobs.web.redact import HIDDEN, Redaction
from tests.web.fakes import a_job

ARGS = '{"args":[9,"Ada"],"kwargs":{"to":"M\\u00fcller","n":1.5,"user":{"id":7,"password":"s3cret"},"token":"s3cret","ok":true,"none":null}}'


def matches(job: Any, redact: tuple[str, ...] = (), **query: str) -> bool:
    only = Filters.of(query).asked(Redaction(redact))["only"]
    assert only is not None
    return bool(only(job))


@pytest.mark.parametrize(
    "argument",
    ["0=9", "1=Ada", "to=M\u00fcller", "n=1.5", "user.id=7", "ok=true", "none=null", '1="Ada"', 'user={"id":7,"password":"\\u2022\\u2022\\u2022"}'],
)  # fmt: skip
def test_an_argument_is_found_by_its_name_and_value(argument: str) -> None:
    assert matches(a_job(args=ARGS), argument=argument)


@pytest.mark.parametrize(
    "argument", ["0=Ada", "to=M", "to=m\u00fcller", "user.id=8", "user.id.x=7", "ok=True", "nothing=7", "2=9"]
)
def test_an_argument_is_compared_as_a_whole(argument: str) -> None:
    assert not matches(a_job(args=ARGS), argument=argument)


@pytest.mark.parametrize(
    "argument", ["token=s3cret", f"token={HIDDEN}", "user.password=s3cret", f"user.password={HIDDEN}", "user.id=7"]
)
def test_a_secret_is_not_found_out_by_its_value(argument: str) -> None:
    assert not matches(a_job(args=ARGS), redact=("id",), argument=argument)


def test_text_is_found_in_all_that_a_list_shows_of_a_job() -> None:
    job = a_job("Order/7", args=ARGS, key="Tenant-9", state=State.FAILED, error=Error("KeyError", "Boom", "Traceback of s3cret"))
    for text in ("order/7", "TENANT", "keyerror", "boom", "m\u00fc", "ada", "1.5"):
        assert matches(job, text=text), text
    for text in ("s3cret", "traceback", "nowhere"):
        assert not matches(job, text=text), text
    assert matches(job, text="ada", argument="0=9")
    assert not matches(job, text="ada", argument="0=8")
    assert not matches(job, text="bob", argument="0=9")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"argument": "to=ada@example.org"}, "ada@example.org"), ({"argument": "n=7", "text": "x"}, "x"), ({"text": "x y"}, "x y"),
        ({"argument": 'to={"a": 1}'}, None), ({"argument": "to=a b"}, None), ({"queue": "mail"}, None),
    ],
)  # fmt: skip
def test_the_store_is_asked_for_no_less_than_may_match(query: dict[str, str], text: str | None) -> None:
    assert Filters.of(query).asked(Redaction())["text"] == text


def test_where_no_text_is_asked_for_nothing_is_looked_at_closely() -> None:
    assert Filters.of({"queue": "mail", "since": "2026-11-24"}).asked(Redaction())["only"] is None
