"""The culling desk's routes: groups as frames, no duplicates, reports, folders by their ids."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from curation.cli import cull
from curation.store.catalogue import OUR_FOLDER
from curation.ui import cull as cull_tab
from curation.ui.cull_wiring import CullWiring
from curation.ui.desk import Desk
from curation.ui.no_files import Page
from curation.web.cull_desks import id_of
from curation.web.security import Rules
from curation.web.site import Settings, Site
from tests.burst_photos import shoot
from tests.web.conftest import serving

BURSTS, SHOTS = 3, 3


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "walk"
    shoot(folder, BURSTS, SHOTS, alone=1)

    def serve(datastore: Path, host: str, port: int) -> None:
        raise AssertionError(f"{datastore} was served")

    assert cull.main([str(folder), "--no-serve", "--json"], serve) == 0
    return folder


@pytest.fixture
def desk(walk: Path) -> Iterator[TestClient]:
    with serving(Settings(walk / OUR_FOLDER)) as made:
        yield made


def groups(desk: TestClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.get("/api/cull").json()["groups"]
    return found


def test_groups_are_frames_with_verdicts_and_margins(desk: TestClient, walk: Path) -> None:
    told = desk.get("/api/cull").json()
    assert told["folder"] == walk.name and told["run"]["mode"] == "all"
    assert [len(group["frames"]) for group in told["groups"]] == [SHOTS] * BURSTS
    assert [group["verdicts"] for group in told["groups"]] == ["krr", "krr", "ktr"]
    for group in told["groups"]:
        assert group["distances"][0] is None and not group["apart"]
        known = desk.post("/api/cull/members", json={"frames": group["frames"]}).json()
        names = [known[str(frame)]["name"] for frame in group["frames"]]
        assert all((walk / name).is_file() for name in names)
        for frame, letter in zip(group["frames"], group["verdicts"], strict=True):
            member = known[str(frame)]
            assert member["reason"] and member["there"] and member["verdict"][0] == letter
            assert member["facts"]["sharpness"] > 0 and member["bytes"] > 1000
    assert told["groups"][0]["margins"][0] > 0.1


def test_no_duplicates_are_remembered_and_taken_back(desk: TestClient) -> None:
    frames = groups(desk)[1]["frames"]
    assert desk.post("/api/cull/apart", json={"frames": frames}).json() == {"pairs": 3}
    assert [group["apart"] for group in groups(desk)] == [False, True, False]
    assert desk.post("/api/cull/apart", json={"frames": frames}).json() == {"pairs": 0}
    back = desk.post("/api/cull/apart", json={"frames": frames, "apart": False})
    assert back.json() == {"pairs": 3}
    assert not any(group["apart"] for group in groups(desk))
    assert desk.post("/api/cull/apart", json={"frames": [10**6]}).status_code == 409
    assert desk.post("/api/cull/apart", json={"frames": []}).status_code == 422


def test_only_reports_are_handed_out(desk: TestClient, walk: Path) -> None:
    place = walk / "_review"
    (place / "notes.txt").write_text("mine")
    (place / "link.json").symlink_to("/etc/hostname")
    names = [report["name"] for report in desk.get("/api/cull/reports").json()]
    assert names == ["groups.csv", "groups.json"]
    assert desk.get("/api/cull/reports/groups.json").json()["schema"].startswith("curation.groups")
    for name in ("notes.txt", "link.json", "..%2F.curation%2Fcatalog.sqlite"):
        assert desk.get(f"/api/cull/reports/{name}").status_code == 404


def test_moving_is_a_job_with_words_of_the_servers(desk: TestClient, walk: Path) -> None:
    refused = desk.post("/api/cull/apply", json={"dry": True, "folder": "/"})
    assert refused.status_code == 422
    job = desk.post("/api/cull/apply", json={"dry": True}).json()["job"]
    told = desk.get(f"/api/jobs/{job}").json()
    assert told["verb"] == "apply"
    assert told["argv"] == ["-d", str(walk), str(walk), "--no-unmarked", "--dry-run"]
    assert desk.post("/api/cull/apply", json={"dry": False}).status_code == 409  # one at a time
    desk.post(f"/api/jobs/{job}/cancel")
    assert desk.get("/api/cull/steps/99999").status_code == 404


def test_frames_of_videos_have_no_run(client: TestClient) -> None:
    told = client.get("/api/cull").json()
    assert told["groups"] is None and told["folder"] is None
    ids = [1, 2]
    known = client.post("/api/cull/members", json={"frames": ids}).json()
    assert sorted(known) == ["1", "2"] and all(one["reason"] for one in known.values())
    assert client.post("/api/cull/apply", json={"dry": True}).status_code == 409
    assert client.get("/api/cull/reports").json() == []


def test_a_folder_is_reached_by_its_id_alone(walk: Path, datastore: Path) -> None:
    settings = Settings(datastore, (walk.parent,))
    with serving(settings) as studio:
        at = f"/cull/{id_of(walk)}"
        told = studio.get(f"{at}/api/cull").json()
        assert len(told["groups"]) == BURSTS
        frame = told["groups"][0]["frames"][0]
        assert studio.get(f"{at}/thumb/{frame}").headers["content-type"] == "image/jpeg"
        assert studio.get(f"{at}/frame/{frame}").status_code == 200
        assert studio.get("/api/cull").json()["groups"] is None  # the studio's own
        for wrong in ("0" * 16, str(walk), "%2e%2e", ""):
            assert studio.get(f"/cull/{wrong}/api/cull").status_code == 404
    with serving(Settings(datastore)) as closed:  # the same folder, not offered
        assert closed.get(f"{at}/api/cull").status_code == 404
    with serving(Settings(datastore, (walk.parent,), Rules(frozenset(), "secret"))) as locked:
        assert locked.get(f"{at}/api/cull").status_code == 401


def test_a_link_in_the_place_of_what_is_kept_is_refused_in_words(
    walk: Path, datastore: Path, tmp_path: Path
) -> None:
    place = tmp_path / "photos" / "linked"
    place.mkdir(parents=True)
    (place / OUR_FOLDER).symlink_to(walk / OUR_FOLDER)
    with serving(Settings(datastore, (place.parent,))) as studio:
        answer = studio.get(f"/cull/{id_of(place)}/api/cull")
        assert answer.status_code == 409 and "is a link" in answer.text
    desk = Desk(Site(Settings(datastore, (place.parent,))))
    try:
        with Page():
            wiring = CullWiring(desk, cull_tab.build(desk), list, [])
        offered = desk.site.places.offered()
        name = next(name for name, path in offered.items() if path == place)
        assert wiring.shown(name) == ""
        panel, _, _ = wiring.glance(name)
        assert "is a link" in panel and "remove the link" in panel
    finally:
        desk.site.trials.close()
        desk.site.prober.close()
