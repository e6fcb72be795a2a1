"""What can be tuned in fine-tuning a network on ratings."""

from __future__ import annotations

from typing import Literal

from curation.tunables import Params, tunable


class FineTuneParams(Params):
    """`train --fine-tune`: a network that sees the pictures."""

    backbone: Literal["efficientnet_lite0", "tf_efficientnetv2_s"] = tunable(
        "efficientnet_lite0",
        "network to start from; tf_efficientnetv2_s needs --backbone-weights",
        basic=True,
    )
    backbone_weights: str | None = tunable(
        None,
        "the backbone's weights: .safetensors, .pth, or an entry of weights/manifest.toml",
        local=True,
    )
    backbone_sha256: str | None = tunable(
        None, "sha256 that the weights must have", local=True
    )
    tune_px: int = tunable(
        192, "side of the square that the network sees", ge=64, le=384, unit="px"
    )
    head_epochs: int = tunable(5, "rounds in which only the head learns", ge=1, le=100)
    body_epochs: int = tunable(
        10, "rounds in which the last stages learn too, at most", ge=0, le=200
    )
    tune_batch: int = tunable(16, "pictures at once", ge=2, le=256)
    patience: int = tunable(
        3, "rounds without a better rank correlation after which training stops", ge=1, le=50
    )
    tune_seed: int = tunable(0, "seed: the same machine gives the same bytes", ge=0, le=2**31 - 1)
