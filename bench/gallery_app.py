"""The review of frames as gr.Gallery does it, for comparison: python -m bench.gallery_app.

The same thumbnails, a threshold slider, and a button that marks the frame in the preview, each as
a Gradio event; files are served from where they lie, which is the fastest that Gallery can do.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import gradio as gr

Shown = list[tuple[str, str]]


def serve(folder: Path, count: int, port: int) -> None:
    """Serve a gallery of `count` items over the pictures of a folder until interrupted."""
    files = sorted(folder.glob("*.jpg"))
    names = [str(files[i % len(files)]) for i in range(count)]
    scores = [i * 0.618 % 1 for i in range(count)]
    marks: dict[int, str] = {}
    gr.set_static_paths([folder])

    def shown(least: float) -> Shown:
        return [
            (name, f"{i} {marks.get(i, '')}")
            for i, (name, score) in enumerate(zip(names, scores, strict=True))
            if score >= least
        ]

    def mark(selected: int, least: float) -> Shown:
        marks[selected] = "" if marks.get(selected) else "pick"
        return shown(least)

    def chosen(event: gr.SelectData) -> int:
        return int(event.index)

    with gr.Blocks() as demo:
        least = gr.Slider(0, 1, 0, label="threshold", elem_id="threshold")
        button = gr.Button("Pick", elem_id="pick")
        gallery = gr.Gallery(shown(0), columns=8, height=700, elem_id="gallery")
        selected = gr.State(0)
        gallery.select(chosen, None, selected, queue=False)
        button.click(mark, [selected, least], gallery, queue=False)
        least.input(shown, least, gallery, queue=False)
    demo.launch(server_port=port, share=False, quiet=True, ssr_mode=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(argv)
    serve(options.folder, options.count, options.port)


if __name__ == "__main__":
    main()
