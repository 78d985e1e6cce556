"""`python -m benchmarks.duplicates`: how well the finder of duplicates tells papers of one form apart.

Draws papers of people who do not exist and copies of some, has the finder inspect them in an order drawn by lot, and
counts false alarms and copies missed. All look-ups run against PostgreSQL, as in production. The work of the child
with limits is done by the same functions within two processes, to spare thousands of starts; what the child itself
costs is measured on some documents at the end. Writes the figures to var/duplicates.json, and prints them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

from benchmarks.__main__ import keep, machine, manage, say
from benchmarks.papers import COPIES, Paper, papers, printed
from ops import embedded

SIDE = 1200
"""Pages are kept somewhat smaller than by `apps.renditions`, which spares time here and shows nothing more."""
CHILDREN = 20
"""So many documents are inspected by the child itself, too."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.duplicates", description=__doc__)
    parser.add_argument("--seed", type=int, default=2, help="another draws other people (default 2)")
    parser.add_argument("--each", type=int, default=500, help="cards, and as many forms (default 500)")
    parser.add_argument("--copies", type=int, default=24, help="of each kind (default 24)")
    parser.add_argument("--prints", type=int, default=100_000, help="fingerprints to look up among (default 100,000)")
    options = parser.parse_args()
    with embedded.throwaway() as servers:
        environment = {
            "PATH": os.environ["PATH"],
            "DEBUG": "1",
            "DATABASE_URL": servers.database_url(),
            "REDIS_URL": servers.redis_url(),
        }
        manage(environment, "migrate", "--verbosity", "0")
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
        figures: dict[str, Any] = {"machine": machine(), "seed": options.seed, "each": options.each}
        say("Drawing ...")
        with TemporaryDirectory() as folder, get_context("spawn").Pool(2) as pool:
            made = papers(options.seed, options.each, options.copies)
            Random(options.seed).shuffle(made)
            pictures = pool.map(picture_of, made, chunksize=20)
            say("Inspecting ...")
            documents = create_documents(made)
            for number, picture in zip(documents, pictures, strict=True):
                (Path(folder) / str(number)).write_bytes(picture)
            work = [(number, Path(folder)) for number in documents]
            began = time.perf_counter()
            cost = pool.map(inspect_here, work, chunksize=1)
        figures["seconds"] = round(time.perf_counter() - began)
        figures["cpu_milliseconds_a_document"] = round(1000 * statistics.mean(cost))
        figures |= count(made, documents)
        show(figures)
        figures["child"] = child_costs(made[:CHILDREN])
        say(f"\nThe child itself, on {CHILDREN} documents: {figures['child']}")
        if options.prints:
            figures["look_up"] = look_up(options.prints)
            say(f"Look-up of candidates: {figures['look_up']}")
    keep("duplicates.json", figures)
    say(json.dumps(figures, indent=2))


def setup() -> None:
    import django

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    django.setup()


def picture_of(paper: Paper) -> bytes:
    """As `apps.rendition` keeps it."""
    image = Image.open(BytesIO(paper.content)) if paper.media_type != "application/pdf" else printed(paper.content)
    image = image.convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = BytesIO()
    image.save(out, "WEBP", quality=88, method=2)
    return out.getvalue()


def create_documents(made: Sequence[Paper]) -> list[int]:
    """One account each; their numbers."""
    setup()
    from apps.users.models import DocType, Document, Role, User

    people = User.objects.bulk_create(
        User(username=f"person{number}", email=f"person{number}@example.com", role=Role.BRAND)
        for number in range(len(made))
    )
    documents = Document.objects.bulk_create(
        Document(
            owner=owner,
            doc_type=DocType.IDENTITY if paper.layout.startswith("card") else DocType.BUSINESS,
            file=f"documents/{owner.username}",
            media_type=paper.media_type,
            size=len(paper.content),
            sha256=f"{number:064}",
        )
        for number, (owner, paper) in enumerate(zip(people, made, strict=True))
    )
    return [document.pk for document in documents]


# --- Inspecting -------------------------------------------------------------------------------------------------------


def inspect_here(work: tuple[int, Path]) -> float:
    """Inspect one document, the child's work included. Seconds of CPU."""
    setup()
    import cv2

    from apps import likeness_child, registration
    from apps.users import likeness
    from apps.users.models import Document

    number, folder = work
    cv2.setNumThreads(1)

    def ask(order: dict[str, Any], parts: Sequence[bytes]) -> Any:
        orders = {
            "features": likeness_child.find_features,
            "lay": likeness_child.lay_on_forms,
            "compare": likeness_child.compare,
        }
        return json.loads(json.dumps(orders[order["do"]](order, list(parts))))

    def drawn(document: Document) -> bytes:
        return (folder / str(document.pk)).read_bytes()

    registration._ask, likeness._picture = ask, drawn  # type: ignore[assignment]
    began = time.process_time()
    document = Document.objects.get(pk=number)
    likeness._find_twins(document, drawn(document))
    return time.process_time() - began


