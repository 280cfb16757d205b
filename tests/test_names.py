"""What may name a queue, a task, a job or a unique key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs.errors import ArgumentError, ConfigurationError
from asyncjobs.names import MAX_KEY, MAX_NAME, check_key, check_name

GOOD = [
    "mail",
    "a",
    "mail.send",
    "app.tasks:send.<locals>.inner",
    "with space",
    "日本語",
    "🧨",
    "x" * MAX_NAME,
    "'; DROP",
    "a/b?c=d",
]
BAD = {
    "": "is empty",
    " mail": "white space",
    "mail\n": "white space",
    "\u00a0mail": "white space",
    "a\0b": "U+0000",
    "a\nb": "U+000A",
    "a\ud800": "U+D800",
    "a\u202eb": "U+202E",
    "a\u200bb": "U+200B",
    "a\u2028b": "U+2028",
    "x" * (MAX_NAME + 1): "201 characters",
}


@pytest.mark.parametrize("text", GOOD)
def test_printable_text_can_be_a_name_and_a_key(text: str) -> None:
    check_name(text, "queue")
    check_key(text, "id")


@pytest.mark.parametrize("text", BAD)
def test_what_could_disguise_a_name_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_name(text, "queue")
    assert BAD[text] in str(caught.value)
    assert str(caught.value).startswith("queue name ")


@pytest.mark.parametrize("value", [None, 7, b"mail", ["mail"]])
def test_what_is_no_text_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(ArgumentError, match=f"is {type(value).__name__}, not str; give a text, such as str"):
        check_key(value, "id")


def test_a_key_may_be_longer_than_a_name_up_to_its_own_limit() -> None:
    check_key("x" * MAX_KEY, "unique")
    with pytest.raises(ArgumentError, match="1,001 characters, more than 1,000"):
        check_key("x" * (MAX_KEY + 1), "unique")
    with pytest.raises(ArgumentError, match="more than 200"):
        check_key("x" * (MAX_NAME + 1), "id", MAX_NAME)


@given(st.text())
def test_a_refusal_is_short_printable_ascii(text: str) -> None:
    try:
        check_key(text, "id")
        said = ""
    except ArgumentError as error:
        said = str(error)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 250
