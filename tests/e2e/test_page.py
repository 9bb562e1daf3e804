"""The page in a real browser, before real processes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

    from demo.receiver import OtlpReceiver

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PENGUINS = Path(__file__).parents[2] / "examples" / "data" / "penguins.csv"
REFUSED = "Failed to load resource: the server responded with a status of 4"
SLOW_MS = 60_000


@pytest.fixture
def page(browser: Browser, api: httpx.Client) -> Iterator[Page]:
    """The page; afterwards, that nothing went wrong in it and that it asked no other host."""
    problems: list[str] = []
    hosts: set[str] = set()
    own = str(api.base_url)

    def listen(message: ConsoleMessage) -> None:
        # That an answer has a status of 4xx is logged by the browser itself, whatever a page makes of it.
        if message.type in {"error", "warning"} and not message.text.startswith(REFUSED):
            problems.append(message.text)

    context = browser.new_context()
    opened = context.new_page()
    opened.set_default_timeout(SLOW_MS)
    opened.on("console", listen)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    opened.goto(own)
    yield opened
    context.close()
    assert problems == []
    assert hosts == {urlsplit(own).netloc}


def upload(page: Page, text: str, name: str = "file.csv") -> None:
    page.get_by_label("Choose a CSV file").set_input_files(
        [{"name": name, "mimeType": "text/csv", "buffer": text.encode()}]
    )


def cells(page: Page, column: str) -> list[str]:
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=column, exact=True))
    return row.get_by_role("cell").all_inner_texts()


def test_a_file_becomes_a_report_with_charts(page: Page, otlp_receiver: OtlpReceiver) -> None:
    page.get_by_label("Choose a CSV file").set_input_files(PENGUINS)

    expect(page.get_by_role("status")).to_have_text("Complete, 100 %")
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 1)
    expect(page.get_by_role("heading", name="344 rows, 8 columns")).to_be_visible()
    assert cells(page, "body_mass_g")[:7] == ["integer", "342", "2", "94", "2700", "6300", "4201.7544"]
    top = cells(page, "species")[-1].splitlines()
    assert [(line.split()[0], line.split()[-1]) for line in top] == [
        ("Adelie", "152"),
        ("Gentoo", "124"),
        ("Chinstrap", "68"),
    ]
    charts = page.get_by_role("figure").get_by_role("img")
    expect(charts).to_have_count(8)
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        expect(chart).to_be_visible()
        page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=chart.element_handle())
    trace = page.get_by_role("link", name="trace").get_attribute("href")
    assert trace is not None
    assert trace.startswith(otlp_receiver.page(""))
    trace_id = trace.rsplit("/", 1)[1]
    otlp_receiver.wait_for(lambda spans: any(span.trace_id == trace_id for span in spans), timeout_s=60)


def test_progress_is_shown_while_it_is_made(page: Page) -> None:
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => seen.push(document.getElementById("status").textContent))
            .observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true });
    }""")
    header = ",".join(f"c{column}" for column in range(60))
    rows = "".join(",".join(f"{row * column / 7}" for column in range(60)) + "\n" for row in range(1500))

    for _ in range(5):  # who is held up meanwhile shows the end alone
        page.evaluate("seen.length = 0")
        upload(page, f"{header}\n{rows}")
        expect(page.get_by_role("heading", name="1,500 rows, 60 columns")).to_be_visible()
        seen = page.evaluate("seen")
        shares = [int(text.split()[-2]) for text in seen if text.endswith("%")]
        assert shares == sorted(shares)
        if len(set(shares)) > 3:
            break
    assert len(set(shares)) > 3
    assert any(text.startswith("Being analysed") for text in seen)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n3\n", "Row 3 has 1 cell where the header has 2"),
        ("", "The file is empty"),
        ("a,a\n1,2\n", "'a' twice"),
        ("a\n" + "1\n" * 1_000_000, "The file is larger than the 2000000 bytes"),
    ],
)
def test_an_error_is_shown_as_the_api_says_it(page: Page, text: str, sentence: str) -> None:
    upload(page, text)

    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_role("progressbar")).to_be_hidden()

    upload(page, "a,b\n1,2\n")

    expect(page.get_by_role("status")).to_have_text("Complete, 100 %")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_file_can_be_dropped(page: Page) -> None:
    page.evaluate("""() => {
        const input = document.getElementById("file");
        const data = new DataTransfer();
        data.items.add(new File(["a,b\\n1,x\\n"], "dropped.csv", { type: "text/csv" }));
        for (const name of ["dragenter", "dragover", "drop"]) {
            input.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
        }
    }""")

    expect(page.get_by_text("dropped.csv")).to_be_visible()
    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()


