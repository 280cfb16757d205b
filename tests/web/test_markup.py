from __future__ import annotations

import html

import pytest

from asyncjobs.web import markup
from asyncjobs.web.markup import element, joined
from tests.web.html import Page


def test_text_stays_text_and_an_attribute_stays_one_attribute() -> None:
    hostile = """<script>alert(1)</script>"'&amp;"""
    page = Page(element("p", hostile, title=hostile).html)
    assert page.tags == [("p", {"title": hostile})]
    assert page.text == hostile


@pytest.mark.parametrize(("unseen", "shown"), [("\0", r"\x00"), ("\u202e", r"\u202e"), ("\ud800", r"\ud800"), ("\x1b", r"\x1b")])
def test_what_would_act_unseen_is_spelt_out(unseen: str, shown: str) -> None:
    assert Page(element("p", f"a{unseen}b", title=unseen).html).tags == [("p", {"title": shown})]
    assert Page(element("p", f"a{unseen}b").html).text == f"a{shown}b"


def test_what_is_not_escaped_means_nothing_in_html_and_is_seen() -> None:
    plain = [sign for sign in map(chr, range(0x110000)) if markup._is_plain(sign)]
    assert [sign for sign in plain if html.escape(sign) != sign or not sign.isprintable()] == []
    assert markup._is_plain("to 1.4 ms: 2,131")
    assert not markup._is_plain("to 1.4 ms\n")


def test_letters_of_any_script_and_line_ends_are_left_alone() -> None:
    assert Page(element("pre", "Zażółć 邮件 דואר 🎉\nnext").html).text == "Zażółć 邮件 דואר 🎉\nnext"


def test_only_finished_markup_goes_in_unchanged() -> None:
    assert element("p", element("b", "x"), "<i>", None, ["y", element("br")]).html == "<p><b>x</b>&lt;i&gt;y<br></p>"
    assert joined("<").html == "&lt;"


def test_an_attribute_may_be_absent_bare_or_named_with_a_dash() -> None:
    assert element("td", class_="n", hidden=True, scope=None, aria_label="x").html == '<td class="n" hidden aria-label="x"></td>'
