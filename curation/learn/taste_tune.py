"""Fine-tuning a network on ratings: what `train --fine-tune` does, once there are hundreds.

A backbone of ImageNet with an ordinal head (CORAL). The head starts from ridge regression on the
backbone's features and learns alone first, then the last stages learn with it; weights are
averaged over steps (EMA), and the round with the best rank correlation on left-out videos stays.
The same machine, threads and seed give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.learn.taste_metrics import spearman
from curation.steps.taste_net import LAST_STAGES, LEVELS, expected_stars, make_net, scaled
from curation.tune_params import FineTuneParams

Floats = npt.NDArray[np.float64]

HEAD_RATE, BODY_RATE, DECAY = 1e-3, 1e-4, 0.05
AVERAGE = 0.97
"""Share of the averaged weights that a step keeps; the first steps keep less."""
RIDGE = 30.0
LOOK_BATCH = 32


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rated pictures.

    Attributes:
        pictures: (n, s, s, 3) uint8.
        levels: (n,) stars, 1..5.
        trust: (n,) how much of a whole rating each counts.
    """

    pictures: npt.NDArray[np.uint8]
    levels: npt.NDArray[np.int64]
    trust: Floats


@dataclass(frozen=True, slots=True)
class Tuned:
    """A trained network.

    Attributes:
        state: its weights by name.
        history: the rank correlation on left-out pictures after each round.
        losses: the mean loss of training in each round but the first, which has none.
        best: the round whose weights these are.
        stars: (m,) expected stars of the left-out pictures.
    """

    state: dict[str, Any]
    history: list[float]
    losses: list[float]
    best: int
    stars: Floats


