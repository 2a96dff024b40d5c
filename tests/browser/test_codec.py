"""What a person sees in the Temporal UI: payloads through the codec server, and without it nothing but ciphertext."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from audit.payloads import ENCRYPTED
from tests.browser.conftest import PATIENCE_MS
from tests.stack.commands import answer, until
from workers.stack.ports import Ports, remembered
from workers.stack.specs import CODEC
from workers.stack.stack import Stack

pytestmark = pytest.mark.slow

CASE, MISSION = "CASE-1001", "refund-CASE-1001"
AMOUNT = "4200"
SHOWN = b64encode(ENCRYPTED).decode()
"""An encrypted payload's encoding, where nobody opened it."""
# Each line of the card is code there, with spaces that do not break.
CARD = re.compile(r"WILL\sBE\sSENT")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack on which a refund mission waits for people."""
    with Stack(tmp_path_factory.mktemp("stack")) as running:
        answer("start", "refund", "--input", json.dumps({"case_id": CASE}), "--data", str(running.data))
        until(lambda: len(answer("queue", "--data", str(running.data))["items"]) == 1)
        yield running


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of its own: nothing is remembered from another."""
    context = browser.new_context(viewport={"width": 1500, "height": 1300})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def without_codec(stack: Stack) -> Iterator[None]:
    """The codec server is gone for a while."""
    stack.kill(CODEC)
    yield
    stack.restart(CODEC)


def mission_page(stack: Stack, tab: str = "timeline") -> str:
    """The mission in the Temporal UI."""
    return f"{stack.profile.ui}/namespaces/default/workflows/{MISSION}/{run_id(stack)}/{tab}"


def run_id(stack: Stack) -> str:
    """Of the mission."""
    return str(answer("rail", MISSION, "--data", str(stack.data))["run_id"])


def ports(stack: Stack) -> Ports:
    """Where the stack listens."""
    found = remembered(stack.data)
    assert found is not None
    return found


def told(stack: Stack) -> list[dict[str, object]]:
    """What the codec server wrote down."""
    return [json.loads(line) for line in (stack.data / "logs" / "codec.log").read_text().splitlines()]


def test_ui_shows_the_mission_in_clear(stack: Stack, page: Page) -> None:
    """Input and summaries come out of the history, opened by the codec server."""
    page.goto(mission_page(stack))
    expect(page.get_by_text(f'"{CASE}"').first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("orders.get_case").first).to_be_visible(timeout=PATIENCE_MS)
    assert "binary/encrypted" not in page.inner_text("body")


def test_ui_shows_the_card_and_who_had_it_opened_is_written_down(stack: Stack, page: Page) -> None:
    """The card is the answer of a query, which is encrypted on its way too."""
    page.goto(mission_page(stack, "user-metadata"))
    # The UI renders Markdown in a frame of its own.
    card = page.frame_locator("iframe").first.locator("body")
    expect(card).to_contain_text(CARD, timeout=PATIENCE_MS)
    assert AMOUNT in card.inner_text()
    opened = [line for line in told(stack) if line["event"] == "codec.decoded" and line["encrypted"]]
    assert {(line["who"], line["namespace"], line["origin"]) for line in opened} == {
        ("temporal-ui", "default", ports(stack).url("ui"))
    }


@pytest.mark.usefixtures("without_codec")
def test_without_the_codec_server_the_ui_shows_nothing(stack: Stack, page: Page) -> None:
    """The negative control: what the tests above saw was opened by it."""
    page.goto(mission_page(stack))
    expect(page.get_by_text(SHOWN).first).to_be_visible(timeout=PATIENCE_MS)
    seen = page.inner_text("body")
    assert f'"{CASE}"' not in seen and "orders.get_case" not in seen


ASK = """async ([url, token]) => {
    const headers = {"content-type": "application/json", "x-namespace": "default", "authorization": `Bearer ${token}`};
    try { return (await fetch(`${url}/decode`, {method: "POST", headers, body: '{"payloads": []}'})).status; }
    catch (error) { return `${error}`; }
}"""


def test_page_of_another_origin_is_not_answered_though_it_has_the_token(stack: Stack, page: Page) -> None:
    """The browser keeps a stranger's page from asking; the UI's own may."""
    found, token = ports(stack), (stack.data / "secrets" / "codec-token").read_text()
    answers = []
    for place in (f"{found.url('issuer')}/healthz", found.url("ui")):
        page.goto(place)
        answers.append(page.evaluate(ASK, [found.url("codec"), token]))
    assert answers == ["TypeError: Failed to fetch", 200]


def test_decision_pasted_into_the_ui_is_encrypted_and_counts(stack: Stack, page: Page) -> None:
    """`sayso sign` prints it, a person pastes it, the UI has it encrypted before the server sees it."""
    where = ("--data", str(stack.data))
    (waiting,) = answer("queue", *where)["items"]
    signed = answer("sign", waiting["proposal_id"], "--verdict", "approve", "--as", "sam", *where)
    page.goto(mission_page(stack))
    page.get_by_role("button", name="More Actions").click()
    page.get_by_role("menuitem", name="Send a Signal").click()
    dialog = page.get_by_role("dialog", name="Send a Signal")
    dialog.get_by_role("button", name="Select a signal").click()
    dialog.get_by_role("option", name="Custom").click()
    dialog.get_by_label("Signal name").last.fill("decide")
    dialog.get_by_role("textbox", name="Data").fill(json.dumps(signed["payload"]))
    dialog.get_by_role("button", name="Submit").click()
    expect(dialog).to_be_hidden(timeout=PATIENCE_MS)
    until(lambda: answer("queue", *where)["items"] == [])
    sent = next(filter(None, (event.get("workflowExecutionSignaledEventAttributes") for event in stored(stack, page))))
    assert (sent["signalName"], sent["input"]["payloads"][0]["metadata"]["encoding"]) == ("decide", SHOWN)
    assert [line["who"] for line in told(stack) if line["event"] == "codec.encoded"] == ["temporal-ui"]


def stored(stack: Stack, page: Page) -> list[dict[str, Any]]:
    """The mission's events as the server has them, by its own HTTP API."""
    answer = page.request.get(f"{stack.profile.ui}/api/v1/namespaces/default/workflows/{MISSION}/history")
    events: list[dict[str, Any]] = answer.json()["history"]["events"]
    return events
