"""What the review workspace reads is what the catalogue holds, and is made once a revision."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from starlette.testclient import TestClient

from curation.decide.meters import METERS
from curation.errors import CurationError
from curation.params import RankParams
from curation.store.columns import load
from curation.store.marks import MarkTable
from curation.studio import Studio
from curation.web.blobs import decode, encode
from curation.web.forked import Superseded, in_fork
from curation.web.helper import Match
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
    assert (focus["column"], focus["least"], focus["codes"]) == ("face_focus", True, ["soft"])
    values = np.frombuffer(client.get("/api/review/measures/face_focus").content, "<f4")
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


def test_tried_thresholds_decide_as_the_ranking_would(client: TestClient, filled: Path) -> None:
    before, stored = table_of(client)
    same, columns = decode(client.post("/api/review/decide", json={"params": {}}).content)
    assert same["revision"] == before["revision"]
    for name in ("pool", "verdict", "reason", "rank", "keeper"):
        np.testing.assert_array_equal(columns[name], stored[name])
    tried = {"min_focus": 0.4, "per_video": 2}
    reply = client.post("/api/review/decide", json={"params": tried, "client": "a"})
    told, columns = decode(reply.content)
    table = table_of(client)[1]
    np.testing.assert_array_equal(table["verdict"], stored["verdict"])  # nothing is written
    studio = Studio(filled)
    for _ in studio.rank(RankParams(**tried)):
        pass
    after, stored = table_of(client)
    for name in ("pool", "verdict", "reason", "rank", "keeper"):
        np.testing.assert_array_equal(columns[name], stored[name])
    np.testing.assert_allclose(columns["score"], stored["score"], rtol=1e-6)
    picked = stored["verdict"] == after["verdicts"].index("picked")
    assert sum(told["picked"].values()) == picked.sum()
    bare = client.post("/api/review/decide", json=tried)
    assert decode(bare.content)[0]["picked"] == told["picked"]


def test_applied_marks_stand_whatever_the_thresholds(client: TestClient, filled: Path) -> None:
    header, table = table_of(client)
    picked = header["verdicts"].index("picked")
    out, into = (int(np.flatnonzero(mask)[0]) for mask in (
        table["verdict"] == picked, (table["verdict"] != picked) & (table["pool"] == 0)))
    ops = [{"id": str(i), "kind": "flag", "value": flag, "frames": [int(table["frame_id"][row])]}
           for i, (row, flag) in enumerate(((out, -1), (into, 1)))]
    assert client.post("/api/review/ops", json={"client": "a", "ops": ops}).status_code == 200
    studio = Studio(filled)
    for _ in studio.apply():
        pass
    after, stored = table_of(client)
    codes = [one["code"] for one in after["reasons"]]
    assert codes[stored["reason"][into]] == "picked_by_hand"
    columns = decode(client.post("/api/review/decide", json={"params": {}}).content)[1]
    for name in ("pool", "verdict", "reason", "rank"):
        np.testing.assert_array_equal(columns[name], stored[name])


def test_a_threshold_out_of_range_is_refused_in_words(client: TestClient) -> None:
    reply = client.post("/api/review/decide", json={"params": {"min_focus": 99}})
    assert reply.status_code == 422
    assert "min-focus" in reply.json()["detail"]


def test_of_one_page_the_newest_question_wins(client: TestClient) -> None:
    client.post("/api/review/decide", json={"params": {}})
    (worker,) = site_of(client).trials._pool._workers
    os.kill(worker.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor(4) as asking:
        def ask(focus: float) -> Any:
            body = {"params": {"min_focus": focus}, "client": "a"}
            return client.post("/api/review/decide", json=body)

        running = asking.submit(ask, 0.1)
        while not worker.busy:
            time.sleep(0.01)
        old = asking.submit(ask, 0.2)
        while not site_of(client).trials._thread._work_queue.qsize():
            time.sleep(0.01)
        new = asking.submit(ask, 0.3)
        assert old.result().status_code == 409
        os.kill(worker.process.pid, signal.SIGCONT)
        assert new.result().status_code == 200
        assert running.result().status_code == 409


def test_work_in_a_fork_answers_fails_ends_and_dies() -> None:
    assert in_fork(lambda: bytes(3_000_000), lambda: False) == bytes(3_000_000)

    def fail() -> bytes:
        raise CurationError("no way")

    with pytest.raises(CurationError, match="no way"):
        in_fork(fail, lambda: False)
    with pytest.raises(Superseded):  # of a fork that never ends by itself
        in_fork(lambda: signal.pause() or b"", lambda: True)
    with pytest.raises(CurationError, match="has died"):
        in_fork(lambda: os.kill(os.getpid(), signal.SIGKILL) or b"", lambda: False)


def test_a_frame_is_told_whole(client: TestClient) -> None:
    header, table = table_of(client)
    frame_id = int(table["frame_id"][4])
    told = client.get(f"/api/review/look/{frame_id}").json()
    row = next(row for row in site_of(client).studio.decisions.each()
               if row["frame_id"] == frame_id)
    assert told["file"] == Path(row["file"]).name
    assert (told["video"], told["pts"], told["width"]) == ("cuts.mp4", row["pts"], 320)
    assert (told["pool"], told["code"], told["reason"]) == (
        row["pool"], row["reason"], row["detail"])
    assert told["measures"]["n_faces"] == 1
    assert (told["note"], told["tags"], told["history"]) == ("", [], [])
    assert client.get("/api/review/look/999999").status_code == 404
    assert header


def test_boxes_are_shares_of_the_picture(client: TestClient) -> None:
    catalogue = site_of(client).studio.catalogue
    points = np.array([[160, 90, 0.5, 7]], "<f4")
    with catalogue.transaction() as db:
        db.execute(
            "INSERT INTO box VALUES (1, 'pose', 0, 'pose', 0, 0, 160, 180, 0.75, ?, 4, NULL)",
            (points.tobytes(),),
        )
    (box,) = client.get("/api/review/look/1").json()["boxes"]
    assert box["xyxy"] == [0, 0, 0.5, 1]
    assert box["keypoints"] == [[0.5, 0.5, 0.5]]
    assert (box["step"], box["score"]) == ("pose", 0.75)


def test_a_clip_plays_the_seconds_around_a_frame(client: TestClient) -> None:
    _, table = table_of(client)
    frame_id = int(table["frame_id"][3])
    reply = client.get(f"/clip/{frame_id}")
    assert reply.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(reply.content)) as clip:
        (stream,) = clip.streams
        frames = list(clip.decode(stream))
        assert stream.codec_context.name == "h264"
        assert (frames[0].width, frames[0].height) == (320, 180)
    length_s = float(frames[-1].time - frames[0].time)
    at_s = float(table["time_s"][3])
    assert length_s == pytest.approx(min(at_s, 2) + 2, abs=0.2)
    part = client.get(f"/clip/{frame_id}", headers={"range": "bytes=0-9"})
    assert part.status_code == 206
    assert part.content == reply.content[:10]


def test_a_clip_of_a_video_that_is_gone_says_so(client: TestClient, filled: Path) -> None:
    (filled / "videos_folder_1" / "cuts.mp4").unlink()
    reply = client.get("/clip/1")
    assert reply.status_code == 404
    assert "cuts.mp4" in reply.json()["detail"]
    assert client.get("/clip/999999").status_code == 404


def deal_vectors(client: TestClient) -> tuple[list[int], Any]:
    """Give each frame a look on a circle; odd ones one pose, even ones one that bends away."""
    catalogue = site_of(client).studio.catalogue
    ids = [frame.id for frame in site_of(client).studio.videos.frames()]
    turn = np.linspace(0, 3, len(ids))
    looks = np.stack([np.cos(turn), np.sin(turn), 0 * turn, 0 * turn], 1).astype("<f2")
    figure = np.random.default_rng(3).normal(size=(33, 2))
    with catalogue.transaction() as db:
        db.execute("CREATE TABLE signal_appearance (frame_id INTEGER PRIMARY KEY, run INTEGER,"
                   " error TEXT, appearance BLOB, pose_shape BLOB, joints_seen INTEGER)")
        db.execute("INSERT INTO step_run (step, fp, version, params)"
                   " VALUES ('appearance', 'x', '1', '{}')")
        for i, frame_id in enumerate(ids):
            leaning = figure + 0.1 * i * np.sin(np.arange(66)).reshape(33, 2)
            pose = (2.0 * figure + i if i % 2 else leaning).astype("<f2")
            db.execute("INSERT INTO signal_appearance VALUES (?, 1, NULL, ?, ?, ?)",
                       (frame_id, looks[i].tobytes() if i else None, pose.tobytes(), 2**33 - 1))
    return ids, turn


def test_near_frames_come_nearest_first(client: TestClient) -> None:
    ids, turn = deal_vectors(client)
    reply = client.get(f"/api/review/near/{ids[5]}?by=appearance&count=4").json()
    assert sorted(reply["frames"]) == sorted(ids[3:5] + ids[6:8])
    assert reply["distance"] == sorted(reply["distance"])
    assert reply["distance"][0] == pytest.approx(1 - np.cos(turn[1]), abs=0.002)
    everything = client.get(f"/api/review/near/{ids[5]}?count=2000").json()["frames"]
    assert ids[5] not in everything
    assert ids[0] not in everything, "it has no vector"
    assert client.get(f"/api/review/near/{ids[0]}").status_code == 404
    assert client.get(f"/api/review/near/{ids[1]}?by=face").status_code == 404
    assert client.get(f"/api/review/near/{ids[1]}?by=nonsense").status_code == 404


def test_a_pose_is_the_same_however_near_and_where_it_stands(client: TestClient) -> None:
    ids, _ = deal_vectors(client)
    reply = client.get(f"/api/review/near/{ids[1]}?by=pose&count=2000").json()
    apart = dict(zip(reply["frames"], reply["distance"], strict=True))
    assert max(apart[frame_id] for frame_id in ids[3::2]) < 0.02
    assert apart[ids[2]] < apart[ids[4]] < apart[ids[8]]
    assert apart[ids[2]] > 0.02


def test_the_map_has_a_place_for_every_known_frame(client: TestClient) -> None:
    ids, _ = deal_vectors(client)
    header, places = decode(client.get("/api/review/map").content)
    assert header["frames"] == len(ids)
    x, y = places["x"], places["y"]
    assert np.isnan(x[0])
    assert np.isnan(y[0])
    assert (np.nanmin(x), np.nanmax(x), np.nanmin(y), np.nanmax(y)) == (0, 1, 0, 1)
    assert (np.diff(x[1:]) <= 0).all() or (np.diff(x[1:]) >= 0).all(), "an arc from end to end"
    assert client.get("/api/review/map?by=pose").status_code == 404


def test_a_tag_names_its_frames(client: TestClient) -> None:
    op = {"id": "1", "kind": "tag", "value": "Strand ü", "frames": [2, 3]}
    done = client.post("/api/review/ops", json={"client": "a", "who": "", "ops": [op]})
    assert done.status_code == 200
    assert client.get("/api/review/tags/Strand ü").json() == {"frames": [2, 3]}
    found = site_of(client).review.ask(Match({"where": [{"tag": "Strand ü"}]}))
    assert found.tolist() == [2, 3]
    with pytest.raises(CurationError, match="nothing_such"):
        site_of(client).review.ask(Match({"where": [{"column": "nothing_such", "min": 1}]}))


def test_a_typed_condition_finds_the_frames_of_the_page(client: TestClient) -> None:
    everything = client.get("/api/review/where?text=time_s >= 0").json()["frames"]
    early = client.get("/api/review/where", params={"text": "time < 2 and luma_mean > 0"}).json()
    assert 0 < len(early["frames"]) < len(everything)
    assert early["frames"] == site_of(client).studio.frames_where("time < 2 and luma_mean > 0")
    refused = client.get("/api/review/where", params={"text": "fokus > 1"})
    assert refused.status_code == 422 and "no column 'fokus'" in refused.json()["detail"]
