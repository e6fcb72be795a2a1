"""cluster: copies of pictures in folders by who is in them, or by what they look like."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np

from curation.engine.machine import pick_workers
from curation.errors import ImageUnreadable, InputError, ParamError
from curation.params import tunable
from curation.records import Progress
from curation.toolkit import embedders, grouping, pixels
from curation.toolkit import sidecar as sc
from curation.toolkit.cluster_files import NOISE, Place, clean, copies, earlier_copies
from curation.toolkit.embedders import Embedder, Vector
from curation.toolkit.index import Index
from curation.toolkit.plan import Plan, Write
from curation.toolkit.verbs import Beats, Context, FromToParams, Verb
from curation.toolkit.workdir import Pic

LIST = "clusters.json"
CACHED = "embedding"


class ClusterParams(FromToParams):
    """How pictures are put together."""

    model: Literal["arcface", "clip"] = tunable(
        "arcface", "arcface: by who is in the picture; clip: by what it looks like",
        short="-m", basic=True,
    )  # fmt: skip
    top: int | None = tunable(
        None, "folders made, largest groups first; the others go to noise", ge=1, short="-n",
        basic=True,
    )  # fmt: skip
    min_cluster_size: int = tunable(5, "least pictures of a group", ge=2, le=10_000, basic=True)
    min_samples: int = tunable(
        2, "how many neighbours make a place dense (HDBSCAN); higher leaves more out",
        ge=1, le=1000, basic=True,
    )  # fmt: skip
    references: str = tunable(
        "", "folders of known people or things, as in people/*: pictures like those of one go to "
        "a folder of its name, before the others are put together", basic=True,
    )  # fmt: skip
    reference_likeness: float | None = tunable(
        None, "least likeness (cosine) to a named folder; default is the model's own", ge=0, le=1
    )
    clean: bool = tunable(
        False, "take away earlier results that this run does not give", basic=True
    )
    no_cache: bool = tunable(False, "compute every vector anew", cached=False)
    batch_size: int = tunable(
        32, "pictures that go through the network at once", ge=1, le=1024, cached=False, short="-b"
    )
    weights: str | None = tunable(
        None, "an ArcFace network (ONNX), or CLIP weights for open-clip, instead of what is "
        "packaged", local=True,
    )  # fmt: skip
    clip_model: str = tunable("ViT-B-32", "which CLIP the weights are, as open-clip calls it")


def run(ctx: Context, params: ClusterParams) -> Beats:
    """Embed, group, copy; the summary says which model ran."""
    to, plan = ctx.target(params.to), ctx.plan()
    pics = pixels.sources(ctx, params.from_dirs, to)
    if not pics:
        raise InputError("there is no picture but those in --to", "check --from")
    known = _references(ctx, params.references)
    model = embedders.embedder(params.model, params.weights, params.clip_model)
    # The sidecars say nothing about groups; read first, so that one nobody can read is left out.
    pics = [pic for pic, _ in ctx.sidecars(pics, plan)]
    index = Index(ctx.workdir, ctx.catalogue)
    everyone = [*pics, *(pic for found in known.values() for pic in found)]
    content = yield from _contents(ctx, index, everyone, plan)
    vectors = yield from embed(
        ctx, model, index, content, plan, no_cache=params.no_cache, at_once=params.batch_size
    )

    places, refs = _sorted_out(params, model, pics, content, vectors, known)
    there = earlier_copies(ctx, to, plan)
    groups, listed = _names(ctx, to, places)
    if all(place.folder == NOISE for place in places):
        raise InputError(
            f"{len(places)} pictures, and no {params.min_cluster_size} of them belong together",
            "a smaller --min-cluster-size, or --model "
            + ("clip" if params.model == "arcface" else "arcface"),
        )
    yield from copies(ctx, model.title, to, places, there, plan)
    if params.clean:
        clean(ctx, to, places, there, plan)
    noise = sum(place.folder == NOISE for place in places)
    embedded = sum(vectors.get(place.content) is not None for place in places)
    said = {
        "model": params.model,
        "network": model.title,
        "min_cluster_size": params.min_cluster_size,
        "min_samples": params.min_samples,
        "total_images": len(places),
        "embedded_images": embedded,
        "num_clusters": len(groups),
        "noise_images": noise,
        "clusters": listed,
        NOISE: [ctx.workdir.stored(p.pic.path) for p in places if p.folder == NOISE],
        "schema": sc.SCHEMA,
    }
    data = (json.dumps(said, indent=2, ensure_ascii=False, default=str) + "\n").encode(
        errors="backslashreplace"
    )
    plan.add(Write(to / LIST, data, "which picture is in which folder", replace=True))
    yield from ctx.carry_out(
        plan, pictures=len(places), network=model.title, clusters=len(groups), noise=noise,
        without_vector=len(places) - embedded, named=len(refs),
        sizes={cluster["folder"]: cluster["size"] for cluster in listed},
    )  # fmt: skip


# -- vectors --------------------------------------------------------------------------------------


def _references(ctx: Context, spec: str) -> dict[str, list[Pic]]:
    if not spec.strip():
        return {}
    found: dict[str, list[Pic]] = {}
    for folder in ctx.workdir.folders(spec):
        name = folder.name
        if name == NOISE or name.isdecimal() or name.startswith("."):
            raise ParamError(
                f"--references: {folder} cannot name a group", "give it the name of who is in it"
            )
        if name in found:
            raise ParamError(f"--references names two folders {name}", "rename one of them")
        found[name] = ctx.workdir.pictures([folder], ctx.recursive)
        if not found[name]:
            raise InputError(f"there is no picture in the reference folder {folder}")
    return found


def _contents(
    ctx: Context, index: Index, pics: Sequence[Pic], plan: Plan
) -> Generator[Progress, None, dict[Path, str]]:
    found = yield from index.look(ctx.verb, pics, (), ctx.workers)
    for path, reason in found.failed.items():
        plan.fail(path, reason)
    return {path: key for path, key in found.content.items() if path not in found.failed}


def embed(
    ctx: Context,
    model: Embedder,
    index: Index,
    content: Mapping[Path, str],
    plan: Plan,
    *,
    no_cache: bool = False,
    at_once: int = 32,
) -> Generator[Progress, None, dict[str, Vector | None]]:
    """Return the vector of each content; None where there is no face. Those that fail are left out.

    Kept by content and model: an edited picture is a new one, a renamed one is not.

    Args:
        content: of each file; one that cannot be read fails in the plan.
        no_cache: compute every vector anew.
        at_once: pictures that go through the network together.
    """
    known: dict[str, Vector | None] = {}
    if not no_cache:
        for key, value in index.recall(CACHED, model.fp, set(content.values())).items():
            kept = value if isinstance(value, bytes) else b""
            known[key] = np.frombuffer(kept, "<f2").astype(np.float32) if kept else None
    first: dict[str, Path] = {}
    for path, key in content.items():
        if key not in known:
            first.setdefault(key, path)
    # Details count for faces, whose pictures are large: few at once. Looks are small.
    step = 4 if model.enough_px is None else at_once
    todo = list(first.items())
    chunks = [todo[at : at + step] for at in range(0, len(todo), step)]
    done = 0
    with ThreadPoolExecutor(pick_workers(ctx.workers, max(len(chunks), 1))) as pool:
        waiting = [pool.submit(_embedded, model, chunk) for chunk in chunks]
        try:
            for work in waiting:
                found, failed = work.result()
                index.remember(
                    CACHED,
                    model.fp,
                    {k: b"" if v is None else v.astype("<f2").tobytes() for k, v in found.items()},
                )
                # As they come out of the store next time: numbers must not differ by a run.
                known |= {
                    k: None if v is None else v.astype("<f2").astype(np.float32)
                    for k, v in found.items()
                }
                for path, reason in failed:
                    plan.fail(path, reason)
                done += len(found) + len(failed)
                yield Progress(ctx.verb, done, len(todo), "pictures", note=model.title)
        finally:
            pool.shutdown(cancel_futures=True)
    return known


def _embedded(
    model: Embedder, chunk: Sequence[tuple[str, Path]]
) -> tuple[dict[str, Vector | None], list[tuple[Path, str]]]:
    from curation.photos import decode

    found: dict[str, Vector | None] = {}
    failed: list[tuple[Path, str]] = []
    keys, batch = [], []
    for key, path in chunk:
        try:
            rgb = decode.pixels(decode.opened(*decode.read_bytes(path)), model.enough_px)
            if model.enough_px is None:
                found[key] = model([rgb])[0]
                continue
        except ImageUnreadable as error:
            failed.append((path, error.message))
            continue
        except Exception as error:  # one picture must not cost the others
            failed.append((path, f"{type(error).__name__}: {error}"))
            continue
        keys.append(key)
        batch.append(rgb)
    if batch:
        found |= dict(zip(keys, model(batch), strict=True))
    return found, failed


# -- groups ---------------------------------------------------------------------------------------


def _sorted_out(
    params: ClusterParams,
    model: Embedder,
    pics: Sequence[Pic],
    content: Mapping[Path, str],
    vectors: Mapping[str, Vector | None],
    known: Mapping[str, Sequence[Pic]],
) -> tuple[list[Place], set[str]]:
    """Return where each picture goes, groups named by a number of rank; and names in use."""
    places = [
        Place(pic, content[pic.path], NOISE, None, "no face is found in it")
        for pic in pics
        if content.get(pic.path) in vectors
    ]
    seen = [(place, vectors[place.content]) for place in places]
    with_vector = [(place, vector) for place, vector in seen if vector is not None]
    if not with_vector:
        return places, set()
    table = np.stack([vector for _, vector in with_vector])
    people = {}
    for name, found in known.items():
        rows = [vectors.get(content.get(pic.path, "")) for pic in found]
        real = [row for row in rows if row is not None]
        if real:
            people[name] = np.stack(real)
    least = params.reference_likeness
    least = model.likeness.reference if least is None else least
    names, likes = grouping.named(table, people, least)
    for (place, _), title, like in zip(with_vector, names, likes, strict=True):
        if title is not None:
            place.folder, place.likeness = title, round(float(like), 3)
            place.reason = f"like the pictures of {title}"
    rest = [i for i, name in enumerate(names) if name is None]
    labels = grouping.grouped(
        table[rest], params.min_cluster_size, params.min_samples, model.likeness
    )
    for label in sorted(set(labels.tolist())):
        mine = [rest[i] for i in np.flatnonzero(labels == label)]
        centre = grouping.middle(table[mine])
        for i in mine:
            place = with_vector[i][0]
            if label == grouping.NOISE:
                place.reason = "like no other group of pictures"
                continue
            place.likeness = round(float(table[i] @ centre), 3)
            place.folder, place.reason = f"{label}", "like the others of its folder"
            if params.top is not None and label >= params.top:
                place.folder = NOISE
                place.reason = f"its group is not among the {params.top} largest"
    return places, {name for name in names if name is not None}


def _names(
    ctx: Context, to: Path, places: Sequence[Place]
) -> tuple[list[str], list[dict[str, Any]]]:
    """Give groups their numbers; return their folders, and what clusters.json says of each."""
    stored = {id(place): ctx.workdir.stored(place.pic.path) for place in places}
    ranks = sorted({int(p.folder) for p in places if p.folder.isdecimal()})
    members = [{stored[id(p)] for p in places if p.folder == str(rank)} for rank in ranks]
    earlier = _earlier(to / LIST)
    # The same file in another folder of --from is another picture: paths tell them apart.
    names = dict(zip(map(str, ranks), grouping.numbers(members, earlier), strict=True))
    for place in places:
        place.folder = names.get(place.folder, place.folder)
    sizes: dict[str, list[str]] = {}
    for place in places:
        if place.folder != NOISE:
            sizes.setdefault(place.folder, []).append(stored[id(place)])
    order = sorted(sizes, key=lambda name: (-len(sizes[name]), name))
    listed = [
        {
            "rank": rank,
            "label": int(name) if name.isdecimal() else name,
            "folder": name,
            "size": len(sizes[name]),
            "members": sizes[name],
        }
        for rank, name in enumerate(order)
    ]
    return order, listed


def _earlier(path: Path) -> dict[str, set[str]]:
    """Return the members of each numbered folder of the run before.

    Raises:
        InputError: when the file is somebody else's.
    """
    if not path.exists():
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = said["clusters"]
        return {
            str(row["folder"]): set(row.get("members", ()))
            for row in rows
            if str(row.get("folder", "")).isdecimal()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{path} is not a list that cluster wrote; it is not overwritten",
            "move it away, or name another folder with --to",
        ) from None


VERB = Verb(
    "cluster",
    ClusterParams,
    run,
    "Copy pictures into folders 000, 001, ... by who is in them, or by what they look like.",
)
