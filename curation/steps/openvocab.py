"""Things by any name: OWLv2 from a folder of weights, by transformers (opt-in)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curation.errors import StepUnavailable, WeightsMissing
from curation.steps.base import RgbImage
from curation.steps.objects import FLOOR, MOST_RESULTS, Found, one_each
from curation.steps.tvshim import ensure_torchvision

HINT = "give a folder with config.json, model.safetensors and the processor's files"


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot hold an OWLv2 model; nothing is loaded.

    Raises:
        WeightsMissing: saying what is not there.
    """
    import json

    if not folder.is_dir():
        raise WeightsMissing(f"there is no folder {folder}", HINT)
    names = {path.name for path in folder.iterdir()}
    processor = {"preprocessor_config.json", "processor_config.json"} & names
    if "config.json" not in names or not processor:
        raise WeightsMissing(f"{folder} holds no OWLv2 model: no config or no processor", HINT)
    if not any(name.endswith(".safetensors") for name in names):
        # Pickled weights (.bin) can run code when they are read.
        raise WeightsMissing(f"{folder} holds no .safetensors file", HINT)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsMissing(f"{folder / 'config.json'} cannot be read: {error}", HINT) from error
    if kind != "owlv2":
        raise WeightsMissing(f"{folder} holds a model of type {kind!r}, not owlv2", HINT)


def digest_of(folder: Path) -> str:
    """Return 16 hex digits of all files of a model; reads them once."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt"):
            with path.open("rb") as stream:
                digest.update(path.name.encode())
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]


class OpenVocabulary:
    """OWLv2 (Minderer et al. 2023, Scaling Open-Vocabulary Object Detection).

    A box takes part in every class that is asked for, so that what is found of one class does not
    depend on the others; the library's own reading gives each box to its best class alone.

    Args:
        folder: weights as `save_pretrained` writes them. Nothing is fetched, no code in it runs.

    Raises:
        StepUnavailable: transformers is not installed.
        WeightsMissing: the folder holds no such model.
    """

    def __init__(self, folder: Path) -> None:
        """Load the model."""
        check_folder(folder)
        # A local folder needs no hub; said before the import, which reads it.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
        try:
            # transformers imports it wherever it is installed, fitting or not.
            ensure_torchvision()
            import torch
            import transformers
        except (ImportError, RuntimeError) as error:
            raise StepUnavailable(
                f"transformers cannot be loaded: {error}",
                'pip install ".[open-vocabulary]" in the clone',
            ) from error
        library: Any = transformers
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
        try:
            self._processor: Any = library.Owlv2Processor.from_pretrained(
                folder, local_files_only=True
            )
            self._model: Any = library.Owlv2ForObjectDetection.from_pretrained(
                folder, local_files_only=True, use_safetensors=True
            ).eval()
        except Exception as error:  # it raises what it likes at damaged files
            said = " ".join(str(error).split())[:200]
            raise WeightsMissing(f"{folder} cannot be loaded: {said}", HINT) from error
        self._torch = torch

    def find(self, rgb: RgbImage, names: Sequence[str]) -> dict[str, list[Found]]:
        """Return what is seen of each name, best first; [] where nothing is.

        Args:
            rgb: (h, w, 3) uint8.
            names: any words; asked for as "a {name}".
        """
        h, w = rgb.shape[:2]
        inputs = self._processor(
            text=[[f"a {name}" for name in names]],
            images=np.ascontiguousarray(rgb),
            return_tensors="pt",
            truncation=True,
        )
        with self._torch.inference_mode():
            answer = self._model(**inputs)
        score = answer.logits[0].float().sigmoid().numpy()
        # Boxes are centre and size as shares of the square that the picture was padded to.
        middle, size = np.split(answer.pred_boxes[0].float().numpy() * max(h, w), 2, axis=1)
        boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
        rows: dict[str, list[Found]] = {}
        for column, name in enumerate(names):
            order = np.argsort(-score[:, column], kind="stable")[:MOST_RESULTS]
            rows[name] = [
                (float(score[i, column]), *(float(v) for v in boxes[i]))  # type: ignore[misc]
                for i in order
                if score[i, column] >= FLOOR
            ]
        return one_each(rows, (w, h))

    def close(self) -> None:
        """Let go of the model."""
        del self._model
