"""One look for all pages, light and dark, from fonts that every machine has."""

from __future__ import annotations

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")


def theme() -> gr.themes.Base:
    """Return the theme of the studio."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
        text_size=gr.themes.sizes.text_md,
        font=SANS,
        font_mono=MONO,
    ).set(
        body_background_fill="#f6f7f8",
        body_background_fill_dark="#101316",
        body_text_color="#1b2127",
        body_text_color_dark="#e6e9ec",
        body_text_color_subdued="#56616c",
        body_text_color_subdued_dark="#9aa6b2",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#181c20",
        background_fill_secondary="#f1f3f5",
        background_fill_secondary_dark="#20262b",
        border_color_primary="#dde2e6",
        border_color_primary_dark="#2c343b",
        block_background_fill="#ffffff",
        block_background_fill_dark="#181c20",
        block_border_width="0px",
        block_shadow="none",
        block_label_text_size="13px",
        block_title_text_size="13px",
        block_title_text_weight="600",
        block_title_text_color="#1b2127",
        block_title_text_color_dark="#e6e9ec",
        block_info_text_size="12px",
        block_info_text_color="#56616c",
        block_info_text_color_dark="#9aa6b2",
        input_background_fill="#f6f7f8",
        input_background_fill_dark="#101316",
        input_border_color="#cfd6dc",
        input_border_color_dark="#39424a",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover="#115e59",
        button_primary_background_fill_hover_dark="#0d9488",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_dark="#20262b",
        button_secondary_background_fill_hover="#eef1f3",
        button_secondary_background_fill_hover_dark="#2a3138",
        button_secondary_border_color="#cfd6dc",
        button_secondary_border_color_dark="#39424a",
        button_secondary_text_color="#1b2127",
        button_secondary_text_color_dark="#e6e9ec",
        button_large_text_weight="600",
        button_large_text_size="15px",
        color_accent="#0f766e",
        slider_color="#0f766e",
        slider_color_dark="#14b8a6",
    )
