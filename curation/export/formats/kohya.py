"""kohya-ss sd-scripts: N_class folders with captions, and a dataset.toml with buckets.

Layout and keys: sd-scripts, docs/config_README-en.md and docs/train_README (DreamBooth folders,
"<repeats>_<class>"); a subset of the TOML names image_dir, num_repeats and class_tokens.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from curation.decide.crop_ratio import BUCKET
from curation.export.formats.base import Format, Out, Placed, Text, below, caption_files
from curation.export.plan import Item, Plan
from curation.records import Progress

MOST_REPEATS = 4
"""One picture that is seen twenty times in an epoch is learned by heart."""
BUCKET_STEP_PX, LEAST_BUCKET_PX = 64, 256
RESOLUTIONS = (512, 768, 1024)
ENDING = ".txt"


class Kohya(Format):
    """SPLIT/REPEATS_TOKEN POOL/NAME.jpg with NAME.txt, and SPLIT.toml for --dataset_config."""

    name: ClassVar[str] = "kohya"
    about: ClassVar[str] = "folders REPEATS_CLASS with captions and a dataset config, for LoRAs"
    reader: ClassVar[str] = "kohya-ss sd-scripts"

    def __init__(self) -> None:
        self._repeats: dict[str, dict[str, int]] = {}

    def repeats(self, plan: Plan, split: str) -> dict[str, int]:
        """Return how often the pictures of each pool of a split are taken in an epoch."""
        if split not in self._repeats:
            self._repeats[split] = repeats(plan, split)
        return self._repeats[split]

    def path(self, item: Item, plan: Plan) -> str:
        """Return SPLIT/REPEATS_TOKEN POOL/NAME."""
        return below(item.split or "train", self.folder(item.pool, item.split, plan), item.name)

    def folder(self, pool: str, split: str, plan: Plan) -> str:
        """Return the folder of a pool: how often it is repeated, and its class."""
        word = re.sub(r"[^\w ]+", " ", plan.params.token).strip() or "person"
        return f"{self.repeats(plan, split)[pool]}_{word} {pool.replace('_', ' ')}"

    def write(self, plan: Plan, out: Out) -> Iterator[Progress]:
        """Write pictures, then texts; captions that a person changed go along to new REPEATS."""
        yield from self.pictures(plan, out)
        captions = {_at_any_repeats(file): file for file, _ in caption_files(out.done)}
        out.place.follow({
            old: new for old in out.place.known
            if (new := captions.get(_at_any_repeats(old), old)) != old
        })  # fmt: skip
        for file, data in self.texts(plan, out.done):
            out.text(file, data)

    def texts(self, plan: Plan, done: Sequence[Placed]) -> Iterator[Text]:
        """Yield captions, and a TOML for each split."""
        yield from caption_files(done)
        for split in dict.fromkeys(one.item.split for one in done):
            side = [one for one in done if one.item.split == split]
            yield f"{split or 'train'}.toml", self._config(plan, split, side).encode()

    def _config(self, plan: Plan, split: str, done: Sequence[Placed]) -> str:
        longest = max(max(one.item.cut.out_wh) for one in done)
        shortest = min(min(one.item.cut.out_wh) for one in done)
        if plan.params.crop == BUCKET:
            resolution = 1024
        else:
            resolution = max((px for px in RESOLUTIONS if px <= longest), default=RESOLUTIONS[0])
        lines = [
            "# sd-scripts --dataset_config; start it in this folder, or make image_dir absolute.",
            "[general]",
            f"caption_extension = {json.dumps(ENDING)}",
            "enable_bucket = true",
            # Without enlarging, sd-scripts divides by zero where a picture is smaller than a step.
            f"bucket_no_upscale = {json.dumps(shortest >= BUCKET_STEP_PX)}",
            f"bucket_reso_steps = {BUCKET_STEP_PX}",
            f"min_bucket_reso = {min(LEAST_BUCKET_PX, max(64, shortest // 64 * 64))}",
            f"max_bucket_reso = {max(1536, -(-longest // 64) * 64)}",
            "",
            "[[datasets]]",
            f"resolution = {resolution}",
        ]
        for pool, count in self.repeats(plan, split).items():
            if not any(one.item.pool == pool for one in done):
                continue
            lines += [
                "",
                "  [[datasets.subsets]]",
                f"  image_dir = {_text(below(split or 'train', self.folder(pool, split, plan)))}",
                f"  class_tokens = {_text(plan.params.token)}",
                f"  num_repeats = {count}",
            ]
        return "\n".join(lines) + "\n"


def repeats(plan: Plan, split: str) -> dict[str, int]:
    """Return how often the pictures of each pool are taken in an epoch.

    With --repeats 0 the smaller pools are repeated until they weigh about as much as the largest,
    but no more than MOST_REPEATS times.
    """
    count = Counter(item.pool for item in plan.items if item.split == split)
    most = max(count.values(), default=1)
    if plan.params.repeats:
        return dict.fromkeys(sorted(count), plan.params.repeats)
    return {pool: min(MOST_REPEATS, max(1, round(most / n))) for pool, n in sorted(count.items())}


def _at_any_repeats(file: str) -> str:
    """Return a path SPLIT/REPEATS_CLASS/NAME without how often it is taken."""
    return re.sub(r"/\d+_", "/", file, count=1)


def _text(word: str) -> str:
    """Return a TOML string: JSON's escapes are among TOML's."""
    return json.dumps(word, ensure_ascii=False).replace("\x7f", "\\u007f")
