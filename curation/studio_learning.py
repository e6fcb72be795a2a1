"""Verbs that learn: a scorer from ratings, who is who."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.records import Progress, ended
from curation.studio_base import Base

if TYPE_CHECKING:
    from curation.learn.people import Speaker
    from curation.people_params import FindPersonParams
    from curation.tune_params import FineTuneParams


class Learning(Base):
    """Taste and people."""

    # -- taste ----------------------------------------------------------------------------------

    def taste(self) -> dict[str, Any]:
        """Return what is known of people's taste: ratings, the scorer in use, all scorers."""
        from curation.learn.taste import state

        return state(self.catalogue)

    def proposals(self, count: int = 12) -> list[dict[str, Any]]:
        """Return frames to rate next, each with why; they are remembered as asked.

        Raises:
            CurationError: nothing is measured yet.
        """
        from curation.learn.taste import proposals

        return proposals(self.catalogue, count)

    def live_taste(self, on: bool) -> None:
        """Let ratings count at once, from ten on; or only by a promoted scorer."""
        from curation.store.ratings import LIVE

        self.catalogue.remember(LIVE, on)

    def train(
        self, name: str = "", fine_tune: FineTuneParams | None = None
    ) -> Generator[Progress, None, None]:
        """Learn a scorer from all ratings and write it with its card; nothing else changes.

        Args:
            name: of the scorer; none takes the next free taste-N.
            fine_tune: also train a network on the pictures; takes minutes.

        Raises:
            CurationError: too few ratings, nothing measured, or the name is taken.
        """
        from curation.learn.taste import train

        with self.catalogue.writing("train"):
            if fine_tune is not None:
                from curation.learn.taste_train_net import train_net

                yield from train_net(self.catalogue, name, fine_tune)
                return
            yield Progress("train", note="learning from ratings")
            made = train(self.catalogue, name)
            yield ended("train", {"scorer": made.name, "digest": made.digest, **made.card}, {})

    def evaluate(self, name: str = "") -> Generator[Progress, None, None]:
        """Judge a scorer on videos that it has not seen; none judges the ratings as they are.

        Raises:
            CurationError: too few ratings, or no such scorer.
        """
        from curation.learn.taste import evaluate

        yield Progress("evaluate", note="leaving videos out, one part after another")
        yield ended("evaluate", evaluate(self.catalogue, name), {})

    def promote(
        self, name: str, source: Path | None = None, force: bool = False
    ) -> Generator[Progress, None, None]:
        """Put a scorer to use where it beats the one in use by more than a standard error.

        Nothing moves on disk until the next rank.

        Args:
            name: of a scorer of this datastore.
            source: its file in another datastore; copied here first.
            force: whatever the comparison says; the scorer in use is then said to be forced.

        Raises:
            CurationError: no such scorer, or it does not beat the one in use.
        """
        from curation.learn.taste_promote import promoting

        with self.catalogue.writing("promote"):
            yield from promoting(self.catalogue, name, source, force)

    # -- people ---------------------------------------------------------------------------------

    def people(self) -> dict[str, Any]:
        """Return everybody who was seen or named, and what telling them apart stands on.

        Raises:
            CurationError: no face is measured yet.
        """
        from curation.learn.people import people

        return people(self.catalogue)

    def about_people(self, client: str = "", who: str = "") -> Speaker:
        """Return what writes down a client's words about people: name, merge, split, not, undo.

        Args:
            client: undo is one history for each.
            who: the name that is kept beside the words.
        """
        from curation.learn.people import Speaker

        return Speaker(self.catalogue, client, who)

    def consents(self) -> dict[str, str]:
        """Return name -> consent note of everybody who has a name; "" where none was noted."""
        from curation.learn.people import consents

        return consents(self.catalogue)

    def find_person(
        self, pictures: Sequence[Path], params: FindPersonParams | None = None
    ) -> Generator[Progress, None, None]:
        """Find the tracks of all footage that show who some pictures show, likest first.

        Args:
            pictures: photos of one person; a face of 112 px or more is best.
            params: with a name, the tracks from the threshold on are said to show them.

        Raises:
            CurationError: no picture shows a usable face, or no frame is measured.
            WeightsMissing: before the first picture.
        """
        from curation.learn.people_find import find_person
        from curation.people_params import FindPersonParams

        yield from find_person(self.catalogue, pictures, params or FindPersonParams())
