"""An end of a WebSocket on Python's `websockets`, to be captured.

    python peer.py server HOST DEFLATE          echoes; prints its port
    python peer.py client URL DEFLATE LENGTH    says its piece, short or long, hears it back, and prints "said"

DEFLATE is "null" for none, or the factory's keywords as JSON.
"""

import asyncio
import hashlib
import json
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)


def noise(length: int) -> bytes:
    """Bytes that no deflate makes smaller."""
    blocks = (hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def fragments(message):
    """A message in three parts, the last of them empty: the asyncio client ends with an empty frame of its own."""
    third = len(message) // 3
    return [message[:third], message[third : 2 * third], message[2 * third :]]


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(fragments(message) if message[:9] == "fragments" else message)
    except ConnectionClosed:
        pass


async def run_server(host, deflate):
    extensions = None if deflate is None else [ServerPerMessageDeflateFactory(**deflate)]
    async with serve(echo, host, 0, compression=None, extensions=extensions, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def run_client(url, deflate, length):
    extensions = None if deflate is None else [ClientPerMessageDeflateFactory(**deflate)]
    options = {"compression": None, "extensions": extensions, "max_size": None}
    async with connect(url, **options) as connection:
        is_long = length == "long"
        words = json.dumps([{"number": number, "name": "héllo, 🌍"} for number in range(40 if is_long else 4)])
        large = [noise(300), b"\0" * 70_000, noise(127) * 2] if is_long else []
        for message in ["", "hello", "hello", words, words, b"", noise(20), *large]:
            await connection.send(message)
            assert await connection.recv() == message
        await connection.send(fragments("fragments of " + words))
        assert await connection.recv() == "fragments of " + words
        await connection.send([noise(10), b"", noise(200)])
        assert await connection.recv() == noise(10) + noise(200)
        await connection.send(words)
        assert await connection.recv() == words
        await (await connection.ping(b"are you there?"))
        await (await connection.ping())
        await connection.close(3001, "that was it, gr\u00fc\u00dfe")
    print("said", flush=True)


role, where, how, *length = sys.argv[1:]
run = run_server if role == "server" else run_client
asyncio.run(run(where, json.loads(how), *length))
