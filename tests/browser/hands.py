"""Three ways to use a page: by mouse, by keyboard alone, and by mouse where no script runs."""

from __future__ import annotations

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

FARTHEST = 400  # presses of Tab until a control must have been reached


class Hands(Protocol):
    def press(self, control: Locator) -> None:
        """A button or a link."""

    def tick(self, box: Locator) -> None: ...

    def write(self, field: Locator, text: str) -> None: ...


class Mouse:
    def press(self, control: Locator) -> None:
        control.click()

    def tick(self, box: Locator) -> None:
        box.check()

    def write(self, field: Locator, text: str) -> None:
        field.fill(text)


class Keyboard:
    """Gets at a control by Tab from the top, as somebody does who has no mouse."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, control: Locator) -> None:
        self._reach(control)
        self._page.keyboard.press("Enter")

    def tick(self, box: Locator) -> None:
        self._reach(box)
        self._page.keyboard.press("Space")
        expect(box).to_be_checked()

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self._page.keyboard.press("Control+A")
        self._page.keyboard.type(text)

    def _reach(self, control: Locator) -> None:
        expect(control).to_be_visible()
        self._page.evaluate("document.activeElement.blur()")
        for _ in range(FARTHEST):
            if control.evaluate("(element) => element === document.activeElement"):
                assert control.evaluate(
                    "(element) => getComputedStyle(element).outlineStyle !== 'none' && parseFloat(getComputedStyle(element).outlineWidth) >= 2"
                ), "what has the focus must show it"
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"{control} is not reached by Tab")
