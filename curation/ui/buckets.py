"""Buckets, drives and folders on the web in the first tab: look what is there, then take it in.

Only what was looked at can be added: the job's command line is made from an address that this
server has checked. A key is chosen by the name of a file that whoever started the studio offers; it
is never sent, shown or written into a command.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from curation.engine.machine import LEAST_FREE_BYTES
from curation.errors import CurationError
from curation.ingest.remote import KINDS
from curation.places import keys
from curation.places.place import PlaceError
from curation.public_only import without_secrets
from curation.store.jobs import Job
from curation.ui import job_buttons, markup
from curation.ui.desk import Desk
from curation.ui.pulse import QUICK, Pulse, together
from curation.ui.words import text
from curation.web import place_check
from curation.web.upload_facts import footage_bytes
from curation.words import count, size

VERB = "add"
NOBODY = "No key: the place is public"
COPY, LEAVE = "Copy them here", "Leave them there"
FORMS = "gs://bucket/folder, s3://bucket/folder, gdrive://folder-id or https://host/folder/"
LONGEST_ADDRESS = 1000
SHOWN = 20
MOST_KEPT = 200
AMAZON = "AWS_SHARED_CREDENTIALS_FILE"


@dataclass(frozen=True)
class BucketsCard:
    """The components of the card."""

    box: Any
    key: Any
    how: Any
    look: Any
    start: Any
    cancel: Any
    resume: Any
    notice: Any
    found: Any
    panel: Any

    @property
    def job_outputs(self) -> list[Any]:
        """Return what shows the job, in the order of `BucketDesk.job`."""
        return [self.panel, self.cancel, self.resume]


def build(desk: Desk) -> BucketsCard:
    """Place the card; call it inside the tab's column."""
    try:
        names = list(keys.offered())
    except CurationError:
        names = []  # said when somebody looks
    with gr.Column(elem_classes="card", elem_id="buckets"):
        gr.HTML(
            "<h2>From a bucket or a web folder</h2><p class='about'>Google and Amazon buckets, "
            "folders of Google Drive, folders that a web server lists.</p>",
            js_on_load=None,
        )
        with gr.Column(elem_classes="fields"):
            box = gr.Textbox(
                label="Address", lines=1, max_lines=1, placeholder="gs://bucket/folder", info=FORMS,
                max_length=LONGEST_ADDRESS, elem_id="buckets-box", elem_classes="setting",
            )  # fmt: skip
            key = gr.Dropdown(
                [*names, NOBODY], value=(names or [NOBODY])[0], label="Key file on the server",
                info="Named by whoever starts the studio: CURATION_GCS_KEY or CURATION_KEYS. A key "
                "is never typed or sent here.",
                elem_id="buckets-key", elem_classes="setting",
            )  # fmt: skip
            how = gr.Radio(
                [COPY, LEAVE], value=COPY, label="Videos", elem_id="buckets-how",
                info="Left there they take no room, and every step reads them over the network.",
                elem_classes="setting",
            )  # fmt: skip
        with gr.Row(elem_classes="actions"):
            look = gr.Button("Check", variant="secondary", size="md", elem_id="buckets-check")
            start = gr.Button(
                "Add", variant="primary", size="md", interactive=False, elem_id="buckets-start"
            )
            cancel = gr.Button(
                "Cancel", variant="secondary", size="md", visible=False, elem_id="buckets-cancel"
            )
            resume = gr.Button(
                "Resume", variant="secondary", size="md", visible=False, elem_id="buckets-resume"
            )
        notice = gr.HTML("", js_on_load=None, elem_classes="said")
        found = gr.HTML("", js_on_load=None, elem_id="buckets-found")
        panel = gr.HTML("", js_on_load=None, elem_id=f"job-{VERB}")
    return BucketsCard(box, key, how, look, start, cancel, resume, notice, found, panel)


@dataclass(frozen=True)
class Seen:
    """What is new in a place: videos, and their bytes."""

    videos: int
    n_bytes: int


