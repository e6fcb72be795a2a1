"""What happens in the Cull tab: handlers read rows or queue a job, and return at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from curation.cull.home import DUPES, REPORTS
from curation.errors import CurationError
from curation.store.catalogue import FILE_NAME, OUR_FOLDER, Catalogue
from curation.store.cull_view import CullView
from curation.store.jobs import Job
from curation.ui import job_buttons, markup, toolkit_fields
from curation.ui.cull import ADVICE, CullTab, own_name
from curation.ui.desk import Desk
from curation.ui.pulse import QUICK, Pulse, together
from curation.web.cull_desks import PREFIX, id_of

VERB = "cull"
REMEMBERED = "web.cull"
RECENT = 40
AGAIN = "Its groups are below. Find them again when photos have come or gone."
LATEST: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}


class CullWiring:
    """Connects the tab's components with what they do.

    Args:
        board: the page's own, which wakes the timer when a job was queued.
        board_outputs: what it returns.
    """

    def __init__(
        self, desk: Desk, tab: CullTab, board: Callable[[], list[Any]], board_outputs: list[Any]
    ) -> None:
        self.desk, self.tab, self.board = desk, tab, board
        self.places = desk.site.places
        self.board_outputs = board_outputs
        self.own = own_name(desk)

    def wire(self, pulse: Pulse) -> None:
        """Connect everything."""
        tab = self.tab
        glance = (self.glance, tab.place, [tab.panel, tab.log, tab.cancel])
        tell = (self.tell, tab.inputs, [tab.command, tab.find])
        shown = (self.shown, tab.place, tab.shown)
        # The folder and its desk come with one answer: an older one must not overtake a hand's.
        opened = [tab.place, tab.shown, *tab.controls.components]
        pulse.loaded((self.opened, None, opened), together([tell, glance]))
        pulse.ticked(glance)
        pulse.ended(glance)
        pulse.ended(shown)
        tab.place.input(*together([tell, glance, shown]), **QUICK)
        gr.on([part.change for part in tab.controls.components], *tell, **LATEST)
        outputs = [tab.notice, *self.board_outputs]
        tab.find.click(self.start, tab.inputs, outputs, **QUICK).then(*glance, **QUICK)
        tab.cancel.click(self.cancel, tab.place, outputs, **QUICK)

    # -- what is told ------------------------------------------------------------------------

    def opened(self) -> list[Any]:
        """Return where all settings stand, after a load of the page."""
        last = self.desk.studio.catalogue.recall(REMEMBERED, {})
        offered = [name for name in self.places.offered() if not _is_ours(name)]
        # A studio without frames of its own is there for the folders it offers.
        has_own = bool(self.desk.counts()["frames"]) or not offered
        names = list(dict.fromkeys([*([self.own] if has_own else []), *offered]))
        running = self._running()
        chosen = last.get("place") if last.get("place") in names else names[0]
        place = self._name(running) if running else chosen
        values = self.tab.controls.values(last.get("values", {}))
        return [gr.update(choices=names, value=place), self.shown(place), *values]

    def tell(self, place: str, *values: Any) -> list[Any]:
        """Return the command that the settings make, and whether it may be given."""
        try:
            words = self.words(place, values)
        except CurationError as error:
            return [error.message, gr.update(interactive=False)]
        return [shlex.join(["python", "-m", "curation", VERB, *words]), gr.update(interactive=True)]

    def glance(self, place: str) -> list[Any]:
        """Return how the latest search for groups is doing."""
        job = self._latest(place)
        log = self.desk.site.jobs.log_tail(job.id) if job else ""
        is_open = job is not None and job.is_open
        try:
            panel = markup.job_panel(job, AGAIN if self._desk_of(place) else ADVICE)
        except CurationError as error:
            panel = markup.refused(error)
        return [
            panel,
            markup.log_view(log),
            gr.update(visible=is_open, interactive=is_open and not (job and job.cancel)),
        ]

    def shown(self, place: str) -> str:
        """Return which desk the page shows, "" for none; `glance` says why one cannot be had."""
        try:
            return self._desk_of(place)
        except CurationError:
            return ""

    def _desk_of(self, place: str) -> str:
        """Return JSON {base, of} of a folder's desk, "" where no groups were looked for yet.

        Raises:
            CurationError: what is kept of the folder cannot be opened.
        """
        folder = self._folder(place)
        if folder is None or folder / OUR_FOLDER == self.desk.studio.root:
            if place != self.own:
                return ""
            return json.dumps({"base": "", "of": CullView(self.desk.studio.catalogue).run_id()})
        if not (folder / OUR_FOLDER / FILE_NAME).is_file():
            return ""
        catalogue = Catalogue(folder / OUR_FOLDER)
        try:
            revision = CullView(catalogue).run_id()
        finally:
            catalogue.close()
        if revision is None:
            return ""
        return json.dumps({"base": f"{PREFIX.lstrip('/')}/{id_of(folder)}/", "of": revision})

    # -- what is done ------------------------------------------------------------------------

    def words(self, place: str, values: Any) -> list[str]:
        """Return the words of the command, without its first.

        Raises:
            CurationError: in one sentence, for what is missing or wrong.
        """
        folder = self._folder(place)
        if folder is None:
            if place == self.own:
                raise CurationError("The groups of video frames are the stacks that Score & rank"
                                    " makes.")  # fmt: skip
            raise CurationError("Choose a folder of photos first.")
        shared = {"folders": (str(folder),)}
        params = self.tab.controls.read(values, shared, self.places, folder)
        return [*toolkit_fields.argv_of(self.tab.controls.verb, params)]

    def start(self, place: str, *values: Any) -> list[Any]:
        """Queue the search for groups."""
        said = ""
        try:
            words = self.words(place, values)
            if any(job.is_open and job.verb == VERB for job in self._recent()):
                raise CurationError("This is under way.", "Wait for it, or cancel it.")
            self.desk.site.jobs.add(VERB, [*words, "--no-serve"])
            self._remember(place, values)
        except CurationError as error:
            said = markup.refused(error)
        return [said, *self.board()]

    def cancel(self, place: str) -> list[Any]:
        """Stop what is under way."""
        job_buttons.cancel(self.desk.site.jobs, self._latest(place))
        return ["", *self.board()]

    # -- helpers -----------------------------------------------------------------------------

    def _folder(self, name: str | None) -> Path | None:
        """Return the folder of photos of a name, None for frames of videos and for no name."""
        root = self.desk.studio.root
        if name == self.own:
            return root.parent if root.name == OUR_FOLDER else None
        found: Path | None = self.places.offered().get(name or "")
        return found

    def _name(self, job: Job) -> str:
        place = Path(job.argv[0]) if job.argv else None
        found = (name for name, path in self.places.offered().items() if path == place)
        name: str = next(found, self.own)
        return name

    def _recent(self) -> list[Job]:
        found: list[Job] = self.desk.site.jobs.table.recent(RECENT)
        return found

    def _running(self) -> Job | None:
        return next((job for job in self._recent() if job.is_open and job.verb == VERB), None)

    def _latest(self, place: str) -> Job | None:
        folder = self._folder(place)
        jobs = (job for job in self._recent() if job.verb == VERB and job.argv)
        return next((job for job in jobs if Path(job.argv[0]) == folder), None)

    def _remember(self, place: str, values: Any) -> None:
        shown = self.tab.controls.shown
        kept = {
            one.field.name: value
            for one, value in zip(shown, values, strict=True)
            if value != toolkit_fields.written(one, one.field.default)
        }
        self.desk.studio.catalogue.remember(REMEMBERED, {"place": place, "values": kept})


def _is_ours(name: str) -> bool:
    """Return whether a folder is one that culling made."""
    return not {DUPES, REPORTS}.isdisjoint(name.split("/"))
