"""`python -m benchmarks.duplicates`: how well the finder of duplicates distinguishes documents on one form.

Draws documents of people who do not exist and copies of some, has the finder inspect them in an order drawn by lot, and
counts false alarms and copies missed. All look-ups run against PostgreSQL, as in production. The work of the child
with limits is done by the same functions within two processes, to spare thousands of starts, and what it finds on a
page is kept while others are compared with that; what the child itself costs is measured on some documents at the end.
Documents once drawn are kept in the system's folder for temporary files. Writes the figures to var/duplicates.json, and
prints them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import gettempdir
from typing import Any
from zlib import crc32

from PIL import Image

from benchmarks.kept import write_as
from benchmarks.papers import COPIES, Order, Paper, drawn, orders, printed
from benchmarks.serving import machine, manage, say
from devtools.embedded.throwaway import throwaway

SIDE = 1200
"""Pages are kept somewhat smaller than by `renditions`, which spares time here and shows nothing more."""
CHILDREN = 10
"""So many documents are inspected by the child itself, too."""
DRAWN = Path(gettempdir()) / f"infloo-papers-{crc32(Path(__file__).with_name('papers.py').read_bytes()):08x}"
PAGES = 1300
"""So many pages are kept in memory by each process, with what was found on them."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.duplicates", description=__doc__)
    parser.add_argument("--seed", type=int, default=2, help="another draws other people (default 2)")
    parser.add_argument("--each", type=int, default=500, help="cards, and as many forms (default 500)")
    parser.add_argument("--copies", type=int, default=24, help="of each kind (default 24)")
    parser.add_argument("--prints", type=int, default=100_000, help="fingerprints to look up among (default 100,000)")
    options = parser.parse_args()
    with throwaway() as servers:
        environment = {
            "PATH": os.environ["PATH"],
            "DEBUG": "1",
            "DATABASE_URL": servers.owner_database_url(),  # indexes are made by hand
            "REDIS_URL": servers.redis_url(),
        }
        manage(environment, "migrate", "--verbosity", "0")
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="config.settings")
        figures: dict[str, Any] = {"machine": machine(), "seed": options.seed, "each": options.each}
        made = orders(options.seed, options.each, options.copies)
        Random(options.seed).shuffle(made)
        with get_context("spawn").Pool(2) as pool:
            list(progress("Drawing", pool.imap(draw, made, chunksize=4), len(made)))
            documents = create_documents(made)
            began = time.perf_counter()
            work = pool.imap(inspect_here, zip(documents, made, strict=True))
            cost = list(progress("Inspecting", work, len(made)))
        figures["seconds"] = round(time.perf_counter() - began)
        figures["cpu_milliseconds_a_document"] = round(1000 * statistics.mean(cost))
        figures |= count(made, documents)
        show(figures)
        figures["child"] = child_costs(made[:CHILDREN])
        say(f"\nThe child itself, on {CHILDREN} documents: {figures['child']}")
        if options.prints:
            figures["look_up"] = look_up(options.prints)
            say(f"Look-up of candidates: {figures['look_up']}")
    say(f"\nFigures: {write_as('duplicates.json', figures)}")
    say(json.dumps(figures, indent=2))


def setup() -> None:
    import django

    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    django.setup()


def progress[T](what: str, done: Iterable[T], of: int) -> Iterator[T]:
    began = time.perf_counter()
    for number, one in enumerate(done, start=1):
        if number % 50 == 0 or number == of:
            say(f"{what}: {number} of {of}, {time.perf_counter() - began:.0f} s")
        yield one


