"""People of a datastore: named, merged, parted, found, forgotten; by words that can be undone."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from curation.cli.people import main
from curation.errors import CurationError, ParamError, StoreError
from curation.learn import people_seen
from curation.learn.people import Speaker, consents, people
from curation.learn.people_seen import seen_in
from curation.params import ExtractParams, RankParams
from curation.records import Measured, Result
from curation.steps.base import Item, Step
from curation.store.people import DONE, NothingSaid, PeopleTable, Saying
from curation.store.pictures import measures_revision
from curation.store.signals import SignalTable
from curation.studio import Studio
from tests import videos
from tests.unit.test_tracks import seen as identity_of
from tests.web.filled import deal

ROOT = Path(__file__).parents[2]
CLIPS = ("cfr25", "vfr", "b_frames")
TURNS = (0, 1, 0)
"""Who is on the clips: each shows one person from its first to its last frame."""


class Dealt(Step):
    """Stands for the identity step; vectors are dealt by the test."""

    name: ClassVar[str] = "identity"
    version: ClassVar[str] = "dealt"
    produces: ClassVar[Mapping[str, type]] = {"identity": bytes, "identity_px": float}

    def setup(self) -> None:
        """Load nothing."""

    def __call__(self, items: Sequence[Item]) -> list[Measured]:
        """Never asked."""
        raise AssertionError("the measures are dealt, not measured")


def measure(studio: Studio) -> None:
    """Deal measures: every frame of a video shows the same face, a little different each time."""
    deal(studio)
    table, step = SignalTable(studio.catalogue), Dealt()
    runs = {step.name: table.register(step, "dealt")}
    order: dict[str, int] = {}
    results = []
    for number, frame in enumerate(studio.videos.frames()):
        video = order.setdefault(frame.key.rpartition(":")[0], len(order))
        vector = identity_of(TURNS[video % len(TURNS)], number)
        results.append(
            Result(frame.id, step.name, Measured({"identity": vector, "identity_px": 90.0}))
        )
    table.put(results, runs, [step])


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    made = Studio(tmp_path / "datastore")
    paths = [videos.clip(name).path for name in CLIPS]
    for _ in made.extract(paths, ExtractParams(fps=4, workers=1)):
        pass
    measure(made)
    return made


def frames_of(studio: Studio, video: int) -> list[int]:
    seen = seen_in(studio.catalogue)
    mine = seen.video == np.unique(seen.video)[video]
    return [int(frame) for frame in seen.frame_id[mine]]


def who_is_on(studio: Studio) -> list[str]:
    """Return what the person of each video is called, "" for nobody we know by name."""
    seen = seen_in(studio.catalogue)
    rows = [np.flatnonzero(seen.video == video)[0] for video in np.unique(seen.video)]
    return [seen.names.get(int(seen.person[row]), "") for row in rows]


def by_name(studio: Studio) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in people(studio.catalogue)["people"]}


def test_people_are_found_and_named_over_videos(studio: Studio) -> None:
    told = studio.people()
    assert [row["name"] for row in told["people"]] == ["", ""]
    assert sorted(row["videos"] for row in told["people"]) == [1, 2]
    speaker = studio.about_people()
    speaker.name("0", "Anna")
    assert who_is_on(studio) == ["Anna", "", "Anna"]
    speaker.name("ANNA", "Anne")
    assert who_is_on(studio) == ["Anne", "", "Anne"]
    assert by_name(studio)["Anne"]["videos"] == 2
    json.dumps(studio.people(), allow_nan=False)


def test_merge_split_not_and_the_way_back(studio: Studio) -> None:
    speaker = studio.about_people()
    speaker.name("0", "Anna")
    speaker.name("1", "Ben")
    speaker.merge("Anna", "Ben")
    assert who_is_on(studio) == ["Anna", "Anna", "Anna"]
    speaker.undo()
    assert who_is_on(studio) == ["Anna", "Ben", "Anna"]
    speaker.redo()
    assert who_is_on(studio) == ["Anna", "Anna", "Anna"]
    speaker.undo()
    speaker.split(frames_of(studio, 2)[:1])
    assert who_is_on(studio) == ["Anna", "Ben", ""]
    speaker.undo()
    speaker.not_them("Anna", frames_of(studio, 0)[1:2])
    assert who_is_on(studio) == ["", "Ben", "Anna"]
    for _ in range(3):
        speaker.undo()
    assert who_is_on(studio) == ["", "", ""]
    with pytest.raises(NothingSaid, match="nothing to undo"):
        speaker.undo()


def test_not_somebody_without_a_name(studio: Studio) -> None:
    speaker = studio.about_people()
    speaker.not_them("0", frames_of(studio, 2)[:1])
    assert [row["videos"] for row in people(studio.catalogue)["people"]] == [1, 1, 1]
    with pytest.raises(CurationError, match="in no other track"):
        speaker.not_them("1", frames_of(studio, 1)[:1])


def test_two_clients_have_histories_of_their_own(studio: Studio) -> None:
    one, two = Speaker(studio.catalogue, "one", "Uma"), Speaker(studio.catalogue, "two", "Vic")
    one.name("0", "Anna")
    two.name("1", "Ben")
    one.undo()
    assert who_is_on(studio) == ["", "Ben", ""]
    assert [op.who for op in PeopleTable(studio.catalogue).all()] == ["Vic"]
    two.name("Ben", "Bo")
    one.redo()
    assert who_is_on(studio) == ["Anna", "Bo", "Anna"]
    with pytest.raises(NothingSaid):
        two.redo()


@pytest.mark.parametrize("name", ["", "  ", "a,b", "7", "person 3", "x" * 81, "a\x1bb"])
def test_what_cannot_be_a_name_is_refused(studio: Studio, name: str) -> None:
    with pytest.raises(ParamError, match="name"):
        studio.about_people().name("0", name)
    assert PeopleTable(studio.catalogue).all() == []


def test_what_is_not_there_is_told_with_what_is(studio: Studio) -> None:
    speaker = studio.about_people()
    with pytest.raises(CurationError, match="no person '9'") as told:
        speaker.name("9", "Anna")
    assert "person 0, person 1" in told.value.hint
    speaker.name("0", "Anna")
    with pytest.raises(CurationError, match="somebody else") as told:
        speaker.name("1", "anna")
    assert 'merge "Anna" "1"' in told.value.hint
    with pytest.raises(CurationError, match="one person already"):
        speaker.merge("Anna", "0")
    with pytest.raises(StoreError, match="no frame 999999"):
        speaker.split([999999])
    assert len(PeopleTable(studio.catalogue).all()) == 1


def test_consent_is_noted_and_taken_back(studio: Studio) -> None:
    speaker = studio.about_people()
    speaker.name("0", "Anna")
    assert consents(studio.catalogue) == {"Anna": ""}
    speaker.consent("anna", "  signed on\n1 May ")
    assert studio.consents() == {"Anna": "signed on 1 May"}
    speaker.consent("Anna", "")
    assert studio.consents() == {"Anna": ""}
    with pytest.raises(ParamError, match="2000 letters"):
        speaker.consent("Anna", "x" * 2001)


def test_forgetting_leaves_no_name_behind(studio: Studio) -> None:
    speaker = studio.about_people()
    speaker.name("0", "Annabelle")
    speaker.consent("Annabelle", "signed in Xanadu")
    for _ in studio.rank(RankParams(person="Zoe")):
        pass
    assert (studio.root / people_seen.FILE).exists() or people(studio.catalogue)
    assert speaker.forget("Annabelle")["erased"] == 2
    assert who_is_on(studio) == ["", "", ""]
    studio.catalogue.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in (studio.root / "catalog.sqlite", studio.root / people_seen.FILE):
        raw = path.read_bytes()
        assert b"Annabelle" not in raw and b"Xanadu" not in raw, path
    with pytest.raises(CurationError, match="nothing was ever said"):
        speaker.forget("0")


def test_forgetting_erases_what_was_taken_back(studio: Studio) -> None:
    speaker = studio.about_people("a")
    speaker.name_frames(frames_of(studio, 0)[:1], "Annabelle")
    speaker.undo()
    studio.about_people("b").name("0", "Annabelle")
    assert speaker.forget("annabelle")["erased"] == 2
    assert not studio.catalogue.db.execute("SELECT * FROM person_op").fetchall()


def test_words_outlive_measuring_and_extracting_again(studio: Studio) -> None:
    studio.about_people().name("0", "Anna")
    before = frames_of(studio, 0)
    paths = [videos.clip(name).path for name in CLIPS]
    for _ in studio.extract(paths, ExtractParams(fps=3, workers=1)):
        pass
    measure(studio)
    assert frames_of(studio, 0) != before
    assert who_is_on(studio) == ["Anna", "", "Anna"]


def test_words_are_new_measures_to_whoever_keeps_decisions(studio: Studio) -> None:
    from curation.store.clock import measured_at

    before = measures_revision(studio.catalogue), measured_at(studio.catalogue)
    studio.about_people().name("0", "Anna")
    after = measures_revision(studio.catalogue), measured_at(studio.catalogue)
    assert before[0] != after[0] and before[1] != after[1]


def test_ranking_asks_for_a_person(studio: Studio) -> None:
    studio.about_people().name("1", "Ben")
    open_gates: dict[str, Any] = {
        "false_face": 1, "false_face_review": 1, "second_person": 1, "min_px": 16,
        "min_focus": -4, "max_focus_gap": 6, "min_eye_open": 0, "min_brightness": 0,
    }
    for _ in studio.rank(RankParams(person="Ben", **open_gates)):
        pass
    videos_picked = {row["video"] for row in studio.decisions.page(verdict="picked")}
    assert len(videos_picked) == 1
    others = studio.decisions.page(reason="other_person")
    assert others and all("not Ben" in row["detail"] for row in others)
    told = studio.explain(others[0]["frame_id"])
    assert told["reason"] == "other_person" and told["person_name"] == ""


def test_what_was_seen_is_kept_until_something_counts(studio: Studio) -> None:
    first = seen_in(studio.catalogue)
    path = studio.root / people_seen.FILE
    written = path.stat().st_mtime_ns
    again = seen_in(studio.catalogue)
    assert path.stat().st_mtime_ns == written
    assert again.person.tolist() == first.person.tolist() and again.alike == first.alike
    path.write_bytes(path.read_bytes()[:200])
    assert seen_in(studio.catalogue).person.tolist() == first.person.tolist()
    studio.about_people().name("0", "Anna")
    assert seen_in(studio.catalogue).names == {0: "Anna"}


def test_a_catalogue_keeps_words_whole(studio: Studio) -> None:
    table = PeopleTable(studio.catalogue)
    ids = np.array(sorted(frames_of(studio, 0), reverse=True), np.int64)
    number = table.say(Saying("split", {}, ids, ids[:2]), "c", "Uma")
    kept = table.all()[0]
    assert kept.id == number and kept.who == "Uma" and kept.done
    assert kept.shown.tolist() == sorted(ids.tolist())
    assert kept.apart.tolist() == sorted(ids[:2].tolist())
    with pytest.raises(ValueError, match="nobody says"):
        table.say(Saying("shout", {}))
    assert DONE == 0


def test_the_command_line(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--datastore", str(studio.root)]
    frame = str(frames_of(studio, 2)[0])
    studio.close()
    for words in (["list"], ["name", "0", "Anna"], ["consent", "Anna", "signed"],
                  ["not", "Anna", frame], ["undo"], ["redo"], ["undo"], ["list"]):
        assert main([*words, *where]) == 0, words
    said = capsys.readouterr().out
    assert "Anna" in said and "consent: signed" in said and "took back" in said
    assert main(["forget", "Anna", *where]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["forget", "Anna", "--yes", *where]) == 0
    assert main(["name", "77", "Anna", *where]) == 1
    assert "there are: person 0" in capsys.readouterr().err
    assert main(["list", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["people"]
    assert main(["list", "--datastore", str(studio.root / "nowhere")]) == 1
    assert "is no datastore" in capsys.readouterr().err
    assert main(["dance"]) == 2


def test_help_is_light() -> None:
    code = (
        "import sys; from curation.cli.people import main; main(['--help']); "
        "heavy = {'torch', 'mediapipe', 'sklearn', 'gradio', 'cv2', 'ray'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          check=True)
    assert done.stdout.rstrip().endswith("[]"), done.stdout[-200:]


def test_every_command_of_the_page_is_one() -> None:
    from curation.cli import people as cli
    from curation.cli.verbs import parser as of_verb

    text = (ROOT / "docs" / "people.md").read_text()
    lines = [line.split("   ")[0] for line in text.splitlines() if line.startswith("python ")]
    for line in lines:
        words = shlex.split(line)
        if words[1] == "03_score_and_rank.py":
            of_verb("rank").parse_args(words[2:])
        else:
            assert words[:4] == ["python", "-m", "curation", "people"], line
            cli._parser().parse_args(words[4:])
    assert len(lines) >= 10