def count(made: Sequence[Paper], documents: Sequence[int]) -> dict[str, Any]:
    from apps.users.models import DocumentForm, DocumentTwin

    of = dict(zip(documents, made, strict=True))
    number = {(paper.shows, paper.kind): document for document, paper in of.items()}
    alarmed, found = set(), set()
    right: list[float] = []
    wrong: list[float] = []
    for one, other, score in DocumentTwin.objects.values_list("document_id", "other_id", "score"):
        if of[one].shows == of[other].shows:
            found |= {one, other}
            right.append(score or 0.0)
        else:
            alarmed |= {one, other}
            wrong.append(score or 0.0)
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: {"copies": 0, "missed": 0})
    for (_, kind), document in number.items():
        if kind:
            kinds[kind]["copies"] += 1
            kinds[kind]["missed"] += document not in found
    copies, missed = (sum(row[key] for row in kinds.values()) for key in ("copies", "missed"))
    return {
        "documents": len(made),
        "false_alarms": len(alarmed),
        "false_alarms_percent": round(100 * len(alarmed) / len(made), 2),
        "copies": copies,
        "missed": missed,
        "missed_percent": round(100 * missed / copies, 2) if copies else 0,
        "by_kind": {kind: kinds[kind] for kind in COPIES if kind in kinds},
        "scores_of_copies": [round(min(right, default=0), 2), round(statistics.median(right or [0]), 2)],
        "scores_of_false_alarms": sorted(round(score, 2) for score in wrong),
        "forms_found": DocumentForm.objects.count(),
    }


def show(figures: dict[str, Any]) -> None:
    say(f"\n{figures['documents']} documents, {figures['copies']} of them copies; seed {figures['seed']}")
    say(f"  false alarms  {figures['false_alarms']:>4}  {figures['false_alarms_percent']:>6} %  aim: under 1 %")
    say(f"  missed copies {figures['missed']:>4}  {figures['missed_percent']:>6} %  aim: under 5 %")
    for kind, row in figures["by_kind"].items():
        say(f"    {kind:<28} {row['missed']:>3} of {row['copies']}")


# --- Costs ------------------------------------------------------------------------------------------------------------


def child_costs(made: Sequence[Paper]) -> dict[str, float]:
    """Of the processes with limits: seconds of CPU and of the clock for a document, and the most memory of any."""
    from apps.registration import form_of, lay_on_forms, scores
    from apps.rendering import inspect, render_page

    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for paper in made:
        inspect(paper.content, paper.media_type)
        picture = render_page(paper.content, paper.media_type, 1, watermark="", max_short=1000)
        form, _ = form_of(picture)
        laid = lay_on_forms(picture, [form] * 4)
        if laid is not None:
            scores(form, [(picture, laid.placed)] * 13)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_seconds_a_document": round(spent / len(made), 2),
        "seconds_a_document": round((time.perf_counter() - began) / len(made), 2),
        "most_memory_mib": round(after.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)),
    }


def look_up(prints: int) -> dict[str, float]:
    """Milliseconds of finding candidates among so many fingerprints, a third of them on one form."""
    from django.db import connection

    from apps.users.likeness import candidates
    from apps.users.models import DocumentBand

    band, document = DocumentBand._meta.db_table, "users_document"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {band} DROP CONSTRAINT {band}_document_id_kept")
        cursor.execute("DROP INDEX document_one_pending")
        cursor.execute(f"SELECT * FROM {document} LIMIT 0")  # noqa: S608
        columns = ", ".join(f'"{column.name}"' for column in cursor.description if column.name != "id")
        cursor.execute(
            f"INSERT INTO {document} (id, {columns}) "  # noqa: S608
            f"SELECT 1000000 + n, {columns} FROM generate_series(1, %s) n, (SELECT * FROM {document} LIMIT 1) one",
            [prints],
        )
        # On each form: 40 blocks that all show alike, as often as they are kept, and 60 of one's own.
        cursor.execute(
            f"""
            INSERT INTO {band} (band, document_id)
            SELECT (CASE WHEN n %% 3 = 0 THEN 1 ELSE n / 50 END)::bigint << 32 | block << 15 |
                   CASE WHEN block < 40 THEN 1 ELSE (random() * 32767)::int END, 1000000 + n
            FROM generate_series(1, %s) n, generate_series(1, 100) block
            WHERE block >= 40 OR n %% 3 <> 0 OR n < 200 ON CONFLICT DO NOTHING
            """,  # noqa: S608
            [prints],
        )
        cursor.execute(f"ANALYZE {band}")
        cursor.execute(f"SELECT count(*), pg_total_relation_size('{band}') FROM {band}")  # noqa: S608
        rows, size = cursor.fetchone()
        times = []
        for number in range(3, min(prints, 3000), 30):
            cursor.execute(f"SELECT band FROM {band} WHERE document_id = %s", [1_000_000 + number])  # noqa: S608
            own = [one for (one,) in cursor.fetchall()]
            began = time.perf_counter()
            assert 1_000_000 + number in candidates(own, 0)
            times.append((time.perf_counter() - began) * 1000)
    return {
        "fingerprints": prints,
        "rows": rows,
        "bytes_a_document": round(size / prints),
        "median_ms": round(statistics.median(times), 1),
        "worst_ms": round(max(times), 1),
    }


if __name__ == "__main__":
    main()
