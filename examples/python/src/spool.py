"""A submitter's view of the spool: drop a request, find it again, never move it.

    inbox/                requests that nobody has claimed
    spool/active, queue/  claimed ones, running and waiting
    spool/hosts/*.hb      heartbeats of the editing hosts
    done/DAY/, failed/J/  how jobs ended; failed/J/reason.json says why
    rejected/J-NAME/      requests that were no jobs; reason.txt says why

A claim renames the request to a token of the spool's own, so a ticket finds
its request by a nonce in the file's first line, a comment to the daemon.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from src import status_file

DEFAULT_ROOT = "/var/spool/uredit"

# Where a request can be.
INBOX, LIVE, DONE, FAILED, REJECTED, NOWHERE = "inbox", "live", "done", "failed", "rejected", "nowhere"

_REQUEST_LIMIT = 256 * 1024  # bytes; the daemon takes no more
_DAYS = 2  # day folders of done/ that are searched, the newest ones

# Raw in JSON, but refused or folded by YAML inside a quoted string.
_NOT_IN_YAML = re.compile("[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]")


class Place(NamedTuple):
    """Where a request is, and in which file."""

    where: str
    path: Optional[Path] = None


class Found(NamedTuple):
    """A request found by its job_id, with the two values a reader needs."""

    place: Place
    output_dir: Optional[str]


class Spool:
    """The spool below root."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @classmethod
    def from_environment(cls) -> "Spool":
        """Take UREDIT_SPOOL, else the root of the file UREDIT_CONFIG, else the default."""
        root = os.environ.get("UREDIT_SPOOL") or _configured_root() or DEFAULT_ROOT
        return cls(Path(root).absolute())

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    def drop(self, values: Dict[str, Any]) -> "Ticket":
        """Put a request into the inbox, whole, and return how to find it again.

        The file is JSON, which is YAML, between a comment and the line "..."
        that tells the daemon that nothing is missing.
        """
        ticket = Ticket(self, "python-" + secrets.token_hex(12))
        status_file.replace(ticket.dropped_as(values["job_id"]), encode(values, ticket.nonce))
        return ticket

    def pulse(self) -> Tuple[Any, ...]:
        """Return a value that changes while any host is at work here."""
        beats: List[Any] = [
            (file.name, _read(file)) for file in sorted(_entries(self.root / "spool" / "hosts")) if file.suffix == ".hb"
        ]
        for name in ("active", "queue"):
            beats.append(sorted(file.name for file in _entries(self.root / "spool" / name)))
        return tuple(map(repr, beats))

    def find(self, job_id: str) -> Optional[Found]:
        """Return the request of job_id: waiting or running, else its latest end."""
        for where, files in (
            (INBOX, _files(self.inbox)),
            (LIVE, self._live()),
            (None, sorted(self._ended(), key=_modified, reverse=True)),
        ):
            for file in files:
                text = _read(file)
                if text and _value(text, "job_id") == job_id:
                    return Found(Place(where or self._end_of(file), file), _value(text, "output_dir"))
        return None

    def _live(self) -> Iterator[Path]:
        for name in ("active", "queue", "held", "delayed"):
            yield from _files(self.root / "spool" / name)

    def _ended(self) -> Iterator[Path]:
        for name in ("rejected", "failed"):
            yield from _files(self.root / name)
        for day in sorted(_entries(self.root / "done"), reverse=True)[:_DAYS]:
            yield from _files(day)

    def _end_of(self, file: Path) -> str:
        return file.relative_to(self.root).parts[0]


