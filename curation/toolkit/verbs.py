"""Which toolkit verbs there are, what they are given, and the settings most of them share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from curation.errors import InputError, ParamError, SidecarError
from curation.params import Params, tunable
from curation.records import Progress
from curation.store.catalogue import Catalogue
from curation.toolkit import doing
from curation.toolkit import sidecar as sc
from curation.toolkit.plan import Plan
from curation.toolkit.workdir import Pic, WorkDir

Beats = Generator[Progress, None, None]

VERBS: dict[str, str] = {
    "select": "curation.toolkit.select:VERB",
    "annotate": "curation.toolkit.annotate:VERB",
    "rename": "curation.toolkit.rename:VERB",
    "validate": "curation.toolkit.validate:VERB",
    "analyze": "curation.toolkit.analyze:VERB",
    "dedup": "curation.toolkit.dedup:VERB",
    "detect": "curation.toolkit.detect:VERB",
    "extract-faces": "curation.toolkit.extract_faces:VERB",
    "extract-classes": "curation.toolkit.extract_classes:VERB",
    "extract-frames": "curation.toolkit.extract_frames:VERB",
    "cluster": "curation.toolkit.cluster:VERB",
    "augment": "curation.toolkit.augment:VERB",
    "format": "curation.toolkit.format:VERB",
    "frame": "curation.toolkit.frame:VERB",
    "fetch": "curation.toolkit.fetch:VERB",
    "review-apply": "curation.toolkit.review:VERB",
    "run": "curation.toolkit.workflow:VERB",
    "crops": "curation.cull.crops:VERB",
    "doctor": "curation.cull.doctor:VERB",
    "group": "curation.cull.group:VERB",
    "merge": "curation.cull.merge:VERB",
    "apply": "curation.cull.apply:VERB",
    "arrange": "curation.cull.arrange:VERB",
    "not-duplicate": "curation.cull.ignore:VERB",
    "query": "curation.cull.query:VERB",
    "stars": "curation.cull.stars:VERB",
}
"""Word on the command line -> where its Verb is; imported when it is asked for."""


class FromParams(Params):
    """Which folders a verb works in; no part of `digest()`, which says how it works."""

    from_dirs: str = tunable(
        "",
        "folders of pictures, with commas between; * and ? match folders",
        basic=True,
        key="from",
        required=True,
        cached=False,
    )


class FromToParams(FromParams):
    """Which folders a verb takes pictures from, and where it puts them."""

    to: str = tunable(
        "", "folder that the results go to", basic=True, required=True, cached=False
    )


@dataclass(frozen=True, slots=True)
class Context:
    """One run of a verb.

    Attributes:
        catalogue: of WORKDIR/.curation; a temporary one in a dry run of a work dir without.
        argv: words after the verb, for the journal.
        dry_run: nothing may change but caches; `carry_out` sees to it for what is in a plan.
        workers: as typed; 0 is one a core.
        recursive: pictures of sub-folders count too.
    """

    workdir: WorkDir
    catalogue: Catalogue
    verb: str = ""
    argv: Sequence[str] = ()
    dry_run: bool = False
    workers: int = 0
    strict: bool = False
    recursive: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def pictures(self, from_dirs: str) -> list[Pic]:
        """Return the pictures of the folders named, in order.

        Raises:
            InputError: for a folder that is not there, and when there is no picture at all.
        """
        folders = self.workdir.folders(from_dirs)
        found = self.workdir.pictures(folders, self.recursive)
        if not found:
            where = ", ".join(self.workdir.shown(folder) for folder in folders)
            raise InputError(
                f"there is no picture in {where}",
                "pictures of sub-folders count with --recursive" if not self.recursive else "",
            )
        return found

    def sidecars(self, pics: Iterable[Pic], plan: Plan) -> Iterator[tuple[Pic, sc.Sidecar]]:
        """Yield pictures with their sidecars; one that is corrupt fails in the plan instead."""
        for pic in pics:
            try:
                yield pic, sc.load(pic.path)
            except SidecarError as error:
                plan.fail(pic.path, error)

    def target(self, to: str) -> Path:
        """Return the folder results go to, absolute; it need not exist.

        Raises:
            InputError: when it is a file or leads out of the work dir.
        """
        folder = self.workdir.folder(to)
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file, not a folder", "name another with --to")
        return folder

    def plan(self) -> Plan:
        """Return an empty plan."""
        return Plan(self.workdir)

    def carry_out(self, plan: Plan, **summary: Any) -> Beats:
        """Do a plan, or only tell it in a dry run; `summary` is added to the last beat's.

        A dry run's summary has `would`: one line for each action.
        """
        if not self.dry_run:
            for beat in doing.run(plan, self.catalogue, self.verb, self.argv, self.workers):
                if beat.summary is None:
                    yield beat
                else:
                    yield self.ended(**{**beat.summary, **summary})
            return
        for item, reason in plan.failed:
            yield Progress(self.verb, failed=(item, reason), unit="files")
        items = [{"item": item, "reason": reason} for item, reason in plan.failed]
        # The studio's tab asks for more: see preview.teller.
        told = self.extra["tell"](plan) if "tell" in self.extra else {}
        yield self.ended(would=plan.lines(), failed_items=items, **told, **summary)

    def ended(self, **summary: Any) -> Progress:
        """Return the last beat of a verb: for one that has no plan, like validate."""
        told = {
            "verb": self.verb,
            "in": str(self.workdir.root),
            "dry_run": self.dry_run,
            "failed_items": [],
            **summary,
        }
        return Progress(self.verb, unit="files", summary=told)


@dataclass(frozen=True, slots=True)
class Verb:
    """A toolkit verb.

    Attributes:
        name: its word.
        params: its settings: flags, YAML keys and controls of the tab.
        run: takes (Context, params), yields Progress; the last beat is from `carry_out`/`ended`.
        help: one sentence for `--help` and the tab.
        config: whether the command takes a CONFIG file.
        home: the work dir by the params when -d does not say it; of verbs that take FOLDER...
        exit_code: of a summary that is no failure, e.g. validate's 1.
    """

    name: str
    params: type[Params]
    run: Callable[[Context, Any], Beats]
    help: str
    config: bool = True
    home: Callable[[Any], Path] | None = None
    exit_code: Callable[[Mapping[str, Any]], int] = field(default=lambda summary: 0)


def find(name: str) -> Verb:
    """Return a verb by its word, importing it.

    Raises:
        ParamError: when there is none of that word.
    """
    if name not in VERBS:
        raise ParamError(f"there is no verb {name!r}", f"known: {', '.join(sorted(VERBS))}")
    module, _, attribute = VERBS[name].partition(":")
    found: Verb = getattr(import_module(module), attribute)
    return found