def draw(order: Order) -> None:
    if not (path := path_of(order)).exists():
        DRAWN.mkdir(exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(picture_of(drawn(order)))
        part.rename(path)


def path_of(order: Order) -> Path:
    kind = order.kind.replace(" ", "-") or ("shot" if order.shot else "original")
    return DRAWN / f"{order.seed}-{order.layout.replace(' ', '-')}-{order.each}-{order.shows}-{kind}.webp"


def picture_of(paper: Paper) -> bytes:
    """As `apps.rendition` keeps it."""
    image = Image.open(BytesIO(paper.content)) if paper.media_type != "application/pdf" else printed(paper.content)
    image = image.convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    out = BytesIO()
    image.save(out, "WEBP", quality=88, method=2)
    return out.getvalue()


def create_documents(made: Sequence[Order]) -> list[int]:
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
            doc_type=DocType.IDENTITY if order.layout.startswith("card") else DocType.BUSINESS,
            # The picture of its page, which is drawn already.
            file=str(path_of(order)),
            media_type="image/webp",
            size=1,
            sha256=f"{number:064}",
        )
        for number, (owner, order) in enumerate(zip(people, made, strict=True))
    )
    return [document.pk for document in documents]


# --- Inspecting -------------------------------------------------------------------------------------------------------


def inspect_here(work: tuple[int, Order]) -> float:
    """Inspect one document, the child's work included. Seconds of CPU."""
    setup()
    from apps.infra.files import comparing
    from apps.users.models import Document
    from apps.users.verification import duplicates

    comparing._ask, duplicates._picture = ask_here, picture_here
    began = time.process_time()
    document = Document.objects.get(pk=work[0])
    duplicates._find_duplicates(document, picture_here(document))
    return time.process_time() - began


def picture_here(document: Any) -> bytes:
    return Path(document.file.name).read_bytes()


def ask_here(order: dict[str, Any], parts: Sequence[bytes]) -> Any:
    return child().ORDERS[order["do"]](list(parts))


@cache
def child() -> Any:
    """The child's functions, which here remember the pages that they compared."""
    import cv2

    from apps.infra.files.children import comparing

    cv2.setNumThreads(1)
    for name in ("page", "rough"):
        setattr(comparing, name, lru_cache(PAGES)(getattr(comparing, name)))
    return comparing


def count(made: Sequence[Order], documents: Sequence[int]) -> dict[str, Any]:
    from apps.users.models import DuplicateMatch

    of = dict(zip(documents, made, strict=True))
    number = {(paper.shows, paper.kind): document for document, paper in of.items()}
    alarmed, found = set(), set()
    right: list[float] = []
    wrong: list[float] = []
    for one, other, score in DuplicateMatch.objects.values_list("document_id", "other_id", "score"):
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
    }


def show(figures: dict[str, Any]) -> None:
    say(f"\n{figures['documents']} documents, {figures['copies']} of them copies; seed {figures['seed']}")
    say(f"  false alarms  {figures['false_alarms']:>4}  {figures['false_alarms_percent']:>6} %  aim: under 1 %")
    say(f"  missed copies {figures['missed']:>4}  {figures['missed_percent']:>6} %  aim: under 5 %")
    for kind, row in figures["by_kind"].items():
        say(f"    {kind:<28} {row['missed']:>3} of {row['copies']}")


# --- Costs ------------------------------------------------------------------------------------------------------------


def child_costs(made: Sequence[Order]) -> dict[str, dict[str, float]]:
    """Of the processes with limits, each time one is asked: seconds of CPU and of the clock, and the most memory."""
    setup()
    from apps.infra.files.comparing import PagePicture, fingerprint, scores
    from apps.infra.files.rendering import render_page
    from apps.users.verification.duplicates import CANDIDATES

    papers = [drawn(order) for order in made]
    pages = [render_page(paper.content, paper.media_type, 1, watermark="", max_short=1000) for paper in papers]
    made_of = [PagePicture(page, fingerprint(page).features) for page in pages]
    return {
        "hash": cost([partial(fingerprint, page) for page in pages]) | memory("hash", pages[:1]),
        f"compare with {CANDIDATES}": cost([partial(scores, one, [one] * CANDIDATES) for one in made_of])
        | memory("compare", made_of[0] * (CANDIDATES + 1)),
    }


