"""The sixth tab: the review workspace, drawn by ES modules of our own."""

from __future__ import annotations

from typing import Any

import gradio as gr

PLACE = "<div id='review-place'></div>"
MOUNT = """
const place = element.querySelector('#review-place');
const start = () => import(new URL('ui/review/main.js', document.baseURI).href)
  .then((module) => module.mount(place, { focus: true }));
// As high as the window leaves room for, so that the page itself never scrolls under the keys.
const fit = () => {
  const top = place.getBoundingClientRect().top + window.scrollY;
  if (place.offsetParent) place.style.height = `${Math.max(420, window.innerHeight - top - 8)}px`;
};
new ResizeObserver(fit).observe(document.documentElement);
// The columns of all frames are fetched when the tab is first looked at, not with the page.
let started = null;
const looker = new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  fit();
  if (!started) started = start();
});
looker.observe(place);
"""


def build() -> Any:
    """Place the workspace; call it inside its gr.Tab."""
    return gr.HTML(
        html_template=PLACE, js_on_load=MOUNT, elem_id="review-tab", apply_default_css=False
    )