class BucketDesk:
    """What this server has looked at, and the job that takes it in."""

    def __init__(self, desk: Desk, card: BucketsCard) -> None:
        self.desk, self.card = desk, card
        self._seen: dict[tuple[str, str], Seen] = {}
        self._looking = threading.Lock()

    def look(self, typed: str, key: str) -> list[Any]:
        """Return what a place holds: notice, table, the button."""
        if not self._looking.acquire(blocking=False):
            said = "Another place is being looked at; try again when that has ended."
            return _nothing(markup.notice(said, "soft"))
        try:
            url = address_of(typed)
            warning = self._warning(url, key)
            self.desk.site.trail.note("place looked at", url=url, key=key_words(url, key)[0])
            summary = place_check.look(self.desk.studio.root, [url, *key_words(url, key)])
        except CurationError as error:
            return _nothing(markup.notice(_for_here(error.message), hint=_for_here(error.hint)))
        finally:
            self._looking.release()
        if summary["failed_items"]:
            why = str(summary["failed_items"][0]["reason"])
            return _nothing(markup.notice(f"{url}: {_for_here(why)}"))
        new = sum(1 for row in summary["found"] if not row["here"])
        self._seen.pop((url, key), None)
        if new:
            self._seen[url, key] = Seen(new, int(summary["new_bytes"]))
        for seen in list(self._seen)[:-MOST_KEPT]:
            del self._seen[seen]
        lacks = self.no_room(int(summary["new_bytes"])) if new else ""
        notice = markup.notice(warning, "soft")
        return [notice, found_table(summary, new, lacks), self.button(typed, key)]

    def button(self, typed: str, key: str) -> Any:
        """Return the button's state for what stands in the fields now.

        Told by what this server has seen and not by a state of the page: of two answers that are
        under way at once, either may come last.
        """
        seen = self._seen.get((_url(typed), key))
        label = f"Add {count(seen.videos, 'video')}" if seen is not None else "Add"
        return gr.update(interactive=seen is not None, value=label)

    def start(self, typed: str, key: str, how: str) -> str:
        """Queue the job that takes in a place that was looked at; return what to say."""
        url = _url(typed)
        seen = self._seen.get((url, key))
        if seen is None:
            return markup.notice("Check the address first.", "soft")
        copied = how != LEAVE
        lacks = self.no_room(seen.n_bytes) if copied else why_not_left(url, key)
        if lacks:
            return markup.notice(lacks)
        words = [url, *key_words(url, key), *([] if copied else ["--no-copy"])]
        job = self.latest()
        if job is not None and job.is_open and list(job.argv) == words:
            return markup.notice(f"Job {job.id} does just that.", "soft")
        try:
            self._warning(url, key)
            self.desk.site.jobs.add(VERB, words)
        except CurationError as error:
            return markup.refused(error)
        return ""

    def no_room(self, size_bytes: int) -> str:
        """Return why so much cannot be copied now, "" when it can."""
        root, quota = self.desk.studio.root, self.desk.site.settings.quota_bytes
        here = footage_bytes(root) if quota else 0
        if quota and here + size_bytes > quota:
            return (
                f"Copied, they do not fit: this datastore may hold {size(quota)} of video and has "
                f"{size(here)} (CURATION_QUOTA_GB)."
            )
        free = shutil.disk_usage(root).free
        if size_bytes + LEAST_FREE_BYTES > free:
            return (
                f"Copied, they do not fit: {size(size_bytes + LEAST_FREE_BYTES)} are needed, "
                f"{size(free)} are free. Make room, name a folder with less in it, or leave them "
                "there."
            )
        return ""

    def latest(self) -> Job | None:
        """Return the latest job of this card."""
        return self.desk.site.jobs.table.latest(VERB)

    def job(self) -> list[Any]:
        """Return how the latest job is doing, and what can be done about it."""
        job = self.latest()
        return [markup.job_panel(job, "") if job is not None else "", *job_buttons.standing(job)]

    def cancel(self) -> None:
        """Ask the running job to stop."""
        job_buttons.cancel(self.desk.site.jobs, self.latest())

    def resume(self) -> str:
        """Queue the latest job again, to go on where it stopped; return what to say."""
        return job_buttons.resume(self.desk.site.jobs, self.latest())

    def _warning(self, url: str, key: str) -> str:
        """Return what is wrong with who may read a key; KeyRefused when it may not be used."""
        scheme = url.partition("://")[0]
        if key == NOBODY:
            if scheme == "gdrive":
                raise PlaceError("A folder of Google Drive needs a key.", "Choose one above.")
            return ""
        found = keys.named(key, self.desk.studio.root, scheme)
        return found.warning if found is not None else ""


def wire(
    desk: Desk, card: BucketsCard, pulse: Pulse,
    board: Callable[[], list[Any]], board_outputs: list[Any],
) -> BucketDesk:  # fmt: skip
    """Connect the card; arguments as those of `links.wire`."""
    place = BucketDesk(desk, card)
    looked = [card.notice, card.found, card.start]
    shown: tuple[Any, ...] = (place.job, None, card.job_outputs)
    gr.on(
        [card.look.click, card.box.submit], place.look, [card.box, card.key], looked,
        show_progress="minimal", show_progress_on=card.found, api_visibility="private",
    ).then(place.button, [card.box, card.key], card.start, **QUICK)  # fmt: skip
    # Another address or key needs another look. What was typed before one may be answered after
    # it, so a look asks again.
    for part in (card.box, card.key):
        part.input(
            place.button, [card.box, card.key], card.start, trigger_mode="always_last", **QUICK
        )
    told = together([shown, (board, None, board_outputs)])
    start = card.start.click(place.start, [card.box, card.key, card.how], card.notice, **QUICK)
    start.then(*told, **QUICK)
    for button, act, said in (
        (card.cancel, place.cancel, None), (card.resume, place.resume, card.notice)
    ):  # fmt: skip
        button.click(act, None, said, **QUICK).then(*told, **QUICK)
    for when in (pulse.loaded, pulse.ticked, pulse.ended):
        when(shown)
    return place


