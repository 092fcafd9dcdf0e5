// WebSocketFrame: a frame is built and taken apart, and every field of it can be wrong.

import assert from "node:assert/strict";
import test from "node:test";
import { dissect, hex, WebSocketFrame } from "./support.mjs";

const text = (string) => new TextEncoder().encode(string);

test("a frame is loaded, and gives back the same bytes", () => {
  for (const bytes of [
    "81 85 37fa213d 7f9f4d5158",
    "89 00",
    "02 7e0005 0102030405",
    "f3 ff 0000000000000001 a1b2c3d4 00",
    "88 02 03e8",
  ]) {
    const wire = hex(bytes);
    const frame = WebSocketFrame.load(Buffer.concat([wire, hex("8100")]));
    assert.deepEqual(Buffer.from(frame.toBytes()), wire);
    assert.equal(frame.byteLength, wire.length);
    for (let cut = 0; cut < wire.length; cut++) assert.equal(WebSocketFrame.load(wire.subarray(0, cut)), undefined);
  }
  const hello = WebSocketFrame.load(hex("81 85 37fa213d 7f9f4d5158"));
  assert.equal(Buffer.from(hello.payload).toString(), "Hello");
  assert.deepEqual(Buffer.from(hello.maskingKey), hex("37fa213d"));
});

test("every field can be read and set", () => {
  const frame = new WebSocketFrame(1, text("Hello"));
  const read = ({ fin, rsv1, rsv2, rsv3, opcode, opcodeName, masked, payloadLength, lengthForm, byteLength }) => {
    return [fin, rsv1, rsv2, rsv3, opcode, opcodeName, masked, payloadLength, lengthForm, byteLength];
  };
  assert.deepEqual(read(frame), [true, false, false, false, 1, "text", false, 5n, 7, 7]);
  Object.assign(frame, { fin: false, rsv1: true, rsv3: true, opcode: 0xb, lengthForm: 64 });
  assert.deepEqual(read(frame), [false, true, false, true, 0xb, "reserved 0xB", false, 5n, 64, 15]);
  frame.maskingKey = hex("37fa213d");
  assert.deepEqual(Buffer.from(frame.toBytes()), hex("5b ff 0000000000000005 37fa213d 7f9f4d5158"));
  Object.assign(frame, { rsv1: false, rsv2: true, masked: false });
  assert.deepEqual(Buffer.from(frame.toBytes()), hex("3b 7f 0000000000000005 48656c6c6f"));
  frame.payload = new Uint8Array(200);
  assert.deepEqual([frame.payloadLength, frame.lengthForm, frame.byteLength], [200n, 16, 204]);
  frame.payloadLength = 0xffff_ffff_ffff_ffffn;
  assert.deepEqual([frame.payloadLength, frame.lengthForm, frame.byteLength], [2n ** 64n - 1n, 64, 210]);
  frame.payloadLength = 3n;
  assert.deepEqual([frame.payloadLength, frame.lengthForm], [3n, 64]);
});

test("what cannot be said is refused, and nothing is changed", () => {
  const frame = new WebSocketFrame(2, new Uint8Array(200));
  assert.throws(() => Object.assign(frame, { lengthForm: 7 }), /does not fit/);
  assert.throws(() => Object.assign(frame, { lengthForm: 8 }), /7, 16 or 64/);
  assert.throws(() => Object.assign(frame, { maskingKey: hex("0102") }), /four bytes/);
  const invalid = { name: "WebSocketClientError", code: "ERR_INVALID_ARGUMENT" };
  for (const wrong of [{ opcode: 16 }, { opcode: 256 }, { payload: 7 }, { payload: null }, { payload: {} }]) {
    assert.throws(() => Object.assign(frame, wrong), invalid, JSON.stringify(wrong));
  }
  assert.throws(() => new WebSocketFrame(16), invalid);
  assert.throws(() => new WebSocketFrame(1, 7), invalid);
  assert.deepEqual(Buffer.from(frame.toBytes()), Buffer.concat([hex("82 7e 00c8"), Buffer.alloc(200)]));
});

test("a payload may be a text or a buffer as well as bytes", () => {
  for (const [payload, expected] of [
    ["Grüße", Buffer.from("Grüße")],
    [hex("00ff").buffer.slice(0, 0), Buffer.alloc(0)],
    [new Uint8Array([0, 255]).buffer, hex("00ff")],
    [Buffer.from([0, 255]), hex("00ff")],
    [null, Buffer.alloc(0)],
    [undefined, Buffer.alloc(0)],
  ]) {
    assert.deepEqual(Buffer.from(new WebSocketFrame(1, payload).payload), expected);
  }
  const frame = new WebSocketFrame(1);
  frame.payload = "text";
  assert.deepEqual(Buffer.from(frame.toBytes()), hex("81 04 74657874"));
  frame.maskingKey = null;
  assert.equal(frame.masked, false);
});

test("masks are random, and kept once they are there", () => {
  const keys = new Set();
  for (let i = 0; i < 100; i++) {
    const frame = new WebSocketFrame(9);
    frame.masked = true;
    const key = Buffer.from(frame.maskingKey).toString("hex");
    frame.masked = true;
    assert.equal(Buffer.from(frame.maskingKey).toString("hex"), key);
    keys.add(key);
    frame.free();
  }
  assert.ok(keys.size > 90, `${keys.size} of 100 differ`);
});

test("the same module says what is wrong with it", () => {
  const frame = new WebSocketFrame(9, text("ping"));
  frame.fin = false;
  const [dissection] = dissect("c2s", null, frame.toBytes());
  const rules = JSON.parse(dissection).violations.map(({ rule }) => rule);
  assert.deepEqual(rules, ["fragmented-control", "unmasked-from-client"]);
});
