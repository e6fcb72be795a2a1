"""What the review workspace reads is what the catalogue holds, and is made once a revision."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from curation.store.columns import load
from curation.store.marks import MarkTable
from curation.studio import Studio
from curation.web.blobs import decode, encode
from curation.web.helper import Match
from curation.web.trials import METERS
from tests.web.conftest import site_of


def table_of(client: TestClient) -> tuple[dict, dict]:  # type: ignore[type-arg]
    reply = client.get("/api/review/table")
    assert reply.status_code == 200, reply.text
    return decode(reply.content)


def test_columns_survive_the_wire() -> None:
    given = {
        "a": np.array([1, 2, 3], np.uint8),
        "b": np.array([0.5, np.nan, -1], np.float32),
        "c": np.zeros(0, np.int32),
    }
    header, columns = decode(encode({"x": "é"}, given))
    assert header["x"] == "é"
    assert all(one["offset"] % 8 == 0 for one in header["columns"])
    for name, values in given.items():
        np.testing.assert_array_equal(columns[name], values)
        assert columns[name].dtype == values.dtype


def test_rows_are_the_stored_frames_in_order(client: TestClient) -> None:
    header, table = table_of(client)
    site = site_of(client)
    stored = list(site.studio.videos.frames())
    assert table["frame_id"].tolist() == [frame.id for frame in stored]
    assert header["frames"] == len(stored) > 5
    np.testing.assert_allclose(table["time_s"], [frame.time_s for frame in stored], rtol=1e-6)
    assert set(table["width"].tolist()) == {320}
    loaded = load(site.studio.catalogue)
    shots = dict(zip(loaded["frame_id"].tolist(), loaded["shot"].tolist(), strict=True))
    assert table["shot"].tolist() == [shots[frame.id] for frame in stored]
    assert [header["videos"][v]["name"] for v in table["video"]] == ["cuts.mp4"] * len(stored)


def test_decisions_are_those_of_the_catalogue(client: TestClient) -> None:
    header, table = table_of(client)
    rows = {row["frame_id"]: row for row in site_of(client).studio.decisions.each()}
    for i, frame_id in enumerate(table["frame_id"].tolist()):
        row = rows[frame_id]
        assert header["pools"][table["pool"][i]] == row["pool"]
        assert header["verdicts"][table["verdict"][i]] == row["verdict"]
        assert header["reasons"][table["reason"][i]]["code"] == row["reason"]
        assert table["rank"][i] == (row["rank"] or 0)
        score = table["score"][i]
        assert np.isnan(score) if row["score"] is None else abs(score - row["score"]) < 1e-6
        keeper = table["keeper"][i]
        assert (keeper < 0) == (row["keeper"] is None)
        if keeper >= 0:
            assert table["frame_id"][keeper] == row["keeper"]


def test_a_version_names_its_picture(client: TestClient) -> None:
    _, table = table_of(client)
    frame_id, version = int(table["frame_id"][3]), f"{table['version'][3]:08x}"
    for kind in ("thumb", "frame"):
        reply = client.get(f"/{kind}/{frame_id}?v={version}")
        assert reply.status_code == 200
        assert "immutable" in reply.headers["cache-control"]


def test_the_table_is_made_once_and_again_when_something_changed(
    client: TestClient, filled: Path
) -> None:
    first = client.get("/api/review/table")
    (made,) = (filled / "cache" / "review").glob("table-*")
    stamp = made.stat().st_mtime_ns
    again = client.get("/api/review/table", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert client.get("/api/review/table").content == first.content
    assert made.stat().st_mtime_ns == stamp
    studio = Studio(filled)
    for _ in studio.rank():
        pass
    changed = client.get("/api/review/table")
    assert changed.headers["etag"] != first.headers["etag"]
    told = client.get("/api/review/revision").json()
    assert told["revision"] == decode(changed.content)[0]["revision"]
    studio.catalogue.db.execute("UPDATE frame SET sampled = 0 WHERE id = 1")
    fewer, _ = table_of(client)
    assert fewer["frames"] == decode(first.content)[0]["frames"] - 1


def test_marks_are_in_the_table(client: TestClient, filled: Path) -> None:
    header, table = table_of(client)
    frame_id = int(table["frame_id"][2])
    studio = Studio(filled)
    with studio.catalogue.transaction() as db:
        db.execute(
            "INSERT INTO review (frame_id, flag, stars, label, note, revision)"
            " VALUES (?, -1, 4, 2, 'x', 1)",
            (frame_id,),
        )
    studio.catalogue.remember("marks.revision", header["marks_revision"] + 1)
    header, table = table_of(client)
    assert header["marks_revision"] == MarkTable(studio.catalogue).revision()
    marks = [table[name][2] for name in ("flag", "stars", "label", "noted")]
    assert marks == [-1, 4, 2, 1]
    assert table["flag"].tolist().count(0) == header["frames"] - 1
    found = site_of(client).review.ask(Match({"where": [{"column": "flag", "in": [-1]}]}))
    assert found.tolist() == [frame_id]


def test_every_listed_measure_is_served(client: TestClient) -> None:
    header, table = table_of(client)
    columns = load(site_of(client).studio.catalogue)
    where = {frame_id: i for i, frame_id in enumerate(columns["frame_id"].tolist())}
    rows = [where[frame_id] for frame_id in table["frame_id"].tolist()]
    names = [one["name"] for one in header["measures"]]
    assert {"focus_s", "eye_open", "sharpness"} <= set(names)
    assert "phash" not in names
    for name in names:
        reply = client.get(f"/api/review/measures/{name}")
        values = np.frombuffer(reply.content, "<f4")
        assert len(values) == header["frames"]
        source = next(one["group"] for one in header["measures"] if one["name"] == name)
        if source != "Score" and name in columns:
            np.testing.assert_allclose(values, columns[name][rows].astype(np.float32))
    same = client.get(f"/api/review/measures/{name}", headers={
        "if-none-match": reply.headers["etag"]})
    assert same.status_code == 304


@pytest.mark.parametrize("name", ["nothing", "..%2f..%2fcatalog.sqlite", "frame_id", "phash"])
def test_what_is_no_measure_is_not_served(client: TestClient, name: str) -> None:
    reply = client.get(f"/api/review/measures/{name}")
    assert reply.status_code == 404


def test_thresholds_say_what_a_page_needs_to_judge(client: TestClient) -> None:
    header, table = table_of(client)
    listed = {one["param"]: one for one in header["thresholds"]}
    assert set(listed) <= {meter.param for meter in METERS}
    codes = [one["code"] for one in header["reasons"]]
    for one in listed.values():
        assert one["low"] <= one["value"] <= one["high"]
        assert set(one["codes"]) <= set(codes)
    focus = listed["min_focus"]
    assert (focus["column"], focus["least"], focus["codes"]) == ("focus_s", True, ["soft"])
    values = np.frombuffer(client.get("/api/review/measures/focus_s").content, "<f4")
    picked = table["verdict"] == header["verdicts"].index("picked")
    assert picked.any()
    assert (values[picked] >= focus["value"]).all()
    assert listed["false_face"]["equal_fails"]
    assert not focus["equal_fails"]


def test_an_empty_datastore_has_an_empty_table(empty_client: TestClient) -> None:
    header, table = table_of(empty_client)
    assert header["frames"] == 0
    assert all(len(column) == 0 for column in table.values())
    assert json.dumps(header)