def cost(work: Sequence[Callable[[], object]]) -> dict[str, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    for one in work:
        one()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu_seconds": round(spent / len(work), 2),
        "seconds": round((time.perf_counter() - began) / len(work), 2),
    }


def memory(order: str, pages: Sequence[bytes]) -> dict[str, float]:
    """MiB, as Linux counts it of the child alone: `getrusage` counts the process that started it, too."""
    from apps.infra.files.child_process import ENVIRONMENT, command
    from apps.infra.files.rendering import MEMORY, SECONDS

    if not sys.platform.startswith("linux"):
        return {}
    lengths = [len(page) for page in pages]
    python, isolated, *arguments = command(
        "comparing", {"do": order, "lengths": lengths, "seconds": SECONDS, "memory": MEMORY}
    )
    watched = (
        "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__');"
        "sys.stderr.write(open('/proc/self/status').read())"
    )
    done = subprocess.run(
        [python, isolated, "-c", watched, *arguments],
        input=b"".join(pages),
        capture_output=True,
        env=ENVIRONMENT,
        check=True,
    )
    [most] = [line.split()[1] for line in done.stderr.decode().splitlines() if line.startswith("VmHWM")]
    return {"most_memory_mib": round(int(most) / 1024)}


def look_up(prints: int) -> dict[str, float]:
    """Milliseconds of finding candidates among so many fingerprints, a third of them on one form."""
    from django.db import connection

    from apps.users.models import DocumentFingerprint
    from apps.users.verification.duplicates import COMMON, VERSION, candidates

    table, document = DocumentFingerprint._meta.db_table, "users_document"
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX document_one_pending")
        cursor.execute("DROP INDEX document_print_hashes")
        cursor.execute(f"SELECT * FROM {document} LIMIT 0")  # noqa: S608
        columns = ", ".join(f'"{column.name}"' for column in cursor.description if column.name != "id")
        cursor.execute(
            f"INSERT INTO {document} (id, {columns}) "  # noqa: S608
            f"SELECT 1000000 + n, {columns} FROM generate_series(1, %s) n, (SELECT * FROM {document} LIMIT 1) one",
            [prints],
        )
        # 800 hashes: 300 that all of a form share, as often as they are kept, and 500 of one's own, of which half are
        # such as many others have.
        cursor.execute(
            f"""
            INSERT INTO {table} (document_id, version, hashes)
            SELECT 1000000 + n, {VERSION}, ARRAY(SELECT DISTINCT CASE
                WHEN feature <= 300 THEN (CASE WHEN n %% 3 = 0 THEN 0 ELSE n %% 3000 END) * 300 + feature
                WHEN feature <= 550 THEN 1000000 + (random() * 1000000)::int
                ELSE (random() * 50000000)::int END
                FROM generate_series(1, 800) feature WHERE feature > 300 OR n %% 3 <> 0 OR n < {3 * COMMON})
            FROM generate_series(1, %s) n
            """,  # noqa: S608
            [prints],
        )
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(f"CREATE INDEX document_print_hashes ON {table} USING gin (hashes) WITH (fastupdate = off)")
        cursor.execute(f"ANALYZE {table}")
        cursor.execute(f"SELECT pg_total_relation_size('{table}')")
        size = cursor.fetchone()[0]
        times = []
        for number in range(3, min(prints, 3000), 30):
            cursor.execute(f"SELECT hashes FROM {table} WHERE document_id = %s", [1_000_000 + number])  # noqa: S608
            own = cursor.fetchone()[0]
            began = time.perf_counter()
            assert 1_000_000 + number in candidates(own, 0, 0)
            times.append((time.perf_counter() - began) * 1000)
    return {
        "fingerprints": prints,
        "bytes_a_document": round(size / prints),
        "median_ms": round(statistics.median(times), 1),
        "worst_ms": round(max(times), 1),
    }


if __name__ == "__main__":
    main()
