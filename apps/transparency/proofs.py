"""Proofs of single rows, as files for people outside: see `infloo_verify`."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.errors import Absent, Conflict
from apps.transparency import tree
from apps.transparency.checkpoints import latest
from apps.transparency.models import Leaf
from apps.transparency.sequencing import read_tile
from apps.transparency.sources import as_stored, tables
from infloo_verify import Proof


def proof_of(label: str, row: int) -> Proof:
    """The proof of a row of the model `label` under the last checkpoint.

    Raises `Absent` where there is no such row, `Conflict` where it is under no checkpoint yet.
    """
    if (table := tables().get(label)) is None:
        raise Absent("not-found", _("The log has no table of this name."))
    leaf = Leaf.objects.filter(source__label=label, row=row).select_related("shape").first()
    checkpoint = latest()
    with as_stored():
        columns = leaf.shape.columns if leaf is not None else [table.key]
        found = table.by_number(columns, [row]).get(row)
    if found is None:
        raise Absent("not-found", _("There is no such row."))
    if leaf is None or checkpoint is None or leaf.index >= checkpoint.size:
        raise Conflict("no-checkpoint", _("This is not under a signed checkpoint yet. Try again in a minute."))
    pairs = [[name, value] for name, value in zip(columns, found, strict=True)]
    hashes = list(tree.path(leaf.index, checkpoint.size, read_tile))
    return Proof(label, pairs, bytes(leaf.salt), leaf.index, hashes, checkpoint.note)
