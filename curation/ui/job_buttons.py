"""The buttons beside a job: how Cancel and Resume stand, and what they do."""

from __future__ import annotations

from typing import Any

import gradio as gr

from curation.errors import CurationError
from curation.store.jobs import Job
from curation.ui import markup
from curation.web.jobs import JobManager


def standing(job: Job | None) -> list[Any]:
    """Return the states of Cancel and Resume for a job; None when there was none yet."""
    is_open = job is not None and job.is_open
    return [
        gr.update(visible=is_open, interactive=is_open and not (job and job.cancel)),
        gr.update(visible=job is not None and job.can_resume),
    ]


def cancel(jobs: JobManager, job: Job | None) -> None:
    """Ask a job to stop, if it is still waiting or running."""
    if job is not None and job.is_open:
        jobs.cancel(job.id)


def resume(jobs: JobManager, job: Job | None) -> str:
    """Queue a job again, to go on where it stopped; return what to say when that is refused."""
    try:
        if job is not None:
            jobs.resume(job.id)
    except CurationError as error:
        return markup.refused(error)
    return ""
