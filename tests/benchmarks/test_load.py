"""What the load generators print and count, read rightly."""

import asyncio
import json
import os
import time
from datetime import UTC, datetime

import pytest

from benchmarks import by_hand, chat_load, process_costs, tables, websocket, wrk
from benchmarks.beside import compared, show
from benchmarks.chat_load import Tally
from benchmarks.peer import calls_from

PRINTED = """Running 2s test @ http://127.0.0.1:8000/api/events
  1 threads and 16 connections
Requests/sec:    400.00

FIGURES {"requests":800,"us":2000000,"p50_us":38900,"p95_us":137410,"p99_us":174930,"refused":0,"broken":0}
"""


def test_figures_of_wrk_are_requests_a_second_and_milliseconds() -> None:
    row, count = wrk.parse(PRINTED)
    assert (count, row) == (800, {"per_second": 400, "p50_ms": 38.9, "p95_ms": 137.41, "p99_ms": 174.93})


@pytest.mark.parametrize(
    "printed", ["", PRINTED.replace('"refused":0', '"refused":3'), PRINTED.replace('n":0', 'n":2')]
)
def test_a_run_with_errors_has_no_figures(printed: str) -> None:
    with pytest.raises(SystemExit, match="wrk"):
        wrk.parse(printed)


def test_wrk_sends_the_method_headers_and_body_of_a_call() -> None:
    script = wrk.script("POST", {"Authorization": 'Bearer "x"'}, '{"title": "Launch"}')
    assert script.startswith('wrk.method = "POST"\nwrk.headers["Authorization"] = "Bearer \\"x\\""\n')
    assert 'wrk.body = [==[{"title": "Launch"}]==]' in script
    assert wrk.MARK in script
    assert "%%" not in script


def test_the_name_of_a_program_cannot_shift_the_fields() -> None:
    fields = ["S", "7", *["0"] * 9, "150", "50", "9"]
    stat = process_costs.parse_stat(f"42 (a) b (c) {' '.join(fields)}", 100)
    assert (stat.parent, stat.cpu_ms) == (7, 2000)


def test_cpu_time_counts_children_and_theirs() -> None:
    assert process_costs.family_of(2, {2: 1, 3: 2, 4: 3, 5: 1, 6: 4}) == {2, 3, 4, 6}


@pytest.mark.skipif(not process_costs.PROC.exists(), reason="Linux alone has /proc")
def test_cpu_time_of_this_process_is_that_of_its_own_clock() -> None:
    began, own = process_costs.cpu_ms(os.getpid()), time.process_time()
    while time.process_time() - own < 0.1:
        sum(range(1000))
    ended = process_costs.cpu_ms(os.getpid())
    assert ended is not None
    assert began is not None
    assert 80 <= ended - began <= 1000
    assert (process_costs.resident_kb(os.getpid()) or 0) > 1000


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65_535, 65_536])
def test_frames_come_out_as_they_went_in_whatever_their_size(size: int) -> None:
    content = b"x" * size
    frame = websocket.framed(websocket.TEXT, content)
    # A server's frame is the same without the mask.
    place = frame.index(bytes(4), 2 if size < 126 else 4 if size < 1 << 16 else 10)
    served = frame[:1] + bytes([frame[1] & 0x7F]) + frame[2:place] + content
    assert websocket.split(served) == ([(websocket.TEXT, content)], b"")
    for cut in (1, 3, len(served) - 1):
        if cut < len(served):
            assert websocket.split(served[:cut]) == ([], served[:cut])
    assert websocket.split(served + served[:1]) == ([(websocket.TEXT, content)], served[:1])


def message(number: int, seq: int) -> bytes:
    return json.dumps({"type": "message", "message": "Hi", "seq": seq, "client_id": f"17-{number}"}).encode()


def test_doubled_and_overtaken_messages_are_counted() -> None:
    tally = Tally(sent_at={1: 0.0, 2: 0.0, 3: 0.0})
    for socket, frame in [
        (0, message(1, 5)),
        (0, message(1, 5)),
        (0, message(3, 7)),
        (0, message(2, 6)),
        (1, message(1, 5)),
    ]:
        tally.take(socket, frame, 0.5)
    tally.take(0, b'{"type": "pong"}', 0.5)
    tally.take(0, message(9, 8), 0.5)
    assert (len(tally.seconds), tally.doubled, tally.out_of_order) == (4, 1, 1)


@pytest.mark.parametrize("frame", [b'{"client_id":"17-4","seq":12}', b'{"seq": 12, "client_id": "17-4"}'])
def test_numbers_are_found_with_and_without_spaces(frame: bytes) -> None:
    assert chat_load.number_in(frame) == 4
    assert chat_load.whole_number_after(frame, b'"seq":') == 12


def test_the_client_opens_a_socket_and_reads_frames() -> None:
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        # The answer and the first frame in one piece.
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02hi")
        await reader.read(100)
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = await websocket.connect(port, "/ws/chat/room/", "token", got.append)
            client.send("bye")
            client.close()

    asyncio.run(run())
    assert got == [b"hi"]


def test_ratios_are_medians_of_rounds_that_were_measured_together() -> None:
    ours = [
        {"per_second": 200.0, "cpu_ms": 1.0},
        {"per_second": 100.0, "cpu_ms": 2.0},
        {"per_second": 400.0, "cpu_ms": 1.0},
    ]
    theirs = [
        {"per_second": 100.0, "cpu_ms": 4.0},
        {"per_second": 50.0, "cpu_ms": 8.0},
        {"per_second": 100.0, "cpu_ms": 6.0},
    ]
    row = compared(ours, theirs)
    assert (row["times_per_second"], row["times_cpu"]) == (2.0, 4.0)
    assert compared([{"per_second": 1.0}], [{"per_second": 2.0}])["times_cpu"] is None


def test_a_side_that_answered_nothing_in_its_time_has_no_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    show("Side by side", {"log in": compared([{"per_second": 20.0}], [{"per_second": 0.0}])})
    assert "0/s" in capsys.readouterr().out


def test_the_peer_is_sent_a_token_wherever_this_product_is() -> None:
    token = {"Authorization": "Bearer theirs"}
    requests = {
        "event": {"method": "GET", "path": "/api/events/77"},
        "profile": {"method": "GET", "path": "/api/users/profile", "headers": token},
        "create_event": {
            "method": "POST",
            "path": "/api/events",
            "headers": token | {"Content-Type": "application/json"},
            "body": {"title": "Launch"},
        },
    }
    calls = calls_from(requests)
    assert [calls[name].headers for name in ("event", "profile", "post event")] == [token] * 3
    assert calls["post event"].all_headers() == token | {"Content-Type": "application/json"}


@pytest.mark.parametrize(("microsecond", "text"), [(171_902, "2030-01-01T20:00:00.171Z"), (0, "2030-01-01T20:00:00Z")])
def test_times_are_written_by_hand_as_the_api_writes_them(microsecond: int, text: str) -> None:
    assert by_hand.written(datetime(2030, 1, 1, 20, microsecond=microsecond, tzinfo=UTC)) == text


def test_pages_are_told_by_their_times_and_by_those_of_the_web_process() -> None:
    assert tables.row_of([(0.02, 0.01), (0.02, 0.01)]) == {
        "p50_ms": 20.0,
        "p95_ms": 20.0,
        "cpu_p50_ms": 10.0,
        "cpu_p95_ms": 10.0,
    }
