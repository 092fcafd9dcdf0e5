"""An end of a WebSocket on Python's `websockets`, for the proxy to stand in front of or behind.

    python peer.py server deflate|plain          echoes; prints its port
    python peer.py client deflate|plain URL      says what TALK has, hears it back, and prints "agreed"
"""

import asyncio
import hashlib
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

LIMIT = 16 << 20


def noise(length: int) -> bytes:
    """Bytes that no deflate makes smaller."""
    blocks = (hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass  # with a code of its own, as ours do


async def run_server(compression):
    async with serve(echo, "127.0.0.1", 0, compression=compression, max_size=LIMIT) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def run_client(url, compression):
    async with connect(url, compression=compression, max_size=LIMIT) as connection:
        talk = ["", "hello", "h\u00e9llo, \U0001f30d", "0123456789abcdef" * (1 << 16), noise(1 << 20), b""]
        for message in talk:
            await connection.send(message)
            assert await connection.recv() == message
        # In fragments, of which the proxy knows nothing either.
        await connection.send(["in ", "", "three"])
        assert await connection.recv() == "in three"
        await (await connection.ping(b"are you there?"))
        await connection.close(4000, "that was it")
    assert connection.close_code == 4000, connection.close_code
    print("agreed", flush=True)


role, kind, *rest = sys.argv[1:]
way = "deflate" if kind == "deflate" else None
asyncio.run(run_server(way) if role == "server" else run_client(rest[0], way))
