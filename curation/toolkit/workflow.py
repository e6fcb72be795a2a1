"""run: the steps of a workflow one after another, with a report, going on where it stopped.

Every step is journalled as a run of its own, so `undo` takes back the last step and `undo --to N`
the whole. What the steps did is noted in WORKDIR/.curation/workflows as they end. Typed again:

* after a stop or a kill, the steps that had ended are not done again;
* after a whole run, a step is done again only where its settings, or the files in the folders that
  it names, are not as that run left them: nothing changed, nothing is done;
* a step that was undone is done again, and with --restart all are. A picture that somebody adds
  while a workflow runs may need --restart to be seen.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from curation.errors import CurationError, InputError, NoSpace, ParamError
from curation.params import Params, tunable
from curation.records import Progress
from curation.store.file_journal import UNDOING, UNDONE
from curation.toolkit.files import Files
from curation.toolkit.verbs import Beats, Context, Verb
from curation.toolkit.workflow_file import Step, paths_in, read
from curation.words import count

DONE, ASIT, FAILED, OPEN = "done", "as it was", "failed", "not yet known"
TAIL = 20
"""Last lines of a shell command's output that are kept for the report."""
STRICT_CODE = 3


class WorkflowParams(Params):
    """Which workflow is run."""

    workflow: str = tunable(
        "", "name of the workflow in the file", positional=True, required=True, basic=True
    )
    config: str = tunable(
        "",
        "YAML file with `workflows` and a section for each verb",
        positional=True,
        required=True,
        basic=True,
        local=True,
    )
    allow_exec: bool = tunable(
        False, "let exec steps run their shell commands; only here, never in the file", local=True
    )
    restart: bool = tunable(False, "do every step again, whatever an earlier run has done")


Answer = dict[str, Any]


def run(ctx: Context, params: WorkflowParams) -> Beats:
    """Run a workflow to its end or to the first step that fails."""
    file = Path(params.config)
    steps = read(file, params.workflow)
    shells = [step for step in steps if step.verb is None]
    if shells and not params.allow_exec and not ctx.dry_run:
        raise ParamError(
            f"{file}: {shells[0].label} wants to run `{shells[0].shell}`",
            "--allow-exec, if you trust the file",
        )
    notes = Notes(ctx, file, params.workflow, restart=params.restart)
    told: list[Answer] = []
    for step in steps:
        about = {"step": step.number, "verb": step.name, "command": step.line}
        if notes.stands(step, steps):
            told.append({**about, "state": ASIT, "skipped_whole": True})
            continue
        yield Progress(ctx.verb, step.number - 1, len(steps), "steps", note=step.line)
        begun_s = time.monotonic()
        answer = yield from _step(ctx, step, told)
        told.append({**about, **answer, "seconds": round(time.monotonic() - begun_s, 2)})
        if not ctx.dry_run:
            notes.ended(step, told[-1])
        if told[-1]["state"] == FAILED:
            break
    finished = len(told) == len(steps) and told[-1]["state"] != FAILED
    if not ctx.dry_run:
        notes.close(steps, told, finished)
    yield _summary(ctx, params, steps, told, notes)


def _step(ctx: Context, step: Step, told: Sequence[Answer]) -> Generator[Progress, None, Answer]:
    try:
        if step.verb is None:
            return (yield from _shell(ctx, step))
        return (yield from _verb(ctx, step, step.verb))
    except NoSpace:
        raise
    except CurationError as error:
        earlier = any(one.get("would") for one in told)
        if ctx.dry_run and earlier and isinstance(error, InputError):
            # It may well read what a step above would have made.
            return {"state": OPEN, "reason": error.message, "would": []}
        return {"state": FAILED, "reason": error.message, "hint": error.hint, "would": []}


def _verb(ctx: Context, step: Step, verb: Verb) -> Generator[Progress, None, Answer]:
    dry = ctx.dry_run or bool(step.common.get("dry_run"))
    strict = ctx.strict or bool(step.common.get("strict"))
    inner = replace(
        ctx,
        verb=step.name,
        argv=step.argv,
        dry_run=dry,
        strict=strict,
        recursive=ctx.recursive or bool(step.common.get("recursive")),
        workers=ctx.workers or int(step.common.get("workers", 0)),
    )
    summary: Mapping[str, Any] = {}
    for beat in verb.run(inner, step.params):
        if beat.summary is None:
            yield beat
        else:
            summary = beat.summary
    failed = list(summary.get("failed_items", ()))
    answer: Answer = {
        "state": DONE if summary.get("done", 1) or failed else ASIT,
        "run": summary.get("run"),
        "would": list(summary.get("would", ())),
        "failed_items": failed,
        "summary": _short(summary),
    }
    if code := verb.exit_code(summary):
        reason = "; ".join(map(str, summary.get("lines", ()))) or f"exit code {code}"
        answer |= {"state": OPEN if dry else FAILED, "reason": reason, "code": code}
    elif strict and failed and not dry:
        reason = f"{count(len(failed), 'item')} failed"
        answer |= {"state": FAILED, "reason": reason, "code": STRICT_CODE}
    return answer


