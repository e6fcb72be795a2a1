"""A frame that is not kept at full size, in a pane: small, its face, all of it on zoom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.test_review_parts import address

__all__ = ["address"]
pytestmark = [pytest.mark.browser]


@pytest.fixture
def run(page: Any, address: str) -> Any:
    """Return a function that runs JavaScript with the module as `it`, in a page with a body."""
    page.goto(f"{address}/review/")

    def ask(code: str, lacking: list[str]) -> Any:
        return page.evaluate(
            "async (lacking) => { const it = await import('/review/sharper.js');"
            f" {PICTURES} {code} }}",
            lacking,
        )

    return ask


PICTURES = """
const drawn = async (width, height) => {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d').fillRect(0, 0, width, height);
  return canvas.convertToBlob({ type: 'image/png' });
};
const image = async (width, height) => {
  const made = new Image();
  made.src = URL.createObjectURL(await drawn(width, height));
  await made.decode();
  return made;
};
const asked = [];
const parts = { still: [1920, 1080], face: [200, 100] };
window.fetch = async (address) => {
  const kind = address.split('/')[0];
  asked.push(address);
  if (lacking.includes(kind)) {
    return new Response(JSON.stringify({ detail: 'clip.mp4: is gone' }), { status: 404 });
  }
  return new Response(await drawn(...parts[kind]), { headers: { 'x-place': '480 270 680 370' } });
};
const { Pane } = await import('/review/pane.js');
const pane = new Pane();
pane.el.style.cssText = 'position: relative; width: 800px; height: 450px';
document.body.append(pane.el);
pane.sharper = new it.Sharper({ url: (path) => path, table: { frameId: [41, 42] } }, pane);
const about = (row) => ({ row, size: { width: 1920, height: 1080 }, label: 'one' });
const until = async (true_) => { while (!true_()) await new Promise((go) => setTimeout(go, 10)); };
const shown = () => [...pane.holder.children].map((one) => one.naturalWidth);
"""


def test_the_face_comes_at_once_and_the_rest_when_somebody_zooms(run: Any) -> None:
    told = run(
        """
        pane.show(await image(640, 360), about(1));
        await until(() => shown().length === 2);
        const { left } = pane.holder.lastChild.style;
        const before = { size: { ...pane.size }, shown: shown(), left };
        pane.toggle();
        await until(() => shown()[0] === 1920);
        pane.setZoom({ ...pane.zoom });
        return { before, after: shown(), asked, size: { ...pane.size } };
        """,
        [],
    )  # fmt: skip
    assert told["before"] == {
        "size": {"width": 1920, "height": 1080}, "shown": [640, 200], "left": "25%",
    }  # fmt: skip
    assert told["after"] == [1920] and told["asked"] == ["face/42", "still/42"]
    assert told["size"] == {"width": 1920, "height": 1080}


def test_a_video_that_is_gone_is_said_and_a_whole_picture_asks_for_nothing(run: Any) -> None:
    told = run(
        """
        pane.show(await image(1920, 1080), about(0));
        pane.toggle();
        const whole = asked.length;
        pane.show(await image(640, 360), about(0));
        await until(() => !pane.note.hidden);
        return { whole, note: pane.note.textContent, shown: shown() };
        """,
        ["still", "face"],
    )  # fmt: skip
    assert told["whole"] == 0 and told["shown"] == [640]
    assert told["note"] == "Only a small picture: clip.mp4: is gone"
