// A wasm module's binary form: its sections, and the numbers and names in them.

const CUSTOM = 0;

/** A module's sections, in order; one of the tools' own has a title, and the rest behind it. */
export function readSections(/** @type {Buffer} */ bytes) {
  const found = [];
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at];
    const [length, start] = leb(bytes, at + 1);
    const section = { id, bytes: bytes.subarray(start, start + length) };
    if (id === CUSTOM) {
      const [title, end] = text(section.bytes, 0);
      Object.assign(section, { title, rest: section.bytes.subarray(end) });
    }
    found.push(section);
    at = start + length;
  }
  return found;
}

/** A module of these sections. */
export function writeSections(sections) {
  const written = sections.map(({ id, bytes }) => Buffer.concat([Buffer.from([id]), writtenLeb(bytes.length), bytes]));
  return Buffer.concat([Buffer.from("\0asm\x01\0\0\0", "latin1"), ...written]);
}

/** An unsigned number in LEB128, and where it ends. */
export function leb(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value >>> 0, at];
  }
}

/** The same with a sign. */
export function signedLeb(bytes, at) {
  let value = 0;
  for (let shift = 0; ; ) {
    const byte = bytes[at++];
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) return [byte & 0x40 && shift < 32 ? value | (-1 << shift) : value, at];
  }
}

export function text(bytes, at) {
  const [length, start] = leb(bytes, at);
  return [bytes.toString("utf8", start, start + length), start + length];
}

export function writtenLeb(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}
