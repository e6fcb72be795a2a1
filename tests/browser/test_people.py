"""Who is who in the browser: names, merging, telling apart, consent, a photo's face."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from curation.studio import Studio
from tests.browser.conftest import Seen, Server
from tests.browser.test_review_access import violations
from tests.headless.toolkit_cases import face_frames

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect


def known(server: Server) -> dict[str, dict[str, Any]]:
    """Return people by name as the catalogue has them; those without a name by number."""
    studio = Studio(server.datastore)
    try:
        return {row["name"] or str(row["number"]): row for row in studio.people()["people"]}
    finally:
        studio.close()


def test_named_merged_told_apart_by_keyboard(page: Any, own_server: Server) -> None:
    seen = Seen(page, own_server.url)
    before = known(own_server)
    desk = Desk(page, own_server.url, own_server.datastore).open()
    panel = page.get_by_role("region", name="People")
    panel.get_by_role("button", name="Show who is who").click()
    chips = panel.get_by_role("listitem")
    expect(chips).to_have_count(min(len(before), 8))
    faces = panel.locator(".pp-face img")
    expect(faces).to_have_count(min(len(before), 8))
    first, second = list(before.values())[:2]
    # Name, by keyboard alone.
    chips.nth(0).get_by_role("button").focus()
    desk.press("Enter")
    expect(panel.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Anna")
    desk.press("Enter")
    expect(panel).to_contain_text("Anna is who")
    expect(panel.get_by_role("button", name="Anna,")).to_have_attribute("aria-pressed", "true")
    assert known(own_server)["Anna"]["frames"] == first["frames"]
    panel.get_by_label("Consent").fill("signed on 1 May")
    desk.press("Enter")
    expect(panel).to_contain_text("Consent: signed on 1 May")
    assert known(own_server)["Anna"]["consent"] == "signed on 1 May"
    assert violations(page, "section[aria-label=People]") == []
    # Merge: the name stays, and their frames are those of both.
    panel.get_by_label("They are also").select_option(f"Person {second['number']}")
    expect(panel).to_contain_text("Two are one person")
    both = first["frames"] + second["frames"]
    assert known(own_server)["Anna"]["frames"] == both
    panel.get_by_role("button", name="Only their frames").click()
    desk.until("ws.view.count === given", both)
    # Frames that do not show her leave the view without a reload.
    gone = desk.frame
    desk.press("Alt+x")
    desk.until("ws.view.count < given && !ws.people.busy", both)
    expect(panel).to_contain_text("not show them")
    assert gone not in desk.frames()
    assert known(own_server)["Anna"]["frames"] == desk.count
    panel.get_by_role("button", name="Undo").click()
    desk.until("ws.view.count === given && !ws.people.busy", both)
    # By a drag, too; and all of it is there after a reload.
    third = panel.locator(".pp-one").nth(1)
    told = int(desk.read("ws.people.told.people[1].frames"))
    third.drag_to(panel.locator(".pp-one").nth(0))
    desk.until("ws.view.count === given", both + told)
    page.reload()
    desk.ready()
    expect(panel.get_by_role("button", name="Anna,")).to_contain_text(f"{both + told:,}")
    seen.nothing_bad()


def test_a_photo_finds_the_likest(
    page: Any, own_server: Server, sample_clips: list[Path], weights_dir: Path, tmp_path: Path
) -> None:
    seen = Seen(page, own_server.url)
    clip = next(path for path in sample_clips if "carphone" in path.name)
    image = Image.fromarray(face_frames(clip, 3)[1])
    photo = tmp_path / "photo.png"
    image.resize((1056, 864), Image.Resampling.LANCZOS).save(photo)
    desk = Desk(page, own_server.url, own_server.datastore).open()
    panel = page.get_by_role("region", name="People")
    panel.get_by_label("Find by a photo").set_input_files(photo)
    # The vectors here are made up: nobody in them is like a real face.
    expect(panel).to_contain_text("No track is like enough")
    desk.until("ws.view.where[0]?.title === 'Like the photo, likest first' && ws.view.count > 5")
    assert not list((own_server.datastore / "cache" / "reference").iterdir()), "it is not kept"
    desk.press("Escape")
    desk.until("ws.view.count === ws.table.n")
    seen.nothing_bad()