def _shell(ctx: Context, step: Step) -> Generator[Progress, None, Answer]:
    if ctx.dry_run:
        return {"state": OPEN, "would": [f"in a shell: {step.shell}"], "reason": "a shell command"}
    ctx.workdir.root.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=TAIL)
    # What it prints must not get into --json; a pipe also tells when it ends.
    process = subprocess.Popen(
        step.shell,
        shell=True,
        cwd=ctx.workdir.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.decode(errors="replace").rstrip())
            yield Progress(ctx.verb, note=tail[-1], unit="steps")
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    answer: Answer = {"state": DONE, "code": 0, "output": list(tail)}
    if code:
        last = f": {tail[-1]}" if tail else ""
        answer |= {"state": FAILED, "reason": f"the command gave {code}{last}", "code": 1}
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a shell command with everything it started: its session is its own."""
    import signal

    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, name)
            process.wait(timeout=3)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _short(summary: Mapping[str, Any]) -> Answer:
    """Return what a report keeps of a step's summary: no long lists."""
    own = {"would", "lines", "failed_items", "in", "verb", "run", "dry_run"}
    return {
        key: value
        for key, value in summary.items()
        if key not in own and not (isinstance(value, list | tuple | Mapping) and len(value) > 50)
    }


def _summary(
    ctx: Context, params: WorkflowParams, steps: Sequence[Step], told: list[Answer], notes: Notes
) -> Progress:
    last = told[-1] if told else {}
    items = [
        {**item, "item": f"{one['verb']}: {item['item']}", "step": one["step"]}
        for one in told
        for item in one.get("failed_items", ())
    ]
    runs = [one["run"] for one in told if one.get("run")]
    lines = [_line(one) for one in told]
    if last.get("state") == FAILED:
        lines.append(f"stopped at step {last['step']} ({last['verb']}): {last['reason']}")
        lines += [f"hint: {last['hint']}"] if last.get("hint") else []
        lines.append("type the same again to go on from there")
    for step in steps[len(told) :]:
        lines.append(f"  {step.number:2} {step.line}: not reached")
    if runs:
        lines.append(f"to take all of it back: python -m curation undo --to {min(runs)}")
    more: dict[str, Any] = {"would": [f"{one['verb']}: {line}" for one in told
                                      for line in one.get("would", ())]} if ctx.dry_run else {
        "done": sum(one.get("summary", {}).get("done", 0) for one in told),
        "skipped": sum(one.get("summary", {}).get("skipped", 0) for one in told),
    }  # fmt: skip
    return ctx.ended(
        **more,
        workflow=params.workflow,
        steps=[{k: v for k, v in one.items() if k != "would"} for one in told],
        runs=runs,
        lines=lines,
        failed_items=items,
        finished=len(told) == len(steps) and last.get("state") != FAILED,
        report=ctx.workdir.shown(notes.path),
    )


def _line(one: Mapping[str, Any]) -> str:
    inner = one.get("summary", {})
    if one.get("skipped_whole"):
        how = "as it was; done by an earlier run"
    elif one["state"] == OPEN:
        how = f"cannot be told before the steps above have run ({one.get('reason', '')})"
    elif "done" in inner:
        how = f"{inner['done']} done, {inner['skipped']} as it was"
    elif one.get("would") is not None and "seconds" in one and inner.get("would") is not None:
        how = f"would change {count(len(one['would']), 'thing')}"
    else:
        how = one["state"]
    if one.get("failed_items"):
        how += f", {len(one['failed_items'])} failed"
    took = f"  ({one['seconds']:.1f} s)" if "seconds" in one else ""
    return f"  {one['step']:2} {one['command']}: {how}{took}"


