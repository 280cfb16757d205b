"""HTML that can't be broken by what is put into it: text is text, and only `element` makes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Union

from asyncjobs.record import record

_VOID = frozenset({"br", "hr", "input", "link", "meta"})


@record
class Markup:
    """Finished HTML. Made by `element` and `joined` only; a `str` is always text and will be escaped."""

    html: str


Content = Union[Markup, str, None, Iterable["Content"]]  # noqa: UP007  # recursive


def element(name: str, /, *children: Content, **attributes: str | bool | int | None) -> Markup:
    """`<name attributes>children</name>`.

    None is no child and no attribute, True an attribute without value. `class_` is `class`, `aria_label` is `aria-label`.
    """
    given = "".join([_attribute(key, value) for key, value in attributes.items()]) if attributes else ""
    start = f"<{name}{given}>"
    return Markup(start if name in _VOID else f"{start}{_html(children)}</{name}>")


def joined(content: Content) -> Markup:
    """All of it, one after another."""
    return Markup(_html(content))


def _html(content: Content) -> str:
    if isinstance(content, Markup):
        return content.html
    if isinstance(content, str):
        return _escaped(content)
    return "" if content is None else "".join([_html(one) for one in content])


def _attribute(key: str, value: str | bool | int | None) -> str:
    if value is None or value is False:
        return ""
    name = _attribute_name(key)
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


@lru_cache
def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _escaped(text: str) -> str:
    """The one place where text becomes HTML. What would act unseen (NUL, controls, bidi marks, lone surrogates) is spelt out."""
    if _is_plain(text):
        return text
    seen = text if text.isprintable() else "".join(map(_visible, text))
    return html.escape(seen)


# Letters and signs that mean nothing in HTML, as most of a page is: told in half the time that escaping takes.
_is_plain = re.compile(r"[A-Za-z0-9 ,.:;()/_+%#-]*").fullmatch


def _visible(character: str) -> str:
    return character if character == "\n" or character.isprintable() else character.encode("unicode_escape").decode("ascii")
