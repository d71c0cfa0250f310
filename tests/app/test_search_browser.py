"""The search page in a real browser: keys, the histogram, widths. Skipped where Chromium or Playwright is missing."""

import pytest

from tests.app.browser import OpenTab, Tab

PLACE = """(() => {
  const tile = document.activeElement.closest('[class*="st-key-tile-"]');
  return tile ? [...document.querySelectorAll('[class*="st-key-tile-"]')].indexOf(tile) : null;
})()"""
"""The tile that has the focus."""


def pressed(tab: Tab, *keys: str) -> int | None:
    for key in keys:
        tab.page.keyboard.press(key)
    place: int | None = tab.page.evaluate(PLACE)
    return place


def test_keys_move_open_judge_and_close(url: str, tab: Tab) -> None:
    """Arrows by what lies there; they go on where they were after a redraw and after the details were closed."""
    page = tab.page
    tab.go(f"{url}/?q=animal")
    page.wait_for_selector(".st-key-gallery img")
    page.wait_for_function("document.activeElement === document.body")
    columns = page.eval_on_selector_all(
        ".st-key-gallery figure",
        "all => { const top = e => e.getBoundingClientRect().top; "
        "return all.filter(e => Math.abs(top(e) - top(all[0])) < 4).length; }",
    )
    page.wait_for_function("window.loupeKeys")
    assert pressed(tab, "ArrowRight") == 0
    assert pressed(tab, "ArrowLeft") == 0, "there is nothing to the left of the first"
    assert pressed(tab, "ArrowRight", "ArrowDown") == 1 + columns
    assert pressed(tab, "ArrowUp") == 1
    pressed(tab, "l")
    tab.settle()
    assert page.locator('[class*="st-key-thumb-up-"] button[kind="primary"]:visible').count() == 1
    assert pressed(tab, "ArrowRight", "d") == 2
    tab.settle()
    assert page.locator('[class*="st-key-thumb-down-"] button[kind="primary"]:visible').count() == 1
    pressed(tab, "Enter")
    page.wait_for_selector("[role=dialog] img")
    assert "item=" in page.url
    pressed(tab, "ArrowRight", "Escape")
    tab.settle()
    assert "item=" not in page.url and page.locator("[role=dialog]").count() == 0
    assert pressed(tab, "ArrowRight") == 3
    assert tab.problems == []


def test_keys_are_letters_while_one_types(url: str, tab: Tab) -> None:
    page = tab.page
    tab.go(f"{url}/?q=animal")
    page.wait_for_function("window.loupeKeys")
    pressed(tab, "/", "End")
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Words'")
    page.keyboard.type(" ld/")
    assert page.input_value(".st-key-words input") == "animal ld/"
    assert page.locator('[class*="st-key-thumb-"] button[kind="primary"]:visible').count() == 0
    page.keyboard.press("Enter")
    tab.settle()
    assert "q=animal+ld" in page.url
    page.evaluate("document.activeElement.blur()")
    assert pressed(tab, "ArrowRight") is not None, "they are heard after a redraw"


def test_a_click_on_a_bar_chooses_its_year_then_its_month(url: str, tab: Tab) -> None:
    page = tab.page
    tab.go(f"{url}/?q=quarterly+tax+spreadsheet")  # nothing is likely, so that all years are counted
    tab.click(".st-key-filters_open label")
    bars = page.locator('[data-testid="stVegaLiteChart"] path[aria-roledescription="bar"]')
    bars.first.wait_for()
    label = bars.last.get_attribute("aria-label")
    year = label.partition("when: ")[2][:4]
    bars.last.click()
    page.wait_for_url(f"**taken%3E%3D{year}&filter=taken%3C%3D{year}**")
    tab.settle()
    months = page.locator('[data-testid="stVegaLiteChart"] path[aria-label*="-01;"]')
    months.first.wait_for(state="attached")
    full = page.locator(
        '[data-testid="stVegaLiteChart"] path[aria-roledescription="bar"]:not([aria-label*="pictures: 0"])'
    )
    month = full.first.get_attribute("aria-label").partition("when: ")[2][:7]
    full.first.click()
    page.wait_for_url(f"**taken%3E%3D{month}&filter=taken%3C%3D{month}**")
    tab.click(".st-key-all-dates button")
    assert "taken" not in page.url
    assert tab.problems == []


@pytest.mark.parametrize("width", [360, 1024])
def test_the_filters_are_no_wider_than_the_window(url: str, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(width)
    tab.go(f"{url}/?q=water+%2B+2:boat+-+people&filter=tags.none%3Ddrawing")
    tab.click(".st-key-filters_open label")
    tab.page.wait_for_selector(".st-key-folders button:visible")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


WATCH = """(watched) => {
  const frames = window.loupeFrames = [];
  const look = () => {
    frames.push(watched.map(([selector, name]) => {
      const one = document.querySelector(selector);
      return one && (name === "text" ? one.textContent : one.getAttribute(name));
    }));
    requestAnimationFrame(look);
  };
  look();
}"""
"""What stands at some places of the page, frame by frame."""


def test_no_picture_of_the_last_question_stands_under_the_next(url: str, tab: Tab) -> None:
    """From the moment that the new question is shown, what was found for the old one is gone."""
    page = tab.page
    tab.go(f"{url}/?q=a+castle")
    page.evaluate(WATCH, [[".st-key-chips", "text"], [".st-key-gallery img", "alt"]])
    first_frames = []
    for words in ("a cat", "a ship", "a flower"):
        before = tab.alts()
        page.evaluate("loupeFrames.length = 0")
        page.fill(".st-key-words input", words)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**q={words.replace(' ', '+')}**")
        tab.settle()
        after = tab.alts()
        shown = [alt for chips, alt in page.evaluate("loupeFrames") if words in (chips or "")]
        assert before[0] not in after and shown[-1] == after[0]
        assert not set(before) - set(after) & set(shown)
        first_frames.append(shown[0])
    assert None in first_frames, "the new question is shown before its pictures; a busy machine may draw both at once"
    page.evaluate("loupeFrames.length = 0")
    page.locator(".st-key-gallery img").first.click(force=True)
    page.wait_for_selector("[role=dialog] .loupe-large")
    tab.settle()
    assert {alt for _, alt in page.evaluate("loupeFrames")} == {after[0]}, "nothing flickers where nothing changes"


def test_no_explanation_of_the_last_picture_stands_under_the_next(url: str, tab: Tab) -> None:
    """A click on a neighbour opens it in the place of the picture; "More like this" leads to the hits."""
    page = tab.page
    tab.go(f"{url}/?q=animal")
    page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    page.locator(".st-key-gallery img").first.click(force=True)
    page.wait_for_selector("[role=dialog] .loupe-heat img")
    tab.settle()
    name = page.get_attribute(".loupe-heat img", "src").rpartition("/")[2]
    page.evaluate(WATCH, [[".loupe-large img", "style"], [".loupe-heat img", "src"]])
    page.locator('[role=dialog] [class*="st-key-go-near-"] button').nth(1).click()
    page.wait_for_function(f"!document.querySelector('.loupe-large img')?.style.backgroundImage.includes('{name}')")
    page.wait_for_selector("[role=dialog] .loupe-heat img")
    tab.settle()
    beside_the_next = [heat for style, heat in page.evaluate("loupeFrames") if style and name not in style]
    assert beside_the_next and not any(name in (heat or "") for heat in beside_the_next)
    page.click(".st-key-detail-like button")
    page.wait_for_url("**like=**")
    tab.settle()
    assert page.locator("[role=dialog]").count() == 0
