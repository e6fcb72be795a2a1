"""Pictures as unit vectors: by who is in them, or by what they look like."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from curation import weights
from curation.errors import InputError, StepUnavailable, WeightsMissing

Rgb = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]
BORDER = 0.4
"""Padding around a picture in which no face was found, before it is searched once more."""
ALIGNED_PX = 112


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines that mean something to a model; 0 where nothing is known of it.

    Attributes:
        stay: of a picture to the middle of its group's others, under which it leaves.
        merge: of the middles of two groups, from which they are one.
        join: of a picture to a group's middle, from which it belongs to it.
        alone: of a picture to the middle of all, from which one lone group is believed.
        reference: of a picture to a named folder's, from which it gets that name.
    """

    stay: float
    merge: float
    join: float
    alone: float
    reference: float


class Embedder(Protocol):
    """Turns pictures into vectors.

    Attributes:
        title: which model this is, for people and for clusters.json.
        fp: changes when the vectors could.
        identity: whether vectors say who somebody is.
        enough_px: longer side that pictures may be shrunk to; None where details count.
    """

    title: str
    fp: str
    identity: bool
    enough_px: int | None
    likeness: Likeness

    def __call__(self, pictures: Sequence[Rgb]) -> list[Vector | None]:
        """Return float32 vectors of unit length, None where there is no face; any thread."""


class Faces:
    """Who the main face is: YuNet finds it, SFace or an ArcFace network describes it.

    Faces are aligned by five points to the 112-px square that all of these are trained on. A
    picture that is nothing but a face is searched again with a border around it.

    Args:
        path: ONNX file of an ArcFace network, (1, 3, 112, 112) RGB scaled to -1..1 (Deng et al.
            2019; the recognition files of insightface are such); None is the packaged SFace.
    """

    identity = True
    enough_px: int | None = None

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._own = threading.local()
        if path is None:
            self.title = "SFace (packaged)"
            # Measured over 20 people, see steps.identity: strangers .05, .43 at most; one person
            # .83 in the middle. Middles of groups are farther apart, and nearer, than faces.
            self.likeness = Likeness(stay=0.35, merge=0.6, join=0.5, alone=0.5, reference=0.45)
            self.fp = f"sface:{weights.digest_of('sface')[:16]}:{weights.digest_of('yunet')[:8]}:1"
            weights.path_of("sface")
            return
        self.title = f"ArcFace ({path.name})"
        # ResNet models trained with ArcFace: strangers under .25, one person .5 and more.
        self.likeness = Likeness(stay=0.25, merge=0.5, join=0.4, alone=0.4, reference=0.35)
        self.fp = f"arcface:{_digest(path)}:1"
        self._network()  # a file that is no network is told now, not at each picture

    def __call__(self, pictures: Sequence[Rgb]) -> list[Vector | None]:
        """Return the vector of each picture's main face, None where there is none."""
        return [self._one(rgb) for rgb in pictures]

    def _one(self, rgb: Rgb) -> Vector | None:
        found = self._face(rgb)
        if found is not None:
            return found
        wide = round(max(rgb.shape[:2]) * BORDER)
        return self._face(np.pad(rgb, ((wide, wide), (wide, wide), (0, 0)), mode="edge"))

    def _face(self, rgb: Rgb) -> Vector | None:
        import cv2

        from curation.records import Boxes, Frame
        from curation.steps.base import Item
        from curation.steps.geometry import main_face
        from curation.steps.identity import LEAST_FACE_PX, TEMPLATE
        from curation.steps.landmark_shapes import similarity

        faces, identity, network = self._tools()
        h, w = rgb.shape[:2]
        item = Item(Frame(0, "", 0, 0, 0.0, Path(), w, h), rgb)
        item.given["faces"] = faces([item])[0]
        if network is None:
            raw = identity([item])[0].signals["identity"]
            return None if raw is None else unit(np.frombuffer(raw, "<f2"))
        boxes = item.given["faces"].boxes or Boxes.empty(5, 2)
        index = main_face(boxes, (w, h))
        if index is None or boxes.keypoints is None:
            return None
        box = boxes.xyxy_px[index]
        if float((box[2:] - box[:2]).min()) < LEAST_FACE_PX:
            return None
        turn = similarity(boxes.keypoints[index].astype(np.float64), TEMPLATE)
        aligned = cv2.warpAffine(rgb, turn, (ALIGNED_PX, ALIGNED_PX), flags=cv2.INTER_LINEAR)
        return unit(_answer(network, aligned))

    def _tools(self) -> tuple[Any, Any, Any]:
        own = self._own
        if not hasattr(own, "tools"):
            from curation.registry import step_class

            faces, identity = step_class("faces")(), step_class("identity")()
            faces.setup()
            network = None if self.path is None else self._network()
            if network is None:
                identity.setup()
            own.tools = (faces, identity, network)
        tools: tuple[Any, Any, Any] = own.tools
        return tools

    def _network(self) -> Any:
        import cv2

        assert self.path is not None
        cv2.setNumThreads(1)
        try:
            network = cv2.dnn.readNetFromONNX(str(self.path))
            _answer(network, np.zeros((ALIGNED_PX, ALIGNED_PX, 3), np.uint8))
        except cv2.error as error:
            said = " ".join(str(error).split())[:160]
            raise WeightsMissing(
                f"{self.path} is no ArcFace network in ONNX: {said}",
                "leave --weights out to use the packaged SFace",
            ) from error
        return network