class Notes:
    """What earlier runs of a workflow have done; one JSON file a workflow, replaced as a whole."""

    def __init__(self, ctx: Context, file: Path, name: str, restart: bool = False) -> None:
        key = hashlib.sha256(f"{file.absolute()}\0{name}".encode()).hexdigest()[:12]
        self.path = ctx.workdir.ours / "workflows" / f"{key}.json"
        self._root = ctx.workdir.root
        self._undone: set[int] = set()
        self._earlier = {} if restart else self._read()
        self._going_on = bool(self._earlier) and not self._earlier.get("finished")
        self._now: Answer = {
            "config": str(file), "workflow": name, "finished": False, "steps": [],
            "started_s": round(time.time(), 3),
        }  # fmt: skip
        if self._earlier:
            runs = Files(ctx.catalogue).journal.runs()
            self._undone = {run["id"] for run in runs if run["state"] in (UNDONE, UNDOING)}

    def _read(self) -> Answer:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}  # without notes all steps are done again, which changes nothing that is right
        return found if isinstance(found, dict) and isinstance(found.get("steps"), list) else {}

    def stands(self, step: Step, steps: Sequence[Step]) -> bool:
        """Return whether a step need not be done; it is noted as done then."""
        known = self._earlier.get("steps", [])
        noted = known[step.number - 1] if step.number <= len(known) else {}
        good = (
            noted.get("fp") == step.fp
            and noted.get("state") in (DONE, ASIT)
            and not set(noted.get("runs", ())) & self._undone
        )
        look = noted.get("look")
        if not good or not (
            self._going_on or (look is not None and look == look_of(self._root, step))
        ):
            # From the first step that is done again, what the killed run noted says nothing.
            self._going_on = False
            return False
        self._now["steps"].append(noted)
        return True

    def ended(self, step: Step, answer: Mapping[str, Any]) -> None:
        """Note how a step ended."""
        earlier = self._earlier.get("steps", [])[step.number - 1 : step.number]
        runs = [answer["run"]] if answer.get("run") else []
        if earlier and earlier[0].get("fp") == step.fp and answer["state"] != FAILED:
            runs = sorted({*earlier[0].get("runs", ()), *runs} - self._undone)
        kept = {k: v for k, v in answer.items() if k not in ("would", "run")}
        self._now["steps"].append({**kept, "fp": step.fp, "runs": runs, "look": None})
        self._write()

    def close(self, steps: Sequence[Step], told: Sequence[Answer], finished: bool) -> None:
        """Note the end, and after a whole run how the folders look now."""
        self._now |= {"finished": finished, "ended_s": round(time.time(), 3)}
        whole = self._earlier.get("finished")
        resumed = not whole and any(one.get("skipped_whole") for one in told)
        for step, noted in zip(steps, self._now["steps"], strict=False):
            skipped = noted in self._earlier.get("steps", [])
            # What came in between the kill and the going on was not seen by the steps before.
            fresh = finished and not (resumed and skipped)
            noted["look"] = look_of(self._root, step) if fresh else None
        self._write()

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temp = self.path.with_suffix(".part")
        temp.write_text(json.dumps(self._now, indent=1) + "\n", encoding="utf-8")
        temp.replace(self.path)


def look_of(root: Path, step: Step) -> str | None:
    """Return a digest of names, sizes and times below what a step names; None for a command."""
    if step.params is None:
        return None
    digest = hashlib.blake2b(digest_size=12)
    values = [getattr(step.params, name) for name in type(step.params).model_fields]
    for path in paths_in(root, values):
        digest.update(os.fsencode(path))
        for name, size, mtime_ns in _listed(path):
            digest.update(b"%b\0%d\0%d\n" % (name, size, mtime_ns))
    return digest.hexdigest()


def _listed(path: Path) -> Iterator[tuple[bytes, int, int]]:
    if path.is_file():
        stat = path.stat()
        yield os.fsencode(path), stat.st_size, stat.st_mtime_ns
        return
    for folder, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for file in (Path(folder) / name for name in sorted(names)):
            try:
                stat = file.lstat()
            except OSError:
                continue  # gone since it was listed
            yield os.fsencode(file), stat.st_size, stat.st_mtime_ns


def _code(summary: Mapping[str, Any]) -> int:
    if summary.get("finished", True) or summary.get("dry_run"):
        return 0
    steps = summary.get("steps") or [{}]
    return STRICT_CODE if steps[-1].get("code") == STRICT_CODE else 1


VERB = Verb(
    "run",
    WorkflowParams,
    run,
    "Run a workflow: steps of a YAML file, one after another; typed again, it goes on where it "
    "stopped.",
    config=False,
    exit_code=_code,
)
