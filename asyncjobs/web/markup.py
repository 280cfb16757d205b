"""HTML that can't be broken by what is put into it: text is text, and only `element` makes markup."""

from __future__ import annotations

import html
from collections.abc import Iterable
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
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    start = f"<{name}{given}>"
    return Markup(start if name in _VOID else f"{start}{joined(children).html}</{name}>")


def joined(content: Content) -> Markup:
    """All of it, one after another."""
    if content is None:
        return Markup("")
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(_escaped(content))
    return Markup("".join(joined(one).html for one in content))


def _attribute(key: str, value: str | bool | int | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{_escaped(str(value))}"'


def _escaped(text: str) -> str:
    """The one place where text becomes HTML. What would act unseen (NUL, controls, bidi marks, lone surrogates) is spelt out."""
    seen = text if text.isprintable() else "".join(map(_visible, text))
    return html.escape(seen)


def _visible(character: str) -> str:
    return character if character == "\n" or character.isprintable() else character.encode("unicode_escape").decode("ascii")
