"""A browser tab for the tests that use the app as a person does."""

from collections.abc import Callable
from typing import Any

SLOW_MS = 60_000
MAP_MS = 240_000
"""The map is computed with a low priority: beside another session it gets a twentieth of a processor."""
STILL_MS = 300
STILL = """ms => {
  const now = performance.now();
  const app = document.querySelector('[data-testid="stApp"]');
  if (app?.dataset.testScriptState !== "notRunning") window.loupeRan = now;
  return now - (window.loupeRan ??= now) > ms;
}"""


class Tab:
    """A browser tab that remembers what went wrong in it."""

    def __init__(self, browser: Any, width: int = 1280) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800})
        self.page = self.context.new_page()
        self.page.set_default_timeout(SLOW_MS)
        self.problems: list[str] = []
        self.page.on(
            "console", lambda m: self.problems.append(f"{m.text} {m.location['url']}") if m.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))

    def go(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector('[data-testid="stMain"] input, [data-testid="stAlert"]')
        self.settle()

    def settle(self) -> None:
        """The script has run to its end, and has not begun again since."""
        self.page.evaluate("window.loupeRan = performance.now()")
        self.page.wait_for_function(STILL, arg=STILL_MS)

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.settle()

    def alts(self) -> list[str]:
        """What the pictures of the grid are called, as soon as it is drawn: as many as are likely."""
        self.page.wait_for_selector(".st-key-gallery img")
        self.settle()
        return self.page.eval_on_selector_all(".st-key-gallery img", "images => images.map(image => image.alt)")


OpenTab = Callable[..., Tab]
"""Opens a tab, in a window of that width."""
