"""What the pages read: rows of the catalogue, prepared for showing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.decide.pools import PICK_POOLS, POOLS
from curation.decide.reasons import REASONS
from curation.params import RankParams
from curation.recipes import load
from curation.sources import offered, videos_in
from curation.store.album_views import AlbumViews
from curation.store.origins import Origin, OriginTable
from curation.store.pictures import frames_revision, measures_revision
from curation.ui import commands
from curation.ui.words import VERBS
from curation.web.helper import Cover, Try
from curation.web.site import Site
from curation.web.trials import ALL, Trial
from curation.words import count

PAGE = 60
FAILURES_SHOWN = 5
PICKED, REVIEW, REST = "Picked", "In review", "Not picked"
VERDICTS = {PICKED: "picked", REVIEW: "review", REST: "rejected"}
RECIPES = Path(__file__).resolve().parents[2] / "recipes"
OWN = "Last used"


@dataclass(frozen=True, slots=True)
class View:
    """What of the results is looked at; `page` counts from 0."""

    pool: str
    show: str
    reason: str | None
    page: int


class Desk:
    """Reads for the pages of one site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.studio = site.studio
        self._trial: tuple[object, Trial] | None = None
        self._census: tuple[object, dict[tuple[str, str, str], int]] | None = None

    # -- top and lists -----------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Return the numbers of the top bar."""
        frames, _, videos = frames_revision(self.studio.catalogue)
        picked = sum(n for (_, verdict, _), n in self.census().items() if verdict == "picked")
        return {"videos": videos, "frames": frames, "picked": picked}

    def census(self) -> dict[tuple[str, str, str], int]:
        """Return frames per (pool, verdict, reason); counted again only when they change."""
        key = (self.studio.decisions.revision(), frames_revision(self.studio.catalogue))
        if self._census is None or self._census[0] != key:
            self._census = (key, self.studio.decisions.census())
        return self._census[1]

    def videos(self) -> list[dict[str, Any]]:
        """Return every file that was offered, and what became of it."""
        known = {row["id"]: row for row in self.studio.videos.listing()}
        by_path = {row["path"]: row for row in known.values()}
        posters = self.site.pictures.posters()
        relative = self.studio.catalogue.relative
        sources = {relative(file.path): file for file in self.studio.sources.files()}
        on_disk, _ = offered(self.studio.root, ())
        for folder in commands.added_folders(self.studio):
            on_disk += videos_in(folder)
        origins = OriginTable(self.studio.catalogue).all()
        rows = []
        for stored in dict.fromkeys([*sources, *(relative(path) for path in on_disk)]):
            path = self.studio.catalogue.absolute(stored)
            file = sources.get(stored)
            error = file.error if file else None
            facts = by_path.get(stored)
            twin = file is not None and file.video_id is not None
            row = _video_row(path, error, facts, twin, posters)
            if stored in origins and (told := _origin(origins[stored], path.name)):
                row["notes"] = [*row["notes"], told]
            rows.append(row)
        return [*rows, *self._albums(posters)]

    def _albums(self, posters: Mapping[str, tuple[int, str]]) -> list[dict[str, Any]]:
        """Return the folders of pictures, each with the pictures that cannot be used."""
        views = AlbumViews(self.studio.catalogue)
        failures = views.failures()
        rows = []
        for album in views.listing():
            failed = [(path, why) for path, why in failures if path.parent == album["path"]]
            notes = [f"{path.name} {why}" for path, why in failed[:FAILURES_SHOWN]]
            if len(failed) > FAILURES_SHOWN:
                notes.append(f"and {len(failed) - FAILURES_SHOWN:,} more that cannot be used")
            frame_id, revision = posters.get(album["key"], (0, ""))
            rows.append(
                {
                    "name": album["name"],
                    "folder": str(album["path"]),
                    "facts": "Folder of pictures",
                    "notes": notes,
                    "kind": "good" if album["pictures"] else "soft",
                    "state": count(album["pictures"], "picture"),
                    "poster": f"thumb/{frame_id}?v={revision}" if frame_id else None,
                }
            )
        return rows

    def has_videos(self) -> bool:
        """Return whether there is anything to extract."""
        return bool(
            self.studio.sources.files()
            or offered(self.studio.root, ())[0]
            or commands.added_folders(self.studio)
        )

    def before(self, verb: str) -> str:
        """Return the tab where something must be done before a verb can run, "" when it can."""
        if verb == "extract":
            return "" if self.has_videos() else "ingest"
        if verb == "sort":
            return "" if self.counts()["frames"] else "extract"
        return "sort" if self.stage() in ("empty", "extracted") else ""

    def nothing(self) -> tuple[str, str, str]:
        """Return title, advice and tab of a result that is not there yet."""
        stage = self.stage()
        verb = {"empty": "extract", "extracted": "sort"}.get(stage, "rank")
        job = self.site.jobs.table.latest(verb)
        if job is not None and job.is_open:
            return f"{VERBS[verb]} is under way", "What it finds appears here by itself.", verb
        if job is not None and job.state in ("failed", "interrupted"):
            return f"{VERBS[verb]} did not end well", job.error or "Its log says more.", verb
        if stage == "empty":
            then = ("Extract the frames of your videos.", "extract")
            advice, tab = then if self.has_videos() else ("Add a video first.", "ingest")
            return "Nothing extracted yet", advice, tab
        if stage == "extracted":
            return "Frames are extracted, not sorted yet", "Press Sort frames under Sort.", "sort"
        advice = "Press Score and rank under Score & rank."
        return "Frames are sorted, not ranked yet", advice, "rank"

    def waiting(self, verb: str) -> str:
        """Return what to do while a verb was never started here."""
        if verb == "extract":
            then = "Choose how densely to look, then press Extract frames."
            return then if self.has_videos() else "Add a video under Ingest first."
        frames = self.counts()["frames"]
        if verb == "sort":
            return (
                f"{count(frames, 'frame is', 'frames are')} extracted. Press Sort frames."
                if frames
                else ("Extract frames first.")
            )
        ready = self.stage() in ("sorted", "ranked")
        return "Frames are sorted. Press Score and rank." if ready else "Sort frames first."

    def recipes(self, verb: str) -> list[str]:
        """Return what the settings of a verb may be taken from; the first is what they stand on."""
        own = [OWN] if self.remembered(verb) else []
        return [*own, "Defaults", *sorted(path.stem for path in RECIPES.glob("*.yaml"))]

    def recipe(self, name: str, verb: str) -> dict[str, Any]:
        """Return the values of a recipe; those that a verb last ran with for OWN."""
        if name == OWN:
            return self.remembered(verb)
        if name not in self.recipes(verb) or name == "Defaults":
            return {}
        return load(RECIPES / f"{name}.yaml")

    def remembered(self, verb: str) -> dict[str, Any]:
        """Return the values that a verb last ran with."""
        if verb == "rank":
            return self.studio.decisions.thresholds(RankParams.model_fields)
        values: dict[str, Any] = self.studio.catalogue.recall(f"params.{verb}", {})
        return values

    # -- results -----------------------------------------------------------------------------

    def stage(self) -> str:
        """Return how far the datastore is: empty, extracted, sorted or ranked."""
        census = self.census()
        if not census:
            return "extracted" if self.counts()["frames"] else "empty"
        return "sorted" if any(code == "not_ranked" for _, _, code in census) else "ranked"

    def count(self, view: View) -> int:
        """Return how many frames a view holds."""
        wanted = _filter(view)
        return sum(
            n
            for (pool, verdict, reason), n in self.census().items()
            if wanted["pool"] in (None, pool)
            and wanted["verdict"] == verdict
            and wanted["reason"] in (None, reason)
        )

    def page(self, view: View) -> list[dict[str, Any]]:
        """Return one page of frames."""
        order = "rank" if view.show == PICKED else "score"
        return self.studio.decisions.page(
            **_filter(view), order=order, limit=PAGE, offset=view.page * PAGE
        )

    def revisions(self, rows: Sequence[Mapping[str, Any]]) -> dict[int, str]:
        """Return frame id -> revision of its picture."""
        found = self.site.pictures.find([int(row["frame_id"]) for row in rows])
        return {frame_id: picture.revision for frame_id, picture in found.items()}

    def by_pool(self, show: str) -> dict[str, int]:
        """Return how many frames of each pool are picked, in review, or not picked."""
        found: Counter[str] = Counter()
        for (pool, verdict, _), n in self.census().items():
            found[pool] += n if verdict == VERDICTS[show] else 0
        shown = PICK_POOLS if show == PICKED else ()
        return {pool: found[pool] for pool in POOLS if found[pool] or pool in shown}

    def reasons(self, show: str) -> list[tuple[str, int, str]]:
        """Return code, count and advice of what is in review, or not picked."""
        verdict = VERDICTS[show]
        counts: Counter[str] = Counter()
        for (_, found, code), n in self.census().items():
            counts[code] += n if found == verdict else 0
        return [
            (code, n, REASONS[code].advice if code in REASONS else "")
            for code, n in counts.most_common()
            if n
        ]

    def trial(self, params: RankParams, pool: str) -> Trial:
        """Return what thresholds would pick; the last answer is kept.

        Raises:
            CurationError: when the helper cannot answer.
        """
        catalogue = self.studio.catalogue
        key = (
            params.digest(),
            pool,
            measures_revision(catalogue),
            self.studio.decisions.revision(),
        )
        if self._trial is None or self._trial[0] != key:
            answer = self.site.trials.ask(Try(params.model_dump(mode="json"), pool))
            self._trial = (key, answer)
        return self._trial[1]

    def coverage(self) -> dict[str, Any]:
        """Return what the picks hold and lack; see decide.coverage.

        Raises:
            CurationError: when the helper cannot answer.
        """
        found: dict[str, Any] = self.site.trials.ask(Cover())
        return found


