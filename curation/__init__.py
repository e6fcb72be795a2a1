"""Frame Curation Studio: from hours of video to a small, clean, varied set of frames of people."""

__version__ = "0.1.0"