class Ticket:
    """One dropped request."""

    def __init__(self, spool: Spool, nonce: str) -> None:
        self._spool = spool
        self.nonce = nonce
        self._name = ""
        self._others: Dict[Path, int] = {}  # files known to be another's, by modification
        self._seen: Optional[Place] = None

    def dropped_as(self, job_id: str) -> Path:
        """Name the file in the inbox after the job, for people who look there."""
        self._name = "{}.{}.yaml".format(re.sub(r"[^\w.-]", "_", job_id)[:40], self.nonce)
        return self._spool.inbox / self._name

    def locate(self) -> Place:
        """Say where the request is now.

        NOWHERE is an answer for an instant only, while the file is renamed
        from a folder that was not listed yet to one that already was, and for
        good where the spool's folders may not be read.
        """
        if (self._spool.inbox / self._name).exists():
            return Place(INBOX, self._spool.inbox / self._name)
        if self._seen is not None and self._seen.path is not None and self._seen.path.exists():
            return self._seen
        self._seen = self._search()
        return self._seen

    def withdraw(self) -> bool:
        """Take the request back; False when somebody claimed it first."""
        try:
            (self._spool.inbox / self._name).unlink()
        except FileNotFoundError:
            return False
        return True

    def _search(self) -> Place:
        for file in self._spool._live():
            if self._mine(file):
                return Place(LIVE, file)
        for file in self._spool._ended():
            if self._mine(file):
                return Place(self._spool._end_of(file), file)
        return Place(NOWHERE)

    def _mine(self, file: Path) -> bool:
        modified = _modified(file)
        if self._others.get(file) == modified:
            return False
        text = _read(file)
        if text is not None and self.nonce in text:
            return True
        self._others[file] = modified
        return False


def encode(values: Dict[str, Any], nonce: str) -> bytes:
    """Return a request file. Values that JSON does not know are written as text."""
    text = json.dumps(values, indent=2, ensure_ascii=False, default=str)
    text = _NOT_IN_YAML.sub(lambda match: "\\u{:04x}".format(ord(match.group())), text)
    data = "# submission {}\n{}\n...\n".format(nonce, text).encode("utf-8")
    if len(data) > _REQUEST_LIMIT:
        raise ValueError("the request has {} bytes, a host takes {} at most".format(len(data), _REQUEST_LIMIT))
    return data


def reason(place: Place) -> Optional[str]:
    """Return why a request was rejected or a job failed, as the spool says it."""
    if place.path is None:
        return None
    text = _read(place.path.parent / "reason.txt")
    if text and text.strip():
        return text.strip()
    try:
        data = json.loads(_read(place.path.parent / "reason.json") or "null")
    except ValueError:
        return None
    return "\n".join(_sentences(data)) or None


def _sentences(data: Any) -> Iterator[str]:
    """Pick message and hint out of reason.json, one fault or several."""
    if isinstance(data, list):
        for item in data:
            yield from _sentences(item)
    elif isinstance(data, dict):
        if isinstance(data.get("message"), str):
            hint = data.get("hint")
            yield data["message"] + (" ({})".format(hint) if hint else "")
        else:
            for item in data.values():
                yield from _sentences(item)


def _entries(directory: Path) -> List[Path]:
    """List a directory afresh: on network file systems only that is true."""
    try:
        return [directory / name for name in os.listdir(str(directory)) if not name.startswith(".")]
    except OSError:
        return []


def _files(directory: Path) -> Iterator[Path]:
    """List request files in directory and in the folders just below it."""
    try:
        with os.scandir(str(directory)) as scan:
            entries = [entry for entry in scan if not entry.name.startswith(".")]
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from filter(_is_request, _entries(Path(entry.path)))
        elif _is_request(Path(entry.path)):
            yield Path(entry.path)


def _is_request(file: Path) -> bool:
    return file.suffix in (".yaml", ".yml", ".json") and file.name != "reason.json"


def _read(file: Path) -> Optional[str]:
    try:
        with open(str(file), "rb") as stream:
            return stream.read(_REQUEST_LIMIT).decode("utf-8", "replace")
    except OSError:
        return None


def _modified(file: Path) -> int:
    try:
        return os.stat(str(file)).st_mtime_ns
    except OSError:
        return 0


def _value(text: str, key: str) -> Optional[str]:
    """Read one top-level string out of YAML or JSON that others wrote.

    Good enough to recognise a job: the daemon alone judges a request.
    """
    match = re.search(
        r"""(?:^|[{{,])\s*["']?{}["']?\s*:\s*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#,}}"'][^#,}}\n]*)""".format(key), text, re.MULTILINE
    )
    if match is None:
        return None
    raw = match.group(1).strip()
    if raw.startswith('"'):
        try:
            return str(json.loads(raw))
        except ValueError:
            return raw.strip('"')
    return raw.strip("'")


def _configured_root() -> Optional[str]:
    config = os.environ.get("UREDIT_CONFIG")
    return _value(_read(Path(config)) or "", "root") if config else None
