"""What the log says of itself, signed: its size and the root of its tree (C2SP tlog-checkpoint)."""

from __future__ import annotations

import base64

from django.utils.translation import gettext as _

from apps.errors import Conflict
from apps.transparency import tree
from apps.transparency.keys import SigningKey, signing_key
from apps.transparency.models import Checkpoint
from apps.transparency.sequencing import read_tile, size
from apps.transparency.timestamps import timestamp_of
from infloo_verify import Checkpoint as Note


def latest() -> Checkpoint | None:
    return Checkpoint.objects.first()


def make() -> Checkpoint:
    """The checkpoint of the log as it is: the last one, where neither log nor key has changed since.

    Raises `Conflict` where there is no key, or where the log no longer has what was signed before: nothing is signed
    that would contradict it.
    """
    key, many, last = signing_key(), size(), latest()
    if last is not None:
        note = Note.read(last.note)
        require_extended(note)
        if last.size == many and key.public.id in [number for _name, number, _signature in note.signatures]:
            return last
    text = signed(key, many, root := tree.root(many, read_tile))
    return Checkpoint.objects.create(size=many, root=root, note=text, timestamp=timestamp_of(text.encode()))


def signed(key: SigningKey, many: int, root: bytes) -> str:
    return key.sign(f"{key.name}\n{many}\n{base64.b64encode(root).decode()}\n")


def require_extended(earlier: Note) -> None:
    """Raise `Conflict` where the log is not one that has grown from an earlier checkpoint."""
    if earlier.size > (many := size()):
        message = _("A checkpoint has %(then)d lines, the log has %(now)d: its end was cut off.")
        raise Conflict("log-cut", message % {"then": earlier.size, "now": many})
    try:
        is_same = tree.root(earlier.size, read_tile) == earlier.root
    except LookupError:
        is_same = False
    if not is_same:
        message = _("The first %(n)d lines of the log are not those of the checkpoint that was signed.")
        raise Conflict("log-rewritten", message % {"n": earlier.size})
