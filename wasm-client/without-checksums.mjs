// Takes the checksums of gzip and zlib out of a module: node wasm-client/without-checksums.mjs MODULE
//
// zlib-rs decides while it runs whether a stream has a checksum. permessage-deflate is raw DEFLATE, which never has one (RFC 7692, 7.2.1),
// but no compiler can know, and their tables of random bytes, which do not compress, are 9 KB of what pages load. So here, before
// wasm-opt, the functions are made to trap, and the tables are zeroed. Should either not be found, zlib-rs has changed,
// and this fails rather than leave anything half done.
import { readFileSync, writeFileSync } from "node:fs";
import { countImported, readNames } from "./linked.mjs";
import { leb, readSections, writeSections, writtenLeb } from "./sections.mjs";

/** As the compiler writes their names, or as people do. */
const CHECKSUMS = /7zlib_rs(5crc32|7adler32)|^zlib_rs::(crc32|adler32)::/;
const [CODE, DATA] = [10, 11];
/** No locals; `unreachable`; `end`. */
const TRAP = Buffer.from([0x00, 0x00, 0x0b]);

const path = process.argv[2];
const sections = readSections(readFileSync(path));
const names = readNames(sections);
const trapped = trap(sections);
const zeroed = zero(sections);
if (trapped === 0 || zeroed === 0) {
  console.error(`wasm: zlib-rs has changed: ${trapped} checksum functions, ${zeroed} bytes of tables found`);
  process.exit(1);
}
// Nor does anybody link it any more.
writeFileSync(path, writeSections(sections.filter(({ title }) => !/^(linking|reloc\..*)$/.test(title ?? ""))));

/** Makes the functions trap; how many there are. */
function trap(sections) {
  const code = sections.find((section) => section.id === CODE);
  let number = countImported(sections);
  let trapped = 0;
  let [count, at] = leb(code.bytes, 0);
  const bodies = [writtenLeb(count)];
  for (; count > 0; count--, number++) {
    const [length, start] = leb(code.bytes, at);
    let body = code.bytes.subarray(start, start + length);
    if (CHECKSUMS.test(names.get(number) ?? "")) {
      body = TRAP;
      trapped++;
    }
    bodies.push(writtenLeb(body.length), body);
    at = start + length;
  }
  code.bytes = Buffer.concat(bodies);
  return trapped;
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
