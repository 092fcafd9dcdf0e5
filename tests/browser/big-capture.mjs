// Big captures, made in a moment: a million frames of a hundred bytes each, or as many as one asks for, as a server's
// connections have them. Long ones, fragments, pings and broken rules are among them, in numbers that are known in advance.
//
//   node tests/browser/big-capture.mjs FRAMES FILE [compressed]
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { constants, deflateRawSync } from "node:zlib";

const CONNECTIONS = 8;
const START_NS = 1_700_000_000_000_000_000n;
/** Nanoseconds from one frame to the next. */
const STEP = 20_000n;
/** The text that one frame in so many has, and no other. */
export const NEEDLE = "needle";
const NEEDLE_EVERY = 1000;
const FRAGMENTED_EVERY = 50;
const PING_EVERY = 100;
const BROKEN_EVERY = 5000;
const LONG_EVERY = 500;

/** A capture under way: blocks are written to the end of a buffer that grows. */
class Writer {
  #bytes = Buffer.alloc(1 << 20);
  #at = 0;
  #seq = new Map();

  #room(length) {
    if (this.#at + length <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + length));
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }

  constructor() {
    // A section of unknown length, and an interface of raw IP packets whose clock counts nanoseconds.
    const head = Buffer.alloc(28 + 32);
    [0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff, 28].forEach((word, at) => {
      head.writeUInt32LE(word, 4 * at);
    });
    [1, 32, 101, 0, 0x00010009, 9, 0, 32].forEach((word, at) => {
      head.writeUInt32LE(word, 28 + 4 * at);
    });
    this.#room(head.length);
    this.#at += head.copy(this.#bytes, this.#at);
  }

  /** A TCP segment of this connection. */
  packet(connection, fromServer, time, payload, flags = 0x18) {
    const packetLength = 40 + payload.length;
    const padded = (packetLength + 3) & ~3;
    const blockLength = 32 + padded;
    this.#room(blockLength);
    const block = this.#bytes;
    const at = this.#at;
    block.writeUInt32LE(6, at);
    block.writeUInt32LE(blockLength, at + 4);
    block.writeUInt32LE(0, at + 8);
    block.writeUInt32LE(Number(time >> 32n), at + 12);
    block.writeUInt32LE(Number(time & 0xffffffffn), at + 16);
    block.writeUInt32LE(packetLength, at + 20);
    block.writeUInt32LE(packetLength, at + 24);
    const ip = at + 28;
    block.fill(0, ip, ip + padded);
    block.writeUInt16BE(0x4500, ip);
    block.writeUInt16BE(packetLength, ip + 2);
    block.writeUInt16BE(0x4006, ip + 8);
    const [client, server] = [0xc0000201, 0xc6336401];
    block.writeUInt32BE(fromServer ? server : client, ip + 12);
    block.writeUInt32BE(fromServer ? client : server, ip + 16);
    const ports = [40_000 + connection, 80];
    if (fromServer) ports.reverse();
    block.writeUInt16BE(ports[0], ip + 20);
    block.writeUInt16BE(ports[1], ip + 22);
    const key = connection * 2 + Number(fromServer);
    const seq = this.#seq.get(key) ?? 1000;
    this.#seq.set(key, (seq + payload.length + Number((flags & 2) > 0)) >>> 0);
    block.writeUInt32BE(seq, ip + 24);
    block.writeUInt16BE(0x5000 | flags, ip + 32);
    block.writeUInt16BE(0xffff, ip + 34);
    payload.copy(block, ip + 40);
    block.writeUInt32LE(blockLength, at + 28 + padded);
    this.#at += blockLength;
  }

  get bytes() {
    return this.#bytes.subarray(0, this.#at);
  }
}

