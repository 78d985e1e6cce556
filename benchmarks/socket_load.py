"""Pairs of people who talk: each message waits until the other side has the one before."""

import asyncio
import json
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import summary
from benchmarks.http_load import sign_in


def measure(port: int, sample: dict[str, Any], seconds: float) -> dict[str, dict[str, float]]:
    """Figures for one pair, and for all the rooms of the sample at once."""
    usernames = sorted({username for members in sample["members"].values() for username in members})
    tokens = {username: sign_in(port, username, sample["password"]) for username in usernames}
    rooms = list(sample["members"].items())
    figures = {}
    for count in (1, len(rooms)):
        times = asyncio.run(_talk(port, dict(rooms[:count]), tokens, seconds))
        figures[f"{count} {'room' if count == 1 else 'rooms'}"] = summary(times, seconds)
    return figures


async def _talk(port: int, rooms: dict[str, list[str]], tokens: dict[str, str], seconds: float) -> list[float]:
    times = await asyncio.gather(*(_pair(port, room, members, tokens, seconds) for room, members in rooms.items()))
    return [each for of_pair in times for each in of_pair]


async def _pair(port: int, room: str, members: list[str], tokens: dict[str, str], seconds: float) -> list[float]:
    def open_as(username: str) -> connect:
        headers = {"Authorization": f"Bearer {tokens[username]}"}
        return connect(f"ws://127.0.0.1:{port}/ws/chat/{room}/", additional_headers=headers)

    times: list[float] = []
    async with open_as(members[0]) as sender, open_as(members[1]) as receiver:
        await receiver.send('{"type": "ping"}')  # nothing live is sent before a first frame
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            client_id = str(len(times))
            await sender.send(json.dumps({"message": "Hello", "client_id": f"{started}-{client_id}"}))
            await asyncio.gather(_next_message(sender), _next_message(receiver))
            times.append(time.perf_counter() - started)
    return times


async def _next_message(connection: ClientConnection) -> None:
    while json.loads(await connection.recv())["type"] != "message":
        pass
