"""When and with what a picture was taken: by its EXIF, else its file name, else the file's time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

EXIF, NAME, MTIME = "exif", "name", "mtime"

MAKE, MODEL = 0x010F, 0x0110
SERIAL, LENS = 0xA431, 0xA434
EXPOSURE, BIAS, EXPOSURE_MODE = 0x829A, 0x9204, 0xA402
AUTO_BRACKET = 2
"""Value of EXPOSURE_MODE."""
TIMES = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012), (0x0132, 0x9290, 0x9010))
"""Tags of a time, its fraction of a second and its offset: taken, digitised, changed."""

WANTED = frozenset((
    MAKE, MODEL, SERIAL, LENS, EXPOSURE, BIAS, EXPOSURE_MODE,
    *(tag for tags in TIMES for tag in tags),
))  # fmt: skip
"""All tags that are looked at."""

COPY = re.compile(r"(?:[ _-]*\(\d{1,3}\)| - (?:copy|kopie)\b.*)$", re.I)
LAST_NUMBER = re.compile(r"[0-9]+(?=[^0-9]*$)")
STAMP = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])"
    r"[-_. T]{0,3}([01]\d|2[0-3])[-_.h:]?([0-5]\d)[-_.m:]?([0-5]\d)(?:[-_.]?(\d{3}))?(?!\d)"
)
OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Capture:
    """What is known of how a picture came to be.

    Attributes:
        taken_s: seconds since 1970; true UTC where `utc`, else by the camera's clock, taken at
            its word as if it were UTC. None only while neither name nor file were asked.
        subsec: the time has a fraction of a second.
        serial: of the body.
        prefix, number: the last number in the file's name and what comes before it: IMG_, 1234.
        offset_min: of the camera's clock, minutes east of UTC; 0 where it is not said.
        source: where the time is from: "exif", "name" (a date and time in the file's name) or
            "mtime" (the file's own time: any copying program may have set it).
        exposure_s: how long it was exposed; None where it is not said.
        bias_ev: by how much it was meant to be lighter than measured; None likewise.
        bracket: the camera says that it is one of an exposure bracket.
    """

    taken_s: float | None = None
    utc: bool = False
    subsec: bool = False
    make: str = ""
    model: str = ""
    serial: str = ""
    lens: str = ""
    prefix: str = ""
    number: int | None = None
    source: str = EXIF
    offset_min: int = 0
    exposure_s: float | None = None
    bias_ev: float | None = None
    bracket: bool = False

    @property
    def clock_s(self) -> float | None:
        """Return the time on the camera's clock, as if it were UTC: what a person calls the hour.

        Of `mtime`, which knows no clock, it is UTC.
        """
        return None if self.taken_s is None else self.taken_s + self.offset_min * 60

    @property
    def clock(self) -> str:
        """Return the time on the camera's clock as people read it; "" where there is none."""
        if self.clock_s is None:
            return ""
        shown = datetime.fromtimestamp(self.clock_s, UTC).replace(tzinfo=None)
        return shown.isoformat(" ", "milliseconds" if self.subsec else "seconds")

    @property
    def camera(self) -> tuple[str, str, str, str]:
        """Return what pictures of one camera and lens share."""
        return self.make, self.model, self.serial, self.lens

    def at(self, path: Path, mtime_ns: int) -> Capture:
        """Return this with what the file's name, and if need be its time, add."""
        prefix, number = sequence(path.stem)
        if self.taken_s is not None:
            return replace(self, prefix=prefix, number=number)
        said = stamp(path.stem)
        if said is not None:
            taken_s, subsec = said
            return replace(
                self, taken_s=taken_s, subsec=subsec, prefix=prefix, number=number, source=NAME
            )
        return replace(
            self, taken_s=mtime_ns / 1e9, utc=True, prefix=prefix, number=number, source=MTIME
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what is stored of a content: without what hangs on the file's name and time."""
        kept = asdict(self)
        # A bias of 0 is said: it is not the same as none.
        return {k: kept[k] for k in STORED if kept[k] or (k == "bias_ev" and kept[k] is not None)}


STORED = (
    "taken_s", "utc", "subsec", "make", "model", "serial", "lens", "offset_min", "exposure_s",
    "bias_ev", "bracket",
)  # fmt: skip


def sequence(stem: str) -> tuple[str, int | None]:
    """Return the last number of a file's name and what comes before it; a mark of a copy is none.

    "IMG_0042" gives ("IMG_", 42), "DSC7 (2)" gives ("DSC", 7).
    """
    name = COPY.sub("", stem)
    digits = LAST_NUMBER.search(name)
    if digits is None:
        return name, None
    return name[: digits.start()], int(digits[0][-12:])


def stamp(stem: str) -> tuple[float, bool] | None:
    """Return (seconds since 1970, whether it has milliseconds) of a time in a file's name."""
    found = STAMP.search(stem)
    if found is None:
        return None
    *whole, milli = found.groups()
    year, month, day, hour, minute, second = (int(part) for part in whole)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() + int(milli or 0) / 1000, milli is not None


def of_tags(tags: Mapping[int, object]) -> Capture:
    """Return what EXIF tags say, of the main part and the EXIF part together.

    A time counts when it is one: zeros and blanks, which cameras without a clock write, do not.
    """
    told = Capture(
        make=_text(tags.get(MAKE)),
        model=_text(tags.get(MODEL)),
        serial=_text(tags.get(SERIAL)),
        lens=_text(tags.get(LENS)),
        exposure_s=_real(tags.get(EXPOSURE), 1e-7, 1e6),
        bias_ev=_real(tags.get(BIAS), -30, 30),
        bracket=_real(tags.get(EXPOSURE_MODE), 0, 9) == AUTO_BRACKET,
    )
    for name, fraction, offset in TIMES:
        seconds = _seconds(tags.get(name))
        if seconds is None:
            continue
        digits = _text(tags.get(fraction))
        subsec = digits.isascii() and digits.isdecimal()
        seconds += float(f"0.{digits}") if subsec else 0.0
        away = OFFSET.fullmatch(_text(tags.get(offset)))
        minutes = 0
        if away is not None:
            minutes = (int(away[2]) * 60 + int(away[3])) * (1 if away[1] == "+" else -1)
        return replace(
            told,
            taken_s=seconds - minutes * 60,
            utc=away is not None,
            subsec=subsec,
            offset_min=minutes,
        )
    return told


def of_image(image: Any) -> Capture:
    """Return what an opened picture says of itself; one with damaged EXIF says nothing."""
    from curation.photos.exif import tags

    return of_tags(tags(image))


def stored(kept: Mapping[str, Any]) -> Capture:
    """Return what `as_dict` was made from."""
    return Capture(**{name: kept[name] for name in STORED if name in kept})


def _text(said: object) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or "")
    return " ".join(text.replace("\0", " ").split())


def _real(said: object, least: float, most: float) -> float | None:
    """Return a number that a tag says, None for what is none or cannot be."""
    if not isinstance(said, (int, float)) and not hasattr(said, "numerator"):
        return None
    try:
        number = float(cast(float, said))
    except (TypeError, ValueError, ArithmeticError):
        return None
    return round(number, 9) if least <= number <= most else None


def _seconds(said: object) -> float | None:
    text = _text(said).replace("-", ":")
    try:
        moment = datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp()
