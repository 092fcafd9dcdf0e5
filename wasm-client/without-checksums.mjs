// Takes the checksums of gzip and zlib out of a module: node wasm-client/without-checksums.mjs MODULE
//
// zlib-rs decides while it runs whether a stream has a checksum. permessage-deflate is raw DEFLATE, which never has one (RFC 7692, 7.2.1),
// but no compiler can know, and their tables of random bytes, which do not compress, are 9 KB of what pages load. So here, before
// wasm-opt, the functions are made to trap, and the tables are zeroed. Should either not be found, zlib-rs has changed,
// and this fails rather than leave anything half done.
import { readFileSync, writeFileSync } from "node:fs";

const CHECKSUMS = /^zlib_rs::(crc32|adler32)::/;
const [CUSTOM, IMPORT, CODE, DATA] = [0, 2, 10, 11];
/** No locals; `unreachable`; `end`. */
const TRAP = Buffer.from([0x00, 0x00, 0x0b]);

const path = process.argv[2];
const sections = readSections(readFileSync(path));
const names = functionNames(sections);
const trapped = trap(sections);
const zeroed = zero(sections);
if (trapped === 0 || zeroed === 0) {
  console.error(`wasm: zlib-rs has changed: ${trapped} checksum functions, ${zeroed} bytes of tables found`);
  process.exit(1);
}
writeFileSync(path, Buffer.concat([Buffer.from("\0asm\x01\0\0\0", "latin1"), ...sections.map(written)]));

/** A module's sections, in order. */
function readSections(/** @type {Buffer} */ bytes) {
  const found = [];
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at];
    const [length, start] = leb(bytes, at + 1);
    found.push({ id, bytes: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return found;
}

/** What the name section calls each function, by number. */
function functionNames(sections) {
  const names = new Map();
  for (const { id, bytes } of sections) {
    if (id !== CUSTOM) continue;
    let [title, at] = text(bytes, 0);
    while (title === "name" && at < bytes.length) {
      const kind = bytes[at];
      const [length, start] = leb(bytes, at + 1);
      if (kind === 1) {
        let [count, next] = leb(bytes, start);
        for (; count > 0; count--) {
          const [number, nameAt] = leb(bytes, next);
          const [name, end] = text(bytes, nameAt);
          names.set(number, name);
          next = end;
        }
      }
      at = start + length;
    }
  }
  return names;
}

/** Makes the functions trap; how many there are. */
function trap(sections) {
  const code = sections.find((section) => section.id === CODE);
  let number = importedFunctions(sections);
  let trapped = 0;
  let [count, at] = leb(code.bytes, 0);
  const bodies = [written32(count)];
  for (; count > 0; count--, number++) {
    const [length, start] = leb(code.bytes, at);
    let body = code.bytes.subarray(start, start + length);
    if (CHECKSUMS.test(names.get(number) ?? "")) {
      body = TRAP;
      trapped++;
    }
    bodies.push(written32(body.length), body);
    at = start + length;
  }
  code.bytes = Buffer.concat(bodies);
  return trapped;
}

function importedFunctions(sections) {
  const imports = sections.find((section) => section.id === IMPORT);
  if (!imports) return 0;
  let functions = 0;
  let [count, at] = leb(imports.bytes, 0);
  for (; count > 0; count--) {
    at = text(imports.bytes, at)[1];
    at = text(imports.bytes, at)[1];
    if (imports.bytes[at] !== 0) throw new Error("wasm: an import that is no function");
    functions++;
    at = leb(imports.bytes, at + 1)[1];
  }
  return functions;
}

/** Zeros each table of CRC-32, as long as each is 256 words; how many bytes that were. */
function zero(sections) {
  const data = sections.find((section) => section.id === DATA);
  let zeroed = 0;
  for (const table of crcTables()) {
    for (let at = data.bytes.indexOf(table); at !== -1; at = data.bytes.indexOf(table)) {
      data.bytes.fill(0, at, at + table.length);
      zeroed += table.length;
    }
  }
  return zeroed;
}

/** As zlib's crc32.c makes them: the plain one, and one for each further byte that is taken at a time, in words of four and of eight bytes. */
function* crcTables() {
  const step = (crc) => (crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1);
  let table = Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = step(crc);
    return crc >>> 0;
  });
  const plain = table;
  for (let further = 0; further < 64; further++) {
    const bytes = Buffer.alloc(1024);
    for (const [at, crc] of table.entries()) bytes.writeUInt32LE(crc, at * 4);
    yield bytes;
    table = table.map((crc) => (plain[crc & 0xff] ^ (crc >>> 8)) >>> 0);
  }
}

/** An unsigned number in LEB128, and where it ends. */
function leb(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

function text(bytes, at) {
  const [length, start] = leb(bytes, at);
  return [bytes.toString("utf8", start, start + length), start + length];
}

function written32(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

function written({ id, bytes }) {
  return Buffer.concat([Buffer.from([id]), written32(bytes.length), bytes]);
}
