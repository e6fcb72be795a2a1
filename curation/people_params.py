"""What is asked of reference photos; here, because the command line declares its flags by it."""

from __future__ import annotations

from curation.tunables import Params, tunable


class FindPersonParams(Params):
    """What is asked of reference photos."""

    least: float = tunable(
        0.0, "likeness from which a track is this person; 0 takes what this footage says", ge=0,
        le=1, basic=True,
    )
    most: int = tunable(60, "tracks that are listed, likest first", ge=1, le=100_000, basic=True)
    name: str = tunable(
        "", "say that all tracks from the threshold on show a person of this name", basic=True
    )
