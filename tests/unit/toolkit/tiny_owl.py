"""A real OWLv2 of a few thousand random weights, saved as a real one would be."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

from curation.steps.tvshim import ensure_torchvision


def save_tiny_owlv2(folder: Path, seed: int = 1) -> Path:
    """Write config, processor, tokenizer and weights to a folder."""
    ensure_torchvision()
    import torch
    import transformers

    library: Any = transformers
    library.utils.logging.disable_progress_bar()
    letters = [*string.ascii_lowercase, *(f"{letter}</w>" for letter in string.ascii_lowercase)]
    words = [*letters, "<|startoftext|>", "<|endoftext|>"]
    tokenizer = library.CLIPTokenizer(
        vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=16
    )
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    config = library.Owlv2Config(
        text_config={
            **small, "vocab_size": len(words), "max_position_embeddings": 16,
            "bos_token_id": 52, "eos_token_id": 53, "pad_token_id": 53,
        },
        vision_config={**small, "image_size": 64, "patch_size": 8},
        projection_dim=16,
    )  # fmt: skip
    torch.manual_seed(seed)
    library.Owlv2ForObjectDetection(config).save_pretrained(folder)
    images = library.Owlv2ImageProcessor(size={"height": 64, "width": 64})
    library.Owlv2Processor(images, tokenizer).save_pretrained(folder)
    return folder
