"""Read pictures and captions with the data set of naifu, a trainer; print them as one JSON line.

    python read_naifu.py READERS FOLDER CONFIG

READERS is searched last (make readers). CONFIG is the TOML that sd-scripts would be given: the
buckets are made of its numbers.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any


def main(readers: str, folder: str, config: str) -> None:
    sys.path += [str(Path(__file__).parents[2]), readers]
    from curation.steps.tvshim import ensure_torchvision

    ensure_torchvision()
    import torch
    from common.dataset import AspectRatioDataset

    told = tomllib.loads(Path(config).read_text(encoding="utf-8"))
    general, (one,) = told["general"], told["datasets"]
    dataset = AspectRatioDataset(
        batch_size=4, img_path=folder, dtype=torch.float32, base_len=0,
        label_ext=general["caption_extension"], target_area=one["resolution"] ** 2,
        min_size=general["min_bucket_reso"], max_size=general["max_bucket_reso"],
        divisible=general["bucket_reso_steps"],
    )  # fmt: skip
    found = [row for at in range(len(dataset)) for row in rows(dataset, at)]
    print(json.dumps({"pictures": found}))


def rows(dataset: Any, at: int) -> list[dict[str, Any]]:
    """Return what a batch would train with, picture by picture."""
    batch = dataset[at]
    pixels = (batch["pixels"] * 127.5 + 127.5).round().byte().permute(0, 2, 3, 1).contiguous()
    store = dataset.store
    return [
        {
            "file": store.paths[index].relative_to(store.root_path).as_posix(),
            "caption": batch["prompts"][k],
            "was_hw": batch["original_size_as_tuple"][k].tolist(),
            "is_hw": batch["target_size_as_tuple"][k].tolist(),
            "top_left": batch["crop_coords_top_left"][k].tolist(),
            "rgb_sha256": hashlib.sha256(pixels[k].numpy().tobytes()).hexdigest(),
        }
        for k, index in enumerate(dataset.batch_idxs[at])
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
