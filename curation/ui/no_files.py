"""Gradio's page without its way of taking files.

Any value that a browser sends may be dressed as a file of Gradio: a path, or an address. Before the
component looks at it, Gradio copies that path into its cache, or downloads that address; in an app
that is mounted it does not look where the path leads. No component of the studio takes or gives
files, so such values are refused on both ways.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


class Page(gr.Blocks):
    """Blocks in which no value is a file."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> Any:
        """Refuse values that name files; Error says so."""
        _refuse(inputs)
        return await super().preprocess_data(block_fn, inputs, state, explicit_call)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> Any:
        """Refuse answers that name files; Error says so."""
        _refuse(predictions)
        return await super().postprocess_data(block_fn, predictions, state)


def _refuse(value: Any) -> None:
    """Raise Error when JSON values have a file's description in them, however deep."""
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            meta = one.get("meta")
            # Wider than Gradio's own test, so that a later one is covered too.
            if "path" in one and isinstance(meta, dict) and "_type" in meta:
                raise gr.Error("The studio takes no files this way.", print_exception=False)
            todo += one.values()
        elif isinstance(one, list | tuple):
            todo += one
