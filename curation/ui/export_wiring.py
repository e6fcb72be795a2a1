"""What happens in the Export tab: handlers read rows, ask the helper or queue a job."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from curation.cli.options import to_argv
from curation.decide.pools import POOLS
from curation.errors import CurationError, InputError
from curation.export.formats import FORMATS
from curation.export.settings import ExportParams
from curation.ui import export_markup, job_buttons, markup
from curation.ui.desk import Desk
from curation.ui.export import LISTS, ONLY_FOR, ExportTab
from curation.ui.pulse import QUICK, Pulse, together
from curation.web.export_routes import REPORT, shelf_of
from curation.web.export_shelf import OWN
from curation.web.helper import Ask

REMEMBERED = "web.export"
ADVICE = "Choose what goes in, look at the tree, then export."
NO_REPORT = "It takes seconds, and opens in a page of its own."
OF_WHERE = "--where: "
"""What refusals of a condition begin with; see search.fields.frames_where."""
LATEST: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}


class ExportWiring:
    """Connects the tab's components with what they do.

    Args:
        board: the page's own, which wakes the timer when a job was queued.
        board_outputs: what it returns.
    """

    def __init__(
        self, desk: Desk, tab: ExportTab, board: Callable[[], list[Any]], board_outputs: list[Any]
    ) -> None:
        self.desk, self.tab, self.board = desk, tab, board
        self.board_outputs = board_outputs
        self.jobs = desk.site.jobs
        self.shelf = shelf_of(desk.site)

    def wire(self, pulse: Pulse, opened: Any) -> None:
        """Connect everything.

        Args:
            opened: the gr.Tab; nothing is computed before somebody opens it.
        """
        tab = self.tab
        parts = tab.inputs
        job_outputs = [tab.panel, tab.log, tab.cancel, tab.resume,
                       tab.report_panel, tab.report_cancel]  # fmt: skip
        glance = (self.glance, None, job_outputs)
        listed = (self.listed, None, tab.shelf)
        tell = (self.tell, parts, [tab.command, tab.start])
        look = (self.look, parts, [tab.look, tab.wrong])
        lists = (self.lists, None, [tab.place, *(tab.controls.part(name) for name in LISTS)])
        kinds = (self.tab.controls.only_for, tab.kind,
                 [tab.controls.part(name) for name in ONLY_FOR])  # fmt: skip

        pulse.loaded((self.opened, None, parts), kinds, together([tell, glance]))
        opened.select(*together([lists, listed]), **QUICK)
        pulse.ticked(glance)
        pulse.ended(glance)
        pulse.ended(listed)
        gr.on([part.change for part in parts], *tell, **LATEST)
        # What is pasted at once is no input to Gradio, but a hand leaves the box after it.
        # One event, so that the answer to what stood there before never comes last.
        left = [part.blur for part in parts if isinstance(part, gr.Textbox)]
        gr.on([opened.select, *(part.input for part in parts), *left], *look, **LATEST)
        tab.kind.input(*kinds, **QUICK)

        outputs = [tab.notice, *self.board_outputs]
        tab.start.click(self.start, parts, outputs, **QUICK).then(*glance, **QUICK)
        tab.cancel.click(lambda: self.cancel("export"), None, outputs, **QUICK)
        tab.resume.click(self.resume, None, outputs, **QUICK).then(*glance, **QUICK)
        told = [tab.report_notice, *self.board_outputs]
        where = [tab.controls.part("where")]
        tab.report.click(self.make_report, where, told, **QUICK).then(*glance, **QUICK)
        tab.report_cancel.click(lambda: self.cancel("report"), None, told, **QUICK)

    # -- what is told ------------------------------------------------------------------------

    def opened(self) -> list[Any]:
        """Return where all settings stand, after a load of the page."""
        last = self.desk.studio.catalogue.recall(REMEMBERED, {})
        kind = last.get("kind") if last.get("kind") in FORMATS else next(iter(FORMATS))
        places = self.shelf.places()
        place = last.get("place") if last.get("place") in places else OWN
        values = self.tab.controls.values(self.desk.studio.remembered("export", ExportParams))
        return [
            kind, gr.update(choices=places, value=place), str(last.get("folder") or ""), *values
        ]

    def lists(self) -> list[Any]:
        """Return places, pools and people to choose from."""
        from curation.export.who import consents
        from curation.store import exported

        catalogue = self.desk.studio.catalogue
        there = set(exported.pools(catalogue))
        pools = [
            (markup.POOL_NAMES.get(pool, pool), pool)
            for pool in POOLS if pool in there and pool != "none"
        ]  # fmt: skip
        people = [
            (name if note else f"{name} (no consent note)", name)
            for name, note in sorted(consents(catalogue).items())
        ]
        return [gr.update(choices=given) for given in (self.shelf.places(), pools, people)]

    def tell(self, *sent: Any) -> list[Any]:
        """Return the command that the settings make, and whether it may be given."""
        try:
            words = self.words(sent)
        except CurationError as error:
            return [str(error), gr.update(interactive=False)]
        own = ["--datastore", str(self.desk.studio.root)]
        line = shlex.join(["python", "-m", "curation", "export", *words, *own])
        return [line, gr.update(interactive=True)]

    def look(self, *sent: Any) -> list[Any]:
        """Return what would be written, and what is wrong with the condition."""
        kind, place, folder, *values = sent
        try:
            self.shelf.out(place, folder, self._kind(kind))
            params = self.tab.controls.read(values)
            given = {"format": kind, "settings": params.model_dump(mode="json")}
            told = self.desk.site.trials.ask(Ask("export_outlook", given))
        except CurationError as error:
            if error.message.startswith(OF_WHERE):
                wrong = markup.notice(error.message.removeprefix(OF_WHERE), hint=error.hint)
                return [markup.empty("Nothing to show", "The condition cannot be read."), wrong]
            return [markup.notice(error.message, "soft", error.hint), ""]
        return [export_markup.look(told), ""]

    def glance(self) -> list[Any]:
        """Return how the latest export and the latest report are doing."""
        job, report = self.jobs.table.latest("export"), self.jobs.table.latest("report")
        log = self.jobs.log_tail(job.id) if job else ""
        return [
            markup.job_panel(job, ADVICE),
            markup.log_view(log),
            *job_buttons.standing(job),
            markup.job_panel(report, NO_REPORT) + export_markup.report_link(self._report_s()),
            job_buttons.standing(report)[0],
        ]

    def listed(self) -> str:
        """Return the exports that are there."""
        return export_markup.shelf(self.shelf.all())

    # -- what is done ------------------------------------------------------------------------

    def words(self, sent: Sequence[Any]) -> list[str]:
        """Return the words of the command, without its first and its datastore.

        Raises:
            CurationError: in one sentence, for what is missing or wrong.
        """
        kind, place, folder, *values = sent
        out = self.shelf.out(place, folder, self._kind(kind))
        return [kind, f"--out={out}", *to_argv(self.tab.controls.read(values))]

    def start(self, *sent: Any) -> list[Any]:
        """Queue the export."""
        kind, place, folder, *_ = sent
        last = {"kind": kind, "place": place, "folder": folder}
        said = self._queued("export", lambda: self.words(sent))
        if not said:
            self.desk.studio.catalogue.remember(REMEMBERED, last)
        return [said, *self.board()]

    def make_report(self, where: str) -> list[Any]:
        """Queue the report."""
        words = [f"--where={where.strip()}"] if (where or "").strip() else []
        return [self._queued("report", lambda: words), *self.board()]

    def cancel(self, verb: str) -> list[Any]:
        """Stop what is under way."""
        job_buttons.cancel(self.jobs, self.jobs.table.latest(verb))
        return ["", *self.board()]

    def resume(self) -> list[Any]:
        """Queue the latest export again: it goes on where it stopped."""
        said = job_buttons.resume(self.jobs, self.jobs.table.latest("export"))
        return [said, *self.board()]

    # -- helpers -----------------------------------------------------------------------------

    def _queued(self, verb: str, words: Callable[[], list[str]]) -> str:
        try:
            argv = words()
            job = self.jobs.table.latest(verb)
            if job is not None and job.is_open:
                raise CurationError("This is under way.", "Wait for it, or cancel it.")
            self.jobs.add(verb, argv)
        except CurationError as error:
            return markup.refused(error)
        return ""

    def _kind(self, kind: Any) -> str:
        if kind not in FORMATS:
            raise InputError("Choose a format.")
        return str(kind)

    def _report_s(self) -> float | None:
        try:
            return (self.desk.studio.root / REPORT).stat().st_mtime
        except OSError:
            return None