def _answer(network: Any, aligned: Rgb) -> npt.NDArray[np.float64]:
    import cv2

    size = (ALIGNED_PX, ALIGNED_PX)
    blob = cv2.dnn.blobFromImage(aligned, 1 / 127.5, size, (127.5, 127.5, 127.5))
    network.setInput(blob)
    return np.asarray(network.forward(), np.float64).ravel()


class Looks:
    """What a picture looks like as a whole: the packaged MobileNetV2."""

    title = "MobileNetV2 (packaged)"
    identity = False
    enough_px: int | None = 640
    likeness = Likeness(stay=0.0, merge=0.0, join=0.0, alone=0.85, reference=0.75)

    def __init__(self) -> None:
        from curation.steps.embedding import Embedder as MobileNet

        self.fp = f"mobilenet_v2:{weights.digest_of('mobilenet_v2')[:16]}:1"
        self._net = MobileNet(weights.path_of("mobilenet_v2"))
        self._one_at_a_time = threading.Lock()

    def __call__(self, pictures: Sequence[Rgb]) -> list[Vector | None]:
        """Return a vector of each picture."""
        with self._one_at_a_time:
            return list(self._net(pictures))


class Clip:
    """What a picture shows: a CLIP network read by open-clip.

    Args:
        path: its weights, as open-clip reads them.
        name: its architecture, as open-clip calls it ("ViT-B-32"); or a JSON file of one.

    Raises:
        StepUnavailable: when open-clip is not installed.
        WeightsMissing: when the file does not hold that network.
    """

    identity = False
    enough_px: int | None = 640
    likeness = Likeness(stay=0.0, merge=0.0, join=0.0, alone=0.85, reference=0.8)

    def __init__(self, path: Path, name: str) -> None:
        try:
            from curation.steps.tvshim import ensure_torchvision

            ensure_torchvision()
            # By name: an optional package, which the type checker need not know.
            open_clip = import_module("open_clip")
            import torch
        except ModuleNotFoundError as error:
            raise StepUnavailable(
                f"--model clip with --weights needs the package {error.name}",
                "pip install '.[clip]' in the clone, or leave --weights out",
            ) from error
        self.title = f"CLIP {Path(name).stem} ({path.name})"
        self.fp = f"clip:{Path(name).stem}:{_digest(path)}:1"
        self._torch = torch
        self._one_at_a_time = threading.Lock()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            if name.endswith(".json"):
                open_clip.add_model_config(Path(name))
                name = Path(name).stem
            self._net, _, self._prepare = open_clip.create_model_and_transforms(
                name, pretrained=str(path), device=self._device
            )
        except Exception as error:  # readers of weights raise what they like
            said = " ".join(str(error).split())[:160]
            raise WeightsMissing(
                f"{path} does not hold CLIP {name}: {said}",
                "--clip-model is the name that open-clip gives the architecture",
            ) from error
        self._net.eval()
        self._name, self._open_clip = name, open_clip

    def words(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (n, d) of unit length, of what texts describe.

        Raises:
            StepUnavailable: when its tokenizer is not on this machine.
        """
        try:
            # By this network only: some need files beside the weights.
            tokens = self._open_clip.get_tokenizer(self._name)(list(texts)).to(self._device)
        except Exception as error:
            said = " ".join(str(error).split())[:160]
            raise StepUnavailable(
                f"CLIP {self._name} cannot read words here: {said}",
                "take a CLIP whose words open-clip reads by itself, such as ViT-B-32",
            ) from error
        with self._one_at_a_time, self._torch.inference_mode():
            raw = self._net.encode_text(tokens).float().cpu().numpy()
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(raw / np.maximum(length, 1e-9), np.float32)

    def __call__(self, pictures: Sequence[Rgb]) -> list[Vector | None]:
        """Return a vector of each picture."""
        from PIL import Image

        torch = self._torch
        batch = torch.stack([self._prepare(Image.fromarray(rgb)) for rgb in pictures])
        with self._one_at_a_time, torch.inference_mode():
            raw = self._net.encode_image(batch.to(self._device)).float().cpu().numpy()
        return [unit(row) for row in raw]


def embedder(model: str, path: str | None, clip_model: str) -> Embedder:
    """Return the model that was asked for: the packaged one unless a file is given.

    Raises:
        InputError: when the file is not there.
        StepUnavailable, WeightsMissing: when the model cannot be had.
    """
    if path is None:
        return Faces() if model == "arcface" else Looks()
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise InputError(f"there is no file {file}", "check --weights")
    return Faces(file) if model == "arcface" else Clip(file, clip_model)


def unit(raw: npt.NDArray[Any]) -> Vector | None:
    """Return a vector at unit length, None when it has no direction."""
    values = np.asarray(raw, np.float64).ravel()
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length <= 0:
        return None
    return np.asarray(values / length, np.float32)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