def tune(
    train: Lesson, held: Lesson, params: FineTuneParams, backbone: Any
) -> Iterator[tuple[str, Tuned | None]]:
    """Train; yield what was done in words, at last the network with it.

    Args:
        train: what is learned from.
        held: pictures of other videos, which say when to stop.
        backbone: called with the network's body, puts its weights in.
    """
    with _repeatable(params.tune_seed) as (torch, device):
        net = make_net(params.backbone)
        backbone(net.body)
        for one in net.parameters():
            one.requires_grad_(False)
        net = net.to(device).eval()  # normalisation keeps what ImageNet taught: batches are small
        yield f"looking at {len(train.levels)} rated pictures", None
        _start_head(torch, net, train, params, device)
        average = {name: value.detach().clone() for name, value in net.state_dict().items()}
        history: list[float] = []
        losses: list[float] = []
        best = -1
        kept: dict[str, Any] = {}
        stars = np.zeros(0)
        optimiser = None
        for epoch in range(params.head_epochs + params.body_epochs + 1):
            if epoch == 1:
                optimiser = _moving(torch, net, ("score", "steps"), HEAD_RATE)
            if epoch == params.head_epochs + 1:
                body = LAST_STAGES[params.backbone]
                optimiser = _moving(torch, net, body, BODY_RATE, optimiser)
            if optimiser is not None:
                before = len(losses) * -(-len(train.levels) // params.tune_batch)
                losses.append(
                    _one_round(torch, net, average, train, params, optimiser, device, before))
            expected = _stars(torch, net, average, held, params, device)
            history.append(round(_ranked(expected, held), 5))
            if best < 0 or history[-1] > history[best]:
                best, stars = epoch, expected
                kept = {name: value.detach().cpu().clone() for name, value in average.items()}
            yield f"round {epoch}: rank correlation {history[-1]:.3f}", None
            if epoch > params.head_epochs and epoch - best >= params.patience:
                break
        kept = {name: value.contiguous() for name, value in kept.items()}
        yield "trained", Tuned(kept, history, losses, best, stars)


def _ranked(expected: Floats, held: Lesson) -> float:
    value = spearman(expected, held.levels.astype(np.float64))
    return value if np.isfinite(value) else 0.0


def _start_head(torch: Any, net: Any, train: Lesson, params: FineTuneParams, device: str) -> None:
    """Put a ridge regression on the backbone's features into the head."""
    found = []
    with torch.inference_mode():
        for low in range(0, len(train.levels), LOOK_BATCH):
            batch = scaled(train.pictures[low : low + LOOK_BATCH], params.backbone).to(device)
            found.append(net.features(batch).cpu().double().numpy())
    x = np.concatenate(found)
    centre, spread = x.mean(0), np.maximum(x.std(0), 1e-3)
    z = (x - centre) / spread
    y = train.levels - np.average(train.levels, weights=train.trust)
    # In the space of pictures: there are fewer of them than features.
    inner = z @ z.T + RIDGE * z.shape[1] / 100 * np.diag(1 / train.trust)
    weights = z.T @ np.linalg.solve(inner, y)
    share = np.array([(train.trust * (train.levels > level)).sum() / train.trust.sum()
                      for level in range(1, LEVELS)])
    share = np.clip(share, 0.02, 0.98)
    with torch.no_grad():
        def put(where: Any, values: Floats) -> None:
            where.copy_(torch.from_numpy(values).to(where))

        put(net.centre, centre)
        put(net.spread, spread)
        put(net.score.weight, 1.5 * weights[None])
        put(net.steps, np.log(share / (1 - share)))


def _moving(
    torch: Any, net: Any, names: tuple[str, ...], rate: float, with_: Any = None
) -> Any:
    """Return an optimiser of the parameters that begin with these names, and of those before."""
    chosen = [
        value for name, value in net.named_parameters()
        if any(name == one or name.startswith(f"{one}.") for one in names)
    ]
    for value in chosen:
        value.requires_grad_(True)
    if with_ is not None:
        with_.add_param_group({"params": chosen, "lr": rate})
        return with_
    return torch.optim.AdamW(chosen, lr=rate, weight_decay=DECAY)


def _one_round(
    torch: Any, net: Any, average: dict[str, Any], train: Lesson, params: FineTuneParams,
    optimiser: Any, device: str, steps_before: int,
) -> float:
    from torch.nn import functional

    vary = _variation()
    order = torch.randperm(len(train.levels)).numpy()
    total = 0.0
    for step, low in enumerate(range(0, len(order), params.tune_batch), steps_before + 1):
        rows = np.sort(order[low : low + params.tune_batch])
        pictures = vary(torch.from_numpy(
            np.ascontiguousarray(train.pictures[rows].transpose(0, 3, 1, 2))).float() / 255)
        varied = (pictures * 255).round().clamp(0, 255).to(torch.uint8)
        batch = scaled(varied.permute(0, 2, 3, 1).numpy(), params.backbone)
        levels = torch.from_numpy(train.levels[rows])
        more = (levels[:, None] > torch.arange(1, LEVELS)[None]).float().to(device)
        trust = torch.from_numpy(train.trust[rows]).float()[:, None].to(device)
        loss = functional.binary_cross_entropy_with_logits(
            net(batch.to(device)), more, weight=trust.expand_as(more))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(loss.detach()) * len(rows)
        keep = min(AVERAGE, step / (step + 9))
        with torch.no_grad():
            for name, value in net.state_dict().items():
                if value.dtype.is_floating_point:
                    average[name].lerp_(value, 1 - keep)
    return round(total / len(order), 6)


def _variation() -> Any:
    """Return what changes pictures in ways that change nobody's taste: mirrored, moved a little.

    Nothing of brightness, colour or sharpness: those are what people rate.
    """
    from kornia import augmentation

    return augmentation.AugmentationSequential(
        augmentation.RandomHorizontalFlip(p=0.5),
        augmentation.RandomAffine(degrees=2.0, translate=(0.03, 0.03), scale=(0.97, 1.05), p=0.7,
                                  padding_mode="reflection"),
        data_keys=["input"],
    )


def _stars(
    torch: Any, net: Any, average: dict[str, Any], held: Lesson, params: FineTuneParams,
    device: str,
) -> Floats:
    """Return the expected stars of pictures, by the averaged weights."""
    now = {name: value.detach().clone() for name, value in net.state_dict().items()}
    net.load_state_dict(average)
    found = [np.zeros(0)]
    with torch.inference_mode():
        for low in range(0, len(held.levels), LOOK_BATCH):
            batch = scaled(held.pictures[low : low + LOOK_BATCH], params.backbone).to(device)
            found.append(expected_stars(net(batch)).cpu().double().numpy())
    net.load_state_dict(now)
    return np.concatenate(found)


@contextmanager
def _repeatable(seed: int) -> Iterator[tuple[Any, str]]:
    """Let torch give the same numbers each time, and put its settings back afterwards."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    quick = torch.backends.cudnn.benchmark
    state = torch.get_rng_state()
    try:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.manual_seed(seed)
        yield torch, "cuda" if torch.cuda.is_available() else "cpu"
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.backends.cudnn.benchmark = quick
        torch.set_rng_state(state)
        torch.set_num_threads(threads)