/** A frame; a client's is masked. @param {number} firstByte @param {Buffer} payload @param {boolean} masked */
function frame(firstByte, payload, masked) {
  const long = payload.length > 125 ? 2 : 0;
  const headLength = 2 + long + (masked ? 4 : 0);
  const bytes = Buffer.alloc(headLength + payload.length);
  bytes[0] = firstByte;
  bytes[1] = (masked ? 0x80 : 0) | (long ? 126 : payload.length);
  if (long) bytes.writeUInt16BE(payload.length, 2);
  payload.copy(bytes, headLength);
  if (masked) {
    const key = [0x37, 0xfa, 0x21, payload.length & 0xff];
    for (let at = 0; at < 4; at++) bytes[2 + long + at] = key[at];
    for (let at = 0; at < payload.length; at++) bytes[headLength + at] ^= key[at & 3];
  }
  return bytes;
}

const deflated = new Map();

/** A message compressed by itself, which under context takeover is allowed as well. @param {Buffer} content */
function compress(content) {
  const key = content.toString("latin1");
  let bytes = deflated.get(key);
  if (bytes === undefined) {
    bytes = deflateRawSync(content, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
    deflated.set(key, bytes);
  }
  return bytes;
}

function handshake(writer, connection, compressed, time) {
  const key = Buffer.alloc(16, connection).toString("base64");
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const extension = compressed ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
  const request = `GET /feed/${connection} HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${extension}\r\n`;
  const response = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${extension}\r\n`;
  writer.packet(connection, false, time, Buffer.alloc(0), 0x02);
  writer.packet(connection, true, time, Buffer.alloc(0), 0x12);
  writer.packet(connection, false, time, Buffer.from(request));
  writer.packet(connection, true, time, Buffer.from(response));
}

/**
 * A capture with so many frames, and what is in it.
 *
 * @param {number} frames
 * @param {boolean} compressed
 */
export function bigCapture(frames, compressed = false) {
  const writer = new Writer();
  const counts = { rows: frames + 2 * CONNECTIONS, frames, needles: 0, pings: 0, fragments: 0, broken: 0, messages: 0 };
  for (let connection = 0; connection < CONNECTIONS; connection++) {
    handshake(writer, connection, compressed, START_NS);
  }
  const rsv1 = compressed ? 0x40 : 0;
  const pack = compressed ? compress : (content) => content;
  for (let number = 0; number < frames; number++) {
    const time = START_NS + STEP * BigInt(number + 1);
    const connection = number % CONNECTIONS;
    const fromServer = number % 3 > 0;
    const send = (firstByte, payload) =>
      writer.packet(connection, fromServer, time, frame(firstByte, payload, !fromServer));
    if (number % PING_EVERY === 7) {
      counts.pings += 1;
      send(0x89, Buffer.from("ping"));
    } else if (number % BROKEN_EVERY === 11) {
      counts.broken += 1;
      counts.messages += 1;
      send(0xa1, Buffer.from("reserved bit"));
    } else if (number % FRAGMENTED_EVERY === 20 && number + CONNECTIONS * 3 < frames) {
      counts.fragments += 2;
      counts.messages += 1;
      const content = pack(Buffer.from(`{"type":"split","number":${number % 7}}`));
      send(0x01 | rsv1, content.subarray(0, 10));
      writer.packet(connection, fromServer, time, frame(0x80, content.subarray(10), !fromServer));
      number += 1;
    } else {
      counts.messages += 1;
      const isNeedle = number % NEEDLE_EVERY === 999;
      counts.needles += Number(isNeedle);
      const text = isNeedle ? `{"${NEEDLE}":${number % 10}}` : `{"type":"tick","n":${number % 100}}`;
      const content = number % LONG_EVERY === 3 ? text.padEnd(800, " tick") : text;
      send(0x81 | rsv1, pack(Buffer.from(content)));
    }
  }
  return { bytes: writer.bytes, counts };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [frames, file, kind] = process.argv.slice(2);
  const { bytes, counts } = bigCapture(Number(frames), kind === "compressed");
  writeFileSync(file, bytes);
  console.log(JSON.stringify({ bytes: bytes.length, ...counts }));
}
