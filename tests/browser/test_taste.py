"""Rating in the browser: what to rate next, and a ranking that follows without a reload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from curation.learn.taste_metrics import spearman
from curation.studio import Studio
from tests.browser.conftest import Seen, Server
from tests.browser.test_review_access import violations
from tests.web.rater import Rater

pytestmark = [pytest.mark.browser, pytest.mark.slow]

reviewing = pytest.importorskip("tests.browser.reviewing")
Desk: Any = reviewing.Desk
expect: Any = reviewing.expect

BY_SCORE = """(() => {
const rows = Array.from(ws.view.order).filter((row) => ws.table.rank[row] > 0);
return rows.map((row) => ws.table.frameId[row]); })()"""


@pytest.fixture
def rater(own_server: Server) -> Iterator[Rater]:
    studio = Studio(own_server.datastore)
    yield Rater(studio, 1)
    studio.close()


def rate(desk: Any, rater: Rater, most: int) -> list[int]:
    """Rate proposals by keyboard until the batch or the patience ends; return the frames."""
    done: list[int] = []
    desk.press("Shift+A")
    desk.until("ws.mode === 'loupe' && ws.taste.rating && !ws.taste.busy")
    asked = desk.frames()
    for _ in range(min(most, len(asked))):
        frame = desk.frame
        assert frame == asked[len(done)], "a star goes on to the next frame"
        desk.press(str(rater.stars[frame]))
        done.append(frame)
    desk.saved()
    return done


def foreseen(desk: Any, rater: Rater, without: list[int]) -> float:
    """Return how the scores of the page go with what frames are worth to the rater."""
    told = desk.read("[Array.from(ws.table.frameId), Array.from(ws.table.score, (s) => isFinite(s)"
                     " ? s : null)]")
    kept = [(score, rater.worth[frame]) for frame, score in zip(*told, strict=True)
            if score is not None and frame in rater.worth and frame not in without]
    scores, worth = np.array(kept).T
    return spearman(scores, worth)


def test_thirty_ratings_move_the_ranking_without_a_reload(
    page: Any, own_server: Server, rater: Rater
) -> None:
    seen = Seen(page, own_server.url)
    desk = Desk(page, own_server.url, own_server.datastore).open("sort=-score")
    panel = page.get_by_role("region", name="Taste")
    expect(panel).to_contain_text("10 more and the score follows them")
    before, score = desk.read(BY_SCORE), foreseen(desk, rater, [])
    page.evaluate(f"() => {{ {reviewing.WS}.untouched = true; }}")
    rated: list[int] = []
    kinds: list[str] = []
    for most in (12, 12, 6):
        rated += rate(desk, rater, most)
        kinds += desk.read("[...ws.taste.asked.about.values()].map((one) => one.kind)")
    assert len(set(rated)) == 30
    assert desk.stored("stars", rated) == [rater.stars[frame] for frame in rated]
    assert kinds.count("random") == 12 and kinds.count("uncertain") == 24
    expect(panel).to_contain_text("6 rated")
    # Escape leaves the loupe, then the frames to rate; the rest of them is not asked for.
    desk.press("Escape", "Escape")
    desk.until("!ws.taste.asked && ws.view.sort[0]?.column === 'score'")
    desk.until("ws.taste.told.ratings === 30 && !ws.taste.moving && !ws.taste.rated.size")
    expect(panel).to_contain_text("30 frames are rated. The score follows them")
    expect(panel).to_contain_text("Your ratings moved")
    after = desk.read(BY_SCORE)
    assert desk.read("ws.untouched"), "the page was not loaded again"
    assert after != before
    scores = desk.read("Array.from(ws.view.order, (row) => ws.table.score[row]).filter(isFinite)")
    assert scores == sorted(scores, reverse=True)
    now = foreseen(desk, rater, rated)
    assert now > score + 0.1 and now > 0.3, (score, now)
    # What came into the top can be looked at.
    if panel.get_by_role("button", name="Show what came in").is_visible():
        panel.get_by_role("button", name="Show what came in").click()
        desk.until("ws.mode === 'grid' && ws.view.count === ws.taste.came.length")
        desk.press("Escape")
        desk.until("ws.view.sort[0]?.column === 'score'")
    # The page is what a rank makes of it, to the last digit.
    live = dict(zip(*desk.read("[Array.from(ws.table.frameId), Array.from(ws.table.rank)]"),
                    strict=True))
    panel.get_by_role("button", name="Rank with it").click()
    expect(panel).to_contain_text("The ranking on disk follows your ratings")
    picks = rater.studio.decisions.page(verdict="picked", order="rank", limit=100_000)
    assert {row["frame_id"]: row["rank"] for row in picks} == {
        frame: rank for frame, rank in live.items() if rank}
    seen.nothing_bad()


def test_learn_measure_and_promote_a_scorer(page: Any, own_server: Server, rater: Rater) -> None:
    seen = Seen(page, own_server.url)
    rater.rate(rater.some(150))
    desk = Desk(page, own_server.url, own_server.datastore).open()
    panel = page.get_by_role("region", name="Taste")
    expect(panel).to_contain_text("150 frames are rated")
    panel.get_by_text("Scorers").click()
    panel.get_by_role("button", name="Learn a scorer").click()
    expect(panel).to_contain_text("Learned the scorer taste-1")
    panel.get_by_text("How well it foresees you").click()
    expect(panel.get_by_role("img", name="Rank correlation by number of ratings")).to_be_visible()
    expect(panel.get_by_role("img", name="How often you keep")).to_be_visible()
    page.wait_for_function("""() => [...document.querySelectorAll('.lr-chart')].filter((canvas) =>
      canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data
        .some((value) => value)).length === 2""")
    expect(panel).to_contain_text("NDCG")
    assert violations(page, "section[aria-label=Taste]") == []
    panel.get_by_role("button", name="Promote taste-1").click()
    expect(panel).to_contain_text("The scorer taste-1 is in use")
    expect(panel).to_contain_text("in use")
    panel.get_by_label("Ratings count at once").uncheck()
    desk.until("ws.taste.told.live === false")
    page.reload()
    desk.ready()
    expect(panel).to_contain_text("The scorer taste-1 is in use.")
    desk.until("ws.taste.told.judged.curve['100'] > 0")
    seen.nothing_bad()
