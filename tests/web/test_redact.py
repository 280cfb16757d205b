from __future__ import annotations

import json
from typing import Any

import pytest

from asyncjobs.errors import ConfigurationError
from asyncjobs.web.redact import DEEPEST, HIDDEN, Redaction


@pytest.mark.parametrize(
    "name",
    [
        "password", "passwd", "db_password", "Passphrase", "client_secret", "token", "accessToken", "api_key", "apiKey", "API-KEY",
        "X-Api-Key", "authorization", "credentials", "session_id", "cookie", "csrf", "private_key", "jwt", "otp", "ssn", "card_number", "cvv",
    ],
)  # fmt: skip
def test_what_says_that_it_is_secret_is_hidden(name: str) -> None:
    assert Redaction().of({name: "s3cret", "x": 1}) == {name: HIDDEN, "x": 1}


@pytest.mark.parametrize("name", ["user_id", "passenger", "to", "compass", "keyboard", "key", "pin", "card"])
def test_other_names_are_shown(name: str) -> None:
    assert Redaction().of({name: 1}) == {name: 1}


def test_it_is_hidden_at_any_depth_and_whole() -> None:
    value = {"users": [{"name": "ada", "token": {"a": [1, 2]}}], "n": 7}
    assert Redaction().of(value) == {"users": [{"name": "ada", "token": HIDDEN}], "n": 7}


def test_names_that_the_app_gives_are_hidden_too() -> None:
    assert Redaction(["Email"]).of({"email": "a@b", "emails": 1}) == {"email": HIDDEN, "emails": 1}


def test_what_lies_too_deep_to_be_looked_into_is_hidden() -> None:
    value: Any = {"note": "s3cret"}  # by no name: it can't be known what stands there
    for _ in range(DEEPEST + 5):
        value = [value]
    assert "s3cret" not in json.dumps(Redaction().of(value))


@pytest.mark.parametrize("inner", ["{}", '{"password":"s3cret"}'])
def test_what_lies_too_deep_to_be_read_is_hidden(inner: str) -> None:
    deep = "[" * 50_000 + inner + "]" * 50_000
    assert Redaction().of_json(deep) == HIDDEN
    assert Redaction().arguments('{"args":[],"kwargs":{"a":' + deep + "}}") == {"?": HIDDEN}


def test_arguments_have_the_names_of_their_parameters_or_their_numbers() -> None:
    assert Redaction().arguments('{"args":[7],"kwargs":{"to":"ada","token":"x"}}') == {"0": 7, "to": "ada", "token": HIDDEN}


@pytest.mark.parametrize(
    "text", ["s3cret", '["s3cret"]', '{"s3cret":1}', '{"args":1,"kwargs":{}}', '{"args":[],"kwargs":[["a"]]}', "null"]
)
def test_of_what_is_no_stored_call_nothing_is_shown(text: str) -> None:
    assert Redaction().arguments(text) == {"?": HIDDEN}


def test_of_what_is_no_json_nothing_is_shown() -> None:
    assert Redaction().of_json("password=s3cret") == HIDDEN


@pytest.mark.parametrize("names", ["email", 7, [7]])
def test_names_that_are_none_are_refused(names: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"redact=.*give names"):
        Redaction(names)