def test_what_a_file_says_is_text_and_nothing_else(page: Page) -> None:
    upload(page, "<b>n</b>,x\n<img src=x onerror=alert(1)>,18446744073709551615\n", "<i>file</i>.csv")

    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()
    expect(page.get_by_text("<i>file</i>.csv")).to_be_visible()
    assert cells(page, "<b>n</b>")[4] == "<img src=x onerror=alert(1)>"
    assert cells(page, "x")[4] == "18446744073709551615"


def test_a_file_that_is_chosen_at_once_keeps_its_name_and_gets_its_trace(page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/page/settings.json", lambda route: waiting.append(route))  # noqa: PLW0108 (it sets attributes on it)
    page.reload()

    upload(page, "a,b\n1,2\n", "early.csv")
    expect(page.get_by_role("status")).to_have_text("Complete, 100 %")
    with page.expect_response("**/page/settings.json"):
        waiting[0].continue_()

    expect(page.get_by_role("link", name="Its trace")).to_be_visible()
    expect(page.get_by_text("early.csv")).to_be_visible()


def test_settings_that_can_t_be_read_keep_nobody_from_a_report(page: Page) -> None:
    page.route("**/page/settings.json", lambda route: route.fulfill(body="no JSON"))
    page.reload()

    upload(page, "a,b\n1,2\n")

    expect(page.get_by_role("status")).to_have_text("Complete, 100 %")
    expect(page.get_by_role("link", name="This report")).to_be_visible()
    expect(page.get_by_role("link", name="Its trace")).to_be_hidden()


def test_a_report_whose_events_are_refused_is_followed_again(page: Page) -> None:
    looks: list[Route] = []
    refused: list[Route] = []

    def answer_that_it_runs(route: Route) -> None:
        looks.append(route)
        if len(looks) > 2:
            route.continue_()
        else:
            route.fulfill(json={**route.fetch().json(), "status": "running", "progress": 0.5})

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
        else:
            refused.append(route)
            route.fulfill(status=429)

    page.route("**/reports/*", answer_that_it_runs)
    page.route("**/reports/*/events", refuse_once)

    upload(page, "a,b\n1,2\n")

    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()
    assert refused


def test_a_file_takes_the_place_of_the_one_before_it(page: Page) -> None:
    waiting: list[Route] = []
    page.route("**/reports/*", lambda route: route.continue_() if waiting else waiting.append(route))
    with page.expect_request("**/reports/*"):
        upload(page, "a,b,c\n1,2,3\n", "first.csv")

    with page.expect_event("requestfailed") as given_up:
        upload(page, "a,b\n1,2\n", "second.csv")

    assert given_up.value == waiting[0].request
    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()
    expect(page.get_by_text("second.csv")).to_be_visible()


def test_a_report_has_an_address_of_its_own(page: Page) -> None:
    upload(page, "a,b\n1,2\n")
    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()
    address = page.url

    page.goto("about:blank")
    page.goto(address)
    expect(page.get_by_role("heading", name="1 row, 2 columns")).to_be_visible()

    page.goto(f"{address.split('#')[0]}#unknown")
    expect(page.get_by_role("alert")).to_have_text("There is no report of this id; it may have expired.")


def test_each_part_can_be_reached_by_its_name(page: Page) -> None:
    upload(page, "a,b\n1,2\n")
    expect(page.get_by_role("region", name="Figures of each column")).to_be_visible()

    assert page.evaluate("document.documentElement.lang") == "en"
    expect(page.get_by_role("progressbar", name="Progress of the report")).to_be_visible()
    expect(page.get_by_role("img", name="Frequencies of a")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_keeps_to_light_and_dark(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")

    colours = page.evaluate("""() => {
        const style = getComputedStyle(document.body);
        const sum = (parts) => parts.reduce((all, part) => all + Number(part), 0);
        const brightness = (colour) => sum(colour.match(/[0-9.]+/g).slice(0, 3));
        return [style.backgroundColor, style.color].map(brightness);
    }""")

    assert (colours[0] > colours[1]) is (scheme == "light")
