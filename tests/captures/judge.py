"""What Python's `websockets` makes of captured bytes, without a socket: its Sans-I/O protocols and its assembler.

    python judge.py <STREAMS >READINGS

A line in is a connection, {"c2s": HEX, "s2c": HEX}, opening handshake included. A line out is what each end got of the
other: {"c2s": READING, "s2c": READING}, of which each has the "messages" in the order in which they were complete, and
the code of the Close that `websockets` answers a broken rule with, if it found one, and why.
"""

import asyncio
import json
import logging
import sys

from websockets.asyncio.messages import Assembler
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.frames import Close, Opcode
from websockets.headers import parse_extension, parse_subprotocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

# What it says about violations it says in the reading.
logging.disable(logging.CRITICAL)


def head_of(stream: bytes) -> tuple[bytes, bytes]:
    end = stream.index(b"\r\n\r\n") + 4
    return stream[:end], stream[end:]


def as_server(c2s: bytes, s2c: bytes) -> ServerProtocol:
    """The end that reads what the client sent, as the captured answer left it."""
    protocol = ServerProtocol(max_size=None)
    head, frames = head_of(c2s)
    protocol.receive_data(head)
    [request] = protocol.events_received()
    response = protocol.accept(request)
    if protocol.handshake_exc:
        raise protocol.handshake_exc
    protocol.send_response(response)
    # What the server that was captured agreed to, whatever this one would have.
    protocol.extensions = extensions_of(head_of(s2c)[0])
    protocol.receive_data(frames)
    return protocol


def extensions_of(response: bytes) -> list[PerMessageDeflate]:
    for line in response.decode().split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() != "sec-websocket-extensions":
            continue
        [(extension, parameters)] = parse_extension(value.strip())
        assert extension == "permessage-deflate"
        agreed = dict(parameters)
        return [
            PerMessageDeflate(
                "client_no_context_takeover" in agreed,
                "server_no_context_takeover" in agreed,
                int(agreed.get("client_max_window_bits", 15)),
                int(agreed.get("server_max_window_bits", 15)),
            )
        ]
    return []


def as_client(c2s: bytes, s2c: bytes) -> ClientProtocol:
    """The end that reads what the server sent; it judges the answer to the request that was captured."""
    [start, *lines] = head_of(c2s)[0].decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    deflate = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    offered = parse_subprotocol(headers["sec-websocket-protocol"]) if "sec-websocket-protocol" in headers else None
    protocol = ClientProtocol(
        parse_uri(f"ws://{headers['host']}{start.split()[1]}"),
        extensions=[deflate] if "sec-websocket-extensions" in headers else None,
        subprotocols=offered,
        max_size=None,
    )
    protocol.key = headers["sec-websocket-key"]
    protocol.send_request(protocol.connect())
    protocol.receive_data(s2c)
    if protocol.handshake_exc:
        raise protocol.handshake_exc
    return protocol


async def reading_of(protocol) -> dict:
    """The messages in what it received, each as a program on top of `websockets` gets it."""
    messages, assembler = [], Assembler()
    frames = [event for event in protocol.events_received() if hasattr(event, "opcode")]
    for frame in frames:
        if frame.opcode is Opcode.CLOSE:
            close = Close.parse(frame.data)
            messages.append({"kind": "close", "code": close.code, "reason": close.reason})
        elif frame.opcode in (Opcode.PING, Opcode.PONG):
            messages.append({"kind": frame.opcode.name.lower(), "hex": bytes(frame.data).hex()})
        else:
            assembler.put(frame)
            if not frame.fin:
                continue
            try:
                message = await assembler.get()
            except UnicodeDecodeError as error:
                # As `asyncio.connection` does it.
                return {"messages": messages, "code": 1007, "why": f"{error.reason} at position {error.start}"}
            is_text = isinstance(message, str)
            data = message.encode() if is_text else message
            messages.append({"kind": "text" if is_text else "binary", "hex": data.hex()})
    if protocol.parser_exc:
        code = protocol.close_sent.code if protocol.close_sent else 1006
        return {"messages": messages, "code": code, "why": str(protocol.parser_exc)}
    protocol.receive_eof()
    waits = "bytes, expected" in str(protocol.parser_exc)
    return {"messages": messages, "code": None, "why": "waits for the rest" if waits else "nothing"}


async def main():
    for line in sys.stdin:
        c2s, s2c = (bytes.fromhex(json.loads(line)[name]) for name in ("c2s", "s2c"))
        server, client = as_server(c2s, s2c), as_client(c2s, s2c)
        print(json.dumps({"c2s": await reading_of(server), "s2c": await reading_of(client)}), flush=True)


asyncio.run(main())
