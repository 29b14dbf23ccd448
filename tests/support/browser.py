"""Pages in a real Chromium, where there is one: tests that ask for `open_page` are skipped elsewhere."""

import shutil

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WAIT = 30_000  # milliseconds: a busy machine may stand still for a while


@pytest.fixture(scope="session")
def chromium():
    """A browser without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium to open the page in (Debian: apt install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """`open_page(url, width=390, color_scheme="dark")` opens a page of ours, ready to use.

    The test fails when the page says anything on its console, throws, or asks for what its own address does not serve.
    """
    contexts, complaints = [], []

    def open_it(url: str, width: int = 1280, height: int = 900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        home = url.split("#")[0].rstrip("/")
        own = (home, "blob:", "data:")
        page.on("request", lambda request: request.url.startswith(own) or complaints.append(request.url))
        page.goto(url)
        page.wait_for_selector("html[data-ready]", state="attached")
        return page

    open_it.complaints = complaints  # a test that provokes some takes them out
    yield open_it
    for context in contexts:
        context.close()
    assert not complaints, complaints
