"""A session on Discover in a real browser: thumbs, keys, why, the way over the search page, a shared address."""

import pytest

from tests.app.browser import OpenTab, Tab


def thumb(tab: Tab, title: str, name: str) -> None:
    tile = tab.page.locator('[class*="st-key-tile-"]', has=tab.page.locator(f'img[alt="{title}"]')).first
    tile.locator(f'[class*="st-key-thumb-{name}-"] button:visible').first.click()
    tab.settle()


def shown(tab: Tab) -> list[str]:
    return list(tab.page.eval_on_selector_all(".loupe-tile > img", "images => images.map(image => image.alt)"))


def judged(tab: Tab) -> list[str]:
    return list(tab.page.eval_on_selector_all(".loupe-judged", "images => images.map(image => image.alt)"))


def test_a_session_in_the_browser(url: str, tab: Tab, open_tab: OpenTab) -> None:
    page = tab.page
    tab.go(url)
    tab.click('[data-testid="stTopNavLink"]:has-text("Discover")')
    page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    start = shown(tab)
    assert len(start) == len(set(start)) == 24

    thumb(tab, start[7], "up")
    page.wait_for_selector(".loupe-judged")
    assert judged(tab) == [start[7]]
    assert shown(tab) != start and "like=" in page.url

    first = shown(tab)[0]
    page.keyboard.press("ArrowRight")
    page.locator('[class*="st-key-tile-"] [class*="st-key-open-"] button').first.focus()
    page.keyboard.press("l")
    page.wait_for_function("document.querySelectorAll('.loupe-judged').length === 2")
    tab.settle()
    assert judged(tab)[0] == first

    why = page.locator("details.loupe-why").first
    assert "like “" in why.locator("summary").inner_text()
    why.locator("summary").press("Enter")  # a tooltip of the focused tile may stand where a mouse would click
    assert why.locator("table").is_visible() and "Together" in why.locator("table").inner_text()

    page.locator('[class*="st-key-see-"] button').first.focus()
    page.locator(".loupe-judged").first.click(force=True)  # its button lies over it
    page.wait_for_selector("[role=dialog] img")
    page.keyboard.press("Escape")
    page.wait_for_selector("[role=dialog]", state="detached")
    tab.settle()
    suggested, liked = shown(tab), judged(tab)

    other = open_tab()
    other.go(page.url)
    other.page.wait_for_selector(".loupe-judged")
    other.settle()
    assert shown(other) == suggested and judged(other) == liked

    tab.click('[data-testid="stTopNavLink"]:has-text("Search")')
    page.fill(".st-key-words input", "a castle")
    page.keyboard.press("Enter")
    page.wait_for_selector('.st-key-gallery img[alt*="castle"]')
    tab.settle()
    count = page.inner_text(".st-key-count")
    title = shown(tab)[0]
    thumb(tab, title, "down")
    page.wait_for_selector('[class*="st-key-thumb-down-"] button[kind="primary"]')
    assert page.inner_text(".st-key-count") == count  # the milliseconds too: nothing was searched again

    tab.click('[data-testid="stTopNavLink"]:has-text("Discover")')
    page.wait_for_selector(".loupe-judged.loupe-disliked")
    assert judged(tab) == [*liked, title]
    assert tab.problems == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(url: str, open_tab: OpenTab, width: int) -> None:
    tab = open_tab(width)
    tab.go(f"{url}/discover")
    tab.page.wait_for_selector(".st-key-gallery img")
    tab.settle()
    thumb(tab, shown(tab)[0], "up")
    tab.page.wait_for_selector(".loupe-judged")
    tab.page.locator("details.loupe-why summary").first.press("Enter")
    table = tab.page.locator("details.loupe-why table").first.bounding_box()
    assert table["x"] >= 0 and table["x"] + table["width"] <= width
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