def address_of(typed: str) -> str:
    """Return an address that may be looked at and written down.

    Raises:
        CurationError: it is none, or may hold a secret; what was typed is not repeated.
    """
    url = (typed or "").strip()
    scheme, _, rest = url.partition("://")
    if not url:
        raise CurationError("Type an address first.", FORMS)
    if len(url) > LONGEST_ADDRESS or any(ord(one) <= 32 or ord(one) == 127 for one in url):
        raise CurationError("One address at a time, without spaces (%20 is one).", FORMS)
    if scheme.lower() not in KINDS or not rest.strip("/"):
        raise CurationError("That is no address of a bucket, drive or folder.", FORMS)
    if "?" in rest or "#" in rest:
        raise CurationError(
            "An address with ? or # is not taken here: what stands behind it may be a secret, and "
            "addresses are kept and shown.",
            "For a signed address, name the place as gs:// or s3:// with a key file; for the page "
            "of a video, use Fetch from links.",
        )
    if "@" in rest.partition("/")[0]:
        raise CurationError(
            "An address with a name or password before @ is not taken here: addresses are kept and "
            "shown.", "Folders behind a password cannot be read.",
        )  # fmt: skip
    url = f"{scheme.lower()}://{rest}"
    if without_secrets(url) != url:  # some servers of files keep a pass in the path
        raise CurationError(
            "That address seems to hold a pass in its path, and addresses are kept and shown.",
            "Name the place as gs:// or s3:// with a key file.",
        )
    return url


def _url(typed: str) -> str:
    """Return the address that was typed, "" when it is none."""
    try:
        return address_of(typed)
    except CurationError:
        return ""


def key_words(url: str, key: str) -> list[str]:
    """Return the words of the command that say who asks: a name of a key, never a path."""
    is_web = KINDS[url.partition("://")[0]] == "folder"
    return ["--no-key"] if is_web or key == NOBODY else [f"--key-name={key}"]


def why_not_left(url: str, key: str) -> str:
    """Return why the videos of a place cannot stay there, "" when they can.

    Later steps read them with the key that the environment names, and know no other.
    """
    if key_words(url, key) == ["--no-key"]:
        return ""
    name = AMAZON if url.startswith("s3:") else keys.VARIABLE
    chosen, standing = keys.offered().get(key), os.environ.get(name)
    if chosen is not None and standing and Path(standing).resolve() == chosen.resolve():
        return ""
    return (
        f"They cannot stay there with this key: every later step reads with the one that {name} "
        f"names. Start the studio with {name}=FILE for this key, or copy them here."
    )


def found_table(summary: Mapping[str, Any], new: int, lacks: str) -> str:
    """Return what a place holds: how much, what is here, whether it fits, then the first names."""
    found = summary["found"]
    total = sum(row["size_bytes"] for row in found)
    others = int(summary["others"])
    parts = [f"{count(len(found), 'video')}, {size(total)}." if found else "No video is there."]
    if others:
        parts.append(f"{count(others, 'file')} left out: no video by name.")
    if len(found) > new:
        parts.append(f"{len(found) - new:,} here already.")
    if new and not lacks:
        taken, free = size(summary["new_bytes"]), size(summary["free_bytes"])
        parts.append(f"Copied, {count(new, 'video')} take {taken}; {free} are free: they fit.")
    rows = "".join(
        f"<tr><td><b>{text(row['name'])}</b></td><td>{size(row['size_bytes'])}</td><td>"
        + (f"<span class='badge good'>Is here</span><span class='dim'>{text(row['here'])}</span>"
           if row["here"] else "<span class='badge soft'>New</span>")
        + "</td></tr>"
        for row in found[:SHOWN]
    )  # fmt: skip
    more = f"<p class='dim'>and {len(found) - SHOWN:,} more</p>" if len(found) > SHOWN else ""
    table = f"<table class='videos places'><tbody>{rows}</tbody></table>{more}" if rows else ""
    return f"<p class='about sum'>{text(' '.join(parts))}</p>{markup.notice(lacks)}{table}"


def _nothing(notice: str) -> list[Any]:
    return [notice, "", gr.update(interactive=False, value="Add")]


def _for_here(said: str) -> str:
    """Return what the verb says, without the options that only a command line has."""
    said = said.replace("no key was given: --key FILE or CURATION_GCS_KEY=FILE", "no key is chosen")
    return said.replace("python -m curation download URL is", "Fetch from links is")
