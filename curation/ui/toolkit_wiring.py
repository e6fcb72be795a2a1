"""What happens in the Toolkit tab: handlers read rows or queue a job, and return at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from curation.errors import CurationError
from curation.store.jobs import Job
from curation.ui import job_buttons, markup, toolkit_fields, toolkit_markup
from curation.ui.desk import Desk
from curation.ui.pulse import QUICK, Pulse, together
from curation.ui.toolkit import PAGE, Settings, ToolkitTab, settings_of
from curation.ui.words import text
from curation.web.toolkit_changes import UNDO, Page, is_dry, place_of

REMEMBERED = "web.toolkit"
RECENT = 60
LATEST: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}


class ToolkitWiring:
    """Connects the tab's components with what they do.

    Args:
        board: the page's own, which wakes the timer when a job was queued.
        board_outputs: what it returns.
    """

    def __init__(
        self, desk: Desk, tab: ToolkitTab, board: Callable[[], list[Any]], board_outputs: list[Any]
    ) -> None:
        self.desk, self.tab, self.board = desk, tab, board
        self.places, self.changes = desk.site.places, desk.site.changes
        self.board_outputs = board_outputs

    def wire(self, pulse: Pulse) -> None:
        """Connect everything."""
        tab = self.tab
        job_outputs = [tab.panel, tab.log, tab.cancel]
        told_outputs = [tab.command, tab.do, tab.check]
        list_outputs = [
            tab.place, tab.sources, tab.target, *(part for *_, part in tab.offering),
            tab.history, tab.undo,
        ]  # fmt: skip
        page_outputs = [tab.title, tab.changes, tab.pager, tab.where, tab.back, tab.on, tab.page]
        glance = (self.glance, [tab.place, tab.verb], job_outputs)
        tell = (self.tell, tab.inputs, told_outputs)
        shown = (self.shown, [tab.place, tab.verb], page_outputs)
        lists = (self.lists, [tab.place, tab.verb], list_outputs)

        chosen = (self.verb_chosen, [tab.place, tab.verb, tab.target], self._verb_outputs())
        rest = together([tell, glance, shown])

        opened = (self.opened, None, [tab.place, tab.verb, *tab.inputs[2:]])
        pulse.loaded(opened, chosen, lists, rest)
        pulse.ticked(glance)
        pulse.ended(lists, rest)
        tab.place.input(*lists, **QUICK).then(*rest, **QUICK)
        tab.verb.input(*chosen, **QUICK).then(*rest, **QUICK)
        gr.on([part.change for part in tab.inputs[2:]], *tell, **LATEST)

        outputs = [tab.notice, *self.board_outputs]
        for button, handler in (
            (tab.check, self.starter(dry=True)),
            (tab.do, self.starter(dry=False)),
        ):
            button.click(handler, tab.inputs, outputs, **QUICK).then(
                *together([glance, tell]), **QUICK
            )
        tab.undo.click(self.take_back, tab.place, outputs, **QUICK).then(*glance, **QUICK)
        tab.cancel.click(self.cancel, [tab.place, tab.verb], outputs, **QUICK)
        for button, step in ((tab.back, -1), (tab.on, 1)):
            button.click(
                self._turned(step), [tab.place, tab.verb, tab.page], page_outputs, **QUICK
            )

    # -- what is told ------------------------------------------------------------------------

    def opened(self) -> list[Any]:
        """Return where all settings stand, after a load of the page."""
        last = self.desk.studio.catalogue.recall(REMEMBERED, {})
        offered = list(self.places.offered())
        place = last.get("place")
        if place not in offered:
            place = offered[0] if len(offered) == 1 else None
        word = last.get("verb")
        word = word if word in self.tab.controls else next(iter(self.tab.controls))
        running = [job for job in self._recent() if job.is_open and job.verb in self.tab.controls]
        word = running[-1].verb if running else word
        values: list[Any] = []
        for name, one in self.tab.controls.items():
            values += one.values(self._remembered(name))
        return [
            gr.update(choices=offered, value=place), word, last.get("from", []),
            last.get("to", ""), bool(last.get("recursive")), *values,
        ]  # fmt: skip

    def verb_chosen(self, place: str, word: str, target: str) -> list[Any]:
        """Return which controls show for a verb, what it does, and where its results may go."""
        one = self.tab.controls[word]
        model = one.verb.params
        has_to = "to" in model.model_fields
        usual = model.model_fields["to"].default if has_to else ""
        others = {
            c.verb.params.model_fields["to"].default
            for c in self.tab.controls.values()
            if "to" in c.verb.params.model_fields
        }
        # A verb's usual place wins; what was typed stays for verbs that have none.
        value = usual if usual or target in others else target
        about = f"<p class='about'>{text(one.verb.help)}</p>"
        if word in toolkit_fields.READ_ONLY:
            about += "<p class='about'>It only looks: there is nothing to do after that.</p>"
        return [
            about,
            gr.update(visible="from_dirs" in model.model_fields),
            gr.update(visible="from_dirs" in model.model_fields),
            gr.update(visible=has_to, value=value if has_to else target),
            *(gr.update(visible=name == word) for name in self.tab.groups),
        ]

    def lists(self, place: str, word: str) -> list[Any]:
        """Return the folders and files to choose from, and what was done in the work folder."""
        offered = gr.update(choices=list(self.places.offered()))
        found = self.places.offered().get(place or "")
        if found is None:
            nothing = [gr.update(choices=[]) for _ in self.tab.offering]
            return [offered, gr.update(choices=[]), gr.update(choices=[]), *nothing,
                    toolkit_markup.history([]), gr.update(visible=False)]  # fmt: skip
        folders = self.places.folders(found, again=True)
        choices = [(folder.shown, folder.name) for folder in folders]
        names = [folder.name for folder in folders if folder.name != "."]
        parts = []
        for name, i, _ in self.tab.offering:
            shown = self.tab.controls[name].shown[i]
            suffixes = toolkit_fields.FILES.get(shown.field.name)
            parts.append(
                gr.update(choices=self.places.files(found, suffixes) if suffixes else choices)
            )
        runs = self.changes.runs(found)
        open_runs = [run for run in runs if run["state"] != "undone"]
        return [
            offered, gr.update(choices=choices), gr.update(choices=names), *parts,
            toolkit_markup.history(runs), gr.update(visible=bool(open_runs)),
        ]  # fmt: skip

    def tell(self, *sent: Any) -> list[Any]:
        """Return the command that the settings make, and whether it may be done."""
        settings = settings_of(self.tab, sent)
        looks = settings.verb in toolkit_fields.READ_ONLY
        name = "Check" if looks else "See what would happen"
        check = gr.update(value=name, variant="primary")
        no = gr.update(interactive=False, visible=not looks, variant="secondary")
        try:
            words = self.words(settings)
        except CurationError as error:
            return [error.message, no, check]
        found = self.places.find(settings.place)
        line = toolkit_fields.shown_command(settings.verb, words, found)
        if looks or not self._looked_at(settings.verb, ["-d", str(found), *words]):
            return [line, no, check]
        yes = gr.update(interactive=True, visible=True, variant="primary")
        return [line, yes, gr.update(value=name, variant="secondary")]

    def glance(self, place: str, word: str) -> list[Any]:
        """Return how the latest job of a verb is doing, or the undo after it."""
        job = self._latest(place, word, with_undo=True)
        log = self.desk.site.jobs.log_tail(job.id) if job else ""
        is_open = job is not None and job.is_open
        waiting = "Choose a work folder, folders and settings, then see what would happen."
        return [
            markup.job_panel(job, waiting),
            markup.log_view(log),
            gr.update(visible=is_open, interactive=is_open and not (job and job.cancel)),
        ]

    def shown(self, place: str, word: str, page: float = 0) -> list[Any]:
        """Return one page of what would happen, or has happened."""
        job = self._latest(place, word, with_undo=False)
        first = max(0, int(page or 0)) * PAGE
        if job is None or job.is_open or job.state != "done":
            empty = toolkit_markup.empty_changes(job)
            nothing = toolkit_markup.title(None, Page(), False)
            off = gr.update(interactive=False)
            return [nothing, empty, gr.update(visible=False), "", off, off, 0]
        found = self.changes.page(job, first, PAGE)
        undone = self._is_undone(place, job)
        last = first + PAGE >= found.showable
        place_told = f"{first + 1:,} to {first + len(found.items):,} of {found.showable:,}"
        return [
            toolkit_markup.title(job, found, undone),
            "" if undone else toolkit_markup.changes(job, found),
            gr.update(visible=found.showable > PAGE and not undone),
            place_told,
            gr.update(interactive=first > 0),
            gr.update(interactive=not last),
            first // PAGE,
        ]

    # -- what is done ------------------------------------------------------------------------

    def words(self, settings: Settings) -> list[str]:
        """Return the flags that settings make, after `-d PLACE`.

        Raises:
            CurationError: in one sentence, for what is missing or wrong.
        """
        place = self.places.find(settings.place)
        one = self.tab.controls.get(settings.verb)
        if one is None:
            raise CurationError("Choose what to do.")
        fields = one.verb.params.model_fields
        shared: dict[str, str] = {}
        if "from_dirs" in fields:
            shared["from_dirs"] = self.places.sources(place, settings.sources, settings.recursive)
        if "to" in fields:
            shared["to"] = self.places.target(place, settings.target)
        params = one.read(settings.values, shared, self.places, place)
        more = ["--recursive"] if settings.recursive and "from_dirs" in fields else []
        return [*toolkit_fields.argv_of(one.verb, params), *more]

    def starter(self, dry: bool) -> Callable[..., list[Any]]:
        """Return what the two buttons do: queue the job, when it may be done."""

        def start(*sent: Any) -> list[Any]:
            said = ""
            settings = settings_of(self.tab, sent)
            try:
                argv = ["-d", str(self.places.find(settings.place)), *self.words(settings)]
                if not dry and not self._looked_at(settings.verb, argv):
                    raise CurationError(
                        "The settings or the folder changed since.", "See what would happen first."
                    )
                if any(job.is_open and job.verb == settings.verb for job in self._recent()):
                    raise CurationError("This is under way.", "Wait for it, or cancel it.")
                self.desk.site.jobs.add(settings.verb, [*argv, *(["--dry-run"] if dry else [])])
                self._remember(settings)
            except CurationError as error:
                said = markup.refused(error)
            return [said, *self.board()]

        return start

    def take_back(self, place: str) -> list[Any]:
        """Queue the undo of the latest run of a work folder."""
        said = ""
        try:
            found = self.places.find(place)
            if any(job.is_open and place_of(job) == found for job in self._recent()):
                raise CurationError("Something is under way here.", "Wait for it, or cancel it.")
            self.desk.site.jobs.add(UNDO, ["-d", str(found)])
        except CurationError as error:
            said = markup.refused(error)
        return [said, *self.board()]

    def cancel(self, place: str, word: str) -> list[Any]:
        """Stop what is under way."""
        job_buttons.cancel(self.desk.site.jobs, self._latest(place, word, with_undo=True))
        return ["", *self.board()]

    # -- helpers -----------------------------------------------------------------------------

    def _turned(self, step: int) -> Callable[[str, str, float], list[Any]]:
        return lambda place, word, page: self.shown(place, word, (page or 0) + step)

    def _verb_outputs(self) -> list[Any]:
        tab = self.tab
        return [tab.about, tab.sources, tab.recursive, tab.target, *tab.groups.values()]

    def _recent(self) -> list[Job]:
        return self.desk.site.jobs.table.recent(RECENT)

    def _latest(self, place: str, word: str, with_undo: bool) -> Job | None:
        """Return the newest job of a verb in a work folder; an undo there, when it is newer."""
        found = self.places.offered().get(place or "")
        wanted = {word, UNDO} if with_undo else {word}
        jobs = (job for job in self._recent() if job.verb in wanted and place_of(job) == found)
        return None if found is None else next(jobs, None)

    def _looked_at(self, word: str, argv: Sequence[str]) -> bool:
        """Return whether the last thing done in a work folder was a dry run of just this."""
        for job in self._recent():
            if list(job.argv[:2]) != list(argv[:2]) or place_of(job) is None:
                continue
            if not is_dry(job):
                return False
            if job.verb == word:
                same = list(job.argv) == [*argv, "--dry-run"]
                would = (job.summary or {}).get("would")
                return same and job.state == "done" and would != []
        return False

    def _is_undone(self, place: str, job: Job) -> bool:
        run = (job.summary or {}).get("run")
        found = self.places.offered().get(place or "")
        if run is None or found is None:
            return False
        return any(r["id"] == run and r["state"] == "undone" for r in self.changes.runs(found))

    def _remembered(self, word: str) -> dict[str, Any]:
        found: dict[str, Any] = self.desk.studio.catalogue.recall(f"{REMEMBERED}.{word}", {})
        return found

    def _remember(self, settings: Settings) -> None:
        one = self.tab.controls[settings.verb]
        values = {
            shown.field.name: value
            for shown, value in zip(one.shown, settings.values, strict=True)
            if value != toolkit_fields.written(shown, shown.field.default)
        }
        catalogue = self.desk.studio.catalogue
        catalogue.remember(f"{REMEMBERED}.{settings.verb}", values)
        catalogue.remember(
            REMEMBERED,
            {
                "place": settings.place,
                "verb": settings.verb,
                "from": list(settings.sources),
                "to": settings.target,
                "recursive": settings.recursive,
            },
        )


