"""Makes the README's pictures from a real run: `make pictures` (needs Chromium)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from playwright.async_api import Page, async_playwright

from demo.client import ApiClient
from demo.stack import Stack, choose_port

HERE = Path(__file__).parent
DATA = HERE.parent / "examples" / "data" / "penguins.csv"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


async def main() -> None:
    """Run the system, send a file by the page, and take a picture of the report and of its trace."""
    async with Stack(choose_port(0)) as stack, async_playwright() as playwright:
        async with ApiClient(stack.url) as api:
            await api.wait_until_ready()
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = await browser.new_page(viewport={"width": 1100, "height": 860}, device_scale_factor=1.5)
        await _report(page, stack.url)
        link = page.get_by_role("link", name="trace")
        trace_page = str(await link.get_attribute("href"))
        await page.screenshot(path=HERE / "report.png")
        while not stack.receiver.trace(trace_page.rsplit("/", 1)[-1]).complete:  # noqa: ASYNC110 - spans come in threads
            await asyncio.sleep(0.1)
        await page.goto(trace_page)
        await page.screenshot(path=HERE / "trace.png")
        await browser.close()


async def _report(page: Page, url: str) -> None:
    await page.goto(url)
    await page.set_input_files("input[type=file]", DATA)
    await page.get_by_role("link", name="trace").wait_for()
    await page.locator("img, svg").last.wait_for()
    await page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    asyncio.run(main())
