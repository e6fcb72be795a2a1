"""The pages: Gradio tabs over the web's site. They queue jobs and show rows; no more."""