def _filter(view: View) -> dict[str, str | None]:
    pool = None if view.pool == ALL else view.pool
    reason = None if view.show == PICKED else view.reason
    return {"pool": pool, "verdict": VERDICTS[view.show], "reason": reason}


def _video_row(
    path: Path,
    error: str | None,
    facts: Mapping[str, Any] | None,
    twin: bool,
    posters: Mapping[str, tuple[int, str]],
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": path.name,
        "folder": path.parent.name,
        "facts": "",
        "notes": [],
        "kind": "soft",
        "state": "Waiting for Extract",
        "poster": None,
    }
    quarantined = (error or (facts or {}).get("failure") or "").startswith("quarantined")
    if error:
        return row | {
            "state": "Quarantined" if quarantined else "Cannot be used",
            "kind": "bad",
            "notes": [error.replace(f"{path}: ", "")],
        }
    if facts is None:
        return row | (
            {"state": "Same as another", "notes": ["the same content under another name"]}
            if twin
            else {}
        )
    rate = f" · {_fps(facts['fps'])} fps" if facts["fps"] else ""
    row["facts"] = (
        f"{facts['width']} x {facts['height']} · {facts['codec']}{rate}"
        f" · {facts['duration_s']:.1f} s"
    )
    row["notes"] = list(facts["warnings"])
    if facts["chapters"]:
        titles = ", ".join(f"{no} {c['title']}" for no, c in enumerate(facts["chapters"][:8], 1))
        rest = " ..." * (len(facts["chapters"]) > 8)
        row["notes"].append(f"{count(len(facts['chapters']), 'chapter')}: {titles}{rest}")
    if facts["id"] in posters:
        frame_id, revision = posters[facts["id"]]
        row["poster"] = f"thumb/{frame_id}?v={revision}"
    if facts["failure"]:
        return row | {
            "state": "Quarantined" if quarantined else "Ended early",
            "kind": "bad",
            "notes": [*row["notes"], facts["failure"]],
        }
    if facts["extracted"]:
        if facts["damaged"]:
            row["notes"].append(f"{facts['damaged']} damaged packets were left out")
        state = f"{count(facts['frames'], 'frame')}, {count(facts['shots'], 'shot')}"
        return row | {"state": state, "kind": "good" if facts["frames"] else "soft"}
    return row


def _origin(origin: Origin, name: str) -> str:
    """Return where a file came from, in a line; "" when there is nothing to say."""
    if origin.kind in ("upload", "watch"):
        folder = str(origin.facts.get("folder") or "")
        return f"From {folder}" if folder else f"As {origin.title}" * (origin.title != name)
    who = str(origin.facts.get("uploader") or "")
    told = [origin.title, f"by {who}" if who else "", origin.url]
    licence = f"licence {origin.licence or 'not stated'}" if origin.kind == "link" else ""
    return "From " + ", ".join(filter(None, [*told, licence]))


def _fps(text: str) -> str:
    top, _, bottom = text.partition("/")
    return f"{float(top) / float(bottom or 1):.4g}"
