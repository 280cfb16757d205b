"""What a browser would find in a page: tags and text, by the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """`tags`: every start tag in order, with its attributes. `text`: all text in order. Ill-nested markup fails the test."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.by_tag: dict[str, list[str]] = {}  # tag → the text of each such element
        self._open: list[tuple[str, str]] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        opened, text = self._open.pop()
        assert opened == tag
        self.by_tag.setdefault(tag, []).append(text)
        if self._open:
            outer, before = self._open[-1]
            self._open[-1] = (outer, before + text)

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open:
            tag, before = self._open[-1]
            self._open[-1] = (tag, before + data)

    @property
    def title(self) -> str:
        """Of the page: the first one; each bar of a drawing has its own."""
        return self.by_tag["title"][0]

    @property
    def shape(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    def links(self) -> list[str]:
        return [value for _, given in self.tags for key in ("href", "src") if (value := given.get(key)) is not None]
