"""Two hundred sockets in twenty rooms, and a set number of messages a second over them, however slow the answers are.

A room of two people is filled with as many devices of each as it takes. Each message must reach every socket of its
room once, in the order of the room: the sender too, whose copy says that it is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from benchmarks import process_costs, websocket
from benchmarks.figures import Row, summary
from benchmarks.http_load import sign_in

SOCKETS, ROOMS = 200, 20
RATES = (80, 160, 320, 640, 960)
DRAIN = 10
"""Seconds in which the last messages may arrive after the last was sent."""
OPEN_AT_ONCE = 16
BEFORE_ID = b'"client_id":'


@dataclass(frozen=True)
class Seat:
    room: str
    token: str


@dataclass
class Tally:
    """What arrived."""

    sent_at: dict[int, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    doubled: int = 0
    out_of_order: int = 0
    seen: set[tuple[int, int]] = field(default_factory=set)
    last: dict[int, int] = field(default_factory=dict)

    def take(self, socket: int, frame: bytes, now: float) -> None:
        """One frame at one socket. Anything but a message of this run is passed over."""
        number = number_in(frame)
        if number is None or number not in self.sent_at:
            return
        if (number, socket) in self.seen:
            self.doubled += 1
            return
        self.seen.add((number, socket))
        self.seconds.append(now - self.sent_at[number])
        seq = whole_number_after(frame, b'"seq":')
        if seq is not None:
            self.out_of_order += seq <= self.last.get(socket, 0)
            self.last[socket] = seq


def number_in(frame: bytes) -> int | None:
    """The number that this program gave a message, as its `client_id`. Reads no JSON: frames are many."""
    found = frame.find(BEFORE_ID)
    quoted = frame[found + len(BEFORE_ID) :].lstrip()[1:] if found >= 0 else b""
    text = quoted.partition(b'"')[0].partition(b"-")[2]
    return int(text) if text.isdigit() else None


def whole_number_after(frame: bytes, name: bytes) -> int | None:
    found = frame.find(name)
    if found < 0:
        return None
    text = frame[found + len(name) : found + len(name) + 24].lstrip()
    digits = text[: next((place for place, byte in enumerate(text) if not 48 <= byte <= 57), len(text))]
    return int(digits) if digits else None


def seats(database_url: str, port: int, password: str) -> list[Seat]:
    """A seat for each socket, one of each room in turn."""
    query = """
        SELECT room.name, array_agg(member.username ORDER BY member.id) FROM chat_room room
        JOIN chat_membership m ON m.room_id = room.id JOIN users_user member ON member.id = m.user_id
        WHERE room.id IN (SELECT id FROM chat_room ORDER BY id LIMIT %s)
        GROUP BY room.id ORDER BY room.id
    """
    with psycopg.connect(database_url) as session:
        rooms = session.execute(query, (ROOMS,)).fetchall()
    tokens = {name: sign_in(port, name, password) for name in sorted({name for _, names in rooms for name in names})}
    return [
        Seat(room, tokens[members[place % len(members)]])
        for place in range(SOCKETS // ROOMS)
        for room, members in rooms
    ]


def measure(ports: Sequence[int], pids: Sequence[int], places: Sequence[Seat], rate: float, seconds: float) -> Row:
    """Figures at one rate. With several ports the sockets are spread over them, each room over all."""
    return asyncio.run(_run(ports, pids, places, rate, seconds))


def memory(port: int, pid: int, places: Sequence[Seat]) -> float | None:
    """KB that a socket takes, by a second opening of them all beside a first, which warms the process up."""
    return asyncio.run(_memory(port, pid, places))


async def _memory(port: int, pid: int, places: Sequence[Seat]) -> float | None:
    sockets = await _open([port], places, Tally())
    before = process_costs.resident_kb(pid)
    sockets += await _open([port], places, Tally())
    after = process_costs.resident_kb(pid)
    for socket in sockets:
        socket.close()
    return None if before is None or after is None else round((after - before) / len(places), 1)


async def _run(ports: Sequence[int], pids: Sequence[int], places: Sequence[Seat], rate: float, seconds: float) -> Row:
    tally = Tally()
    sockets = await _open(ports, places, tally)
    cpu, began, own = process_costs.cpu_ms(*pids), time.perf_counter(), time.process_time()
    expected = await _say(sockets, places, tally, rate, seconds)
    sending = time.perf_counter() - began
    while len(tally.seconds) < expected and time.perf_counter() - began < sending + DRAIN:  # noqa: ASYNC110  # an event would wake it for each frame
        await asyncio.sleep(0.02)
    took = time.perf_counter() - began
    ended = process_costs.cpu_ms(*pids)
    for socket in sockets:
        socket.close()
    sent = max(len(tally.sent_at), 1)
    row = summary(tally.seconds or [0.0], took) | {
        "per_second": round(sent * len(tally.seconds) / max(expected, 1) / took, 1),
        "delivered": round(len(tally.seconds) / max(expected, 1), 4),
        "doubled": tally.doubled,
        "out_of_order": tally.out_of_order,
        "closed": sum(socket.closed for socket in sockets),
        "generator_cpu": round((time.process_time() - own) / took, 2),
    }
    if cpu is not None and ended is not None:
        row["cpu_ms"] = round((ended - cpu) / sent, 3)
    return row


async def _open(ports: Sequence[int], places: Sequence[Seat], tally: Tally) -> list[websocket.Connection]:
    few = asyncio.Semaphore(OPEN_AT_ONCE)

    async def one(number: int, place: Seat) -> websocket.Connection:
        # Sockets of a room follow each other at the distance of the number of rooms.
        port = ports[number // ROOMS % len(ports)]
        async with few:
            socket = await websocket.connect(
                port,
                f"/ws/chat/{place.room}/",
                place.token,
                lambda frame: tally.take(number, frame, time.perf_counter()),
            )
            socket.send('{"type": "ping"}')  # nothing live is sent before a first frame
            return socket

    sockets = await asyncio.gather(*(one(number, place) for number, place in enumerate(places)))
    await asyncio.sleep(1)
    return sockets


async def _say(
    sockets: Sequence[websocket.Connection], places: Sequence[Seat], tally: Tally, rate: float, seconds: float
) -> int:
    """Sends at the rate, whatever comes back. Returns how many frames should arrive."""
    in_room = Counter(place.room for place in places)
    run, expected = time.time_ns(), 0
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        if (wait := began + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        speaker = number * 7919 % len(sockets)  # another member of another room each time
        if sockets[speaker].closed:
            continue
        tally.sent_at[number] = time.perf_counter()
        sockets[speaker].send(f'{{"message": "Shall we meet at the launch?", "client_id": "{run}-{number}"}}')
        expected += in_room[places[speaker].room]
    return expected
