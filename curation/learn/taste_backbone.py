"""The weights that fine-tuning starts from: packaged ones, a file, or a manifest's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import CurationError, WeightsMissing
from curation.steps.taste_net import LITE
from curation.tune_params import FineTuneParams

if TYPE_CHECKING:
    from torch import nn

LARGEST_BYTES = 400 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")


def backbone_file(params: FineTuneParams) -> Path:
    """Return the verified file of a backbone.

    Raises:
        CurationError: no weights are given for a backbone that needs them, or they are others.
    """
    from curation import weights
    from curation.assets import sha256_of

    given, said = params.backbone_weights, params.backbone_sha256
    if given is None and params.backbone == LITE:
        return weights.path_of(LITE)
    if given is None:
        raise WeightsMissing(
            f"{params.backbone} starts from weights that do not come with the studio",
            "--backbone-weights FILE, or leave --backbone at efficientnet_lite0",
        )
    if said is not None and not SHA256.fullmatch(said):
        raise CurationError(f"{said!r} is no sha256", "64 hex digits, as sha256sum prints them")
    # Only `weights fetch` downloads: an address is an entry of the manifest, with its sha256.
    named = not Path(given).suffix and given in weights.SHELF.assets()
    path = weights.path_of(given) if named else Path(given)
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise WeightsMissing(
            f"{path} is missing, or too large for a backbone",
            "name a file, or an entry of weights/manifest.toml",
        )
    if said is not None and sha256_of(path) != said:
        raise WeightsMissing(f"{path} does not have the sha256 that was given", "fetch it again")
    return path


def read_backbone(body: nn.Module, path: Path) -> None:
    """Put weights into a backbone; classifiers are left out. No file is ever unpickled.

    Raises:
        WeightsMissing: the file holds another network.
    """
    import torch

    try:
        state: Any
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        wanted = body.state_dict()
        kept = {name: value for name, value in state.items() if name in wanted}
        # Weights of other programs may lack the counters of their normalisation.
        lack = [n for n in wanted if n not in kept and not n.endswith("num_batches_tracked")]
        if lack:
            raise KeyError(f"{len(lack)} of its weights are not there, such as {lack[0]}")
        body.load_state_dict(kept, strict=False)
    except Exception as error:  # three libraries, each with errors of its own
        raise WeightsMissing(
            f"{path} does not hold this backbone: {str(error).splitlines()[0]}",
            "name the file of exactly this network",
        ) from error
