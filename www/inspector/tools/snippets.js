// @ts-check
// The bytes of a frame as something to paste: hex, or source text.

/** @import { Details } from "../../pkg/framescope_wasm.js" */

/** @typedef {"hex" | "base64" | "rust" | "javascript" | "python" | "test" | "curl"} Form */

/** The forms, and what they are called. @type {Record<Form, string>} */
export const FORMS = {
  hex: "hex",
  base64: "base64",
  rust: "Rust bytes",
  javascript: "JavaScript bytes",
  python: "Python bytes",
  test: "a test for the codec (Rust)",
  curl: "curl command",
};

/** Bytes in a line of source text. */
const A_LINE = 16;

/**
 * The row in this form; null where it has none, as a frame has no curl command.
 *
 * @param {Form} form
 * @param {Details} details
 * @param {Uint8Array} wire
 * @param {string[]} rulesAlone the rules it breaks when nothing was said before it
 * @returns {string | null}
 */
export function snippet(form, details, wire, rulesAlone) {
  const { row, handshake } = details;
  const name = `${row.name.replaceAll(/\W+/gu, "_")}_${row.index + 1}`;
  if (form === "hex") return hexOf(wire);
  if (form === "base64") return base64Of(wire);
  if (form === "rust") return `const ${name.toUpperCase()}: [u8; ${wire.length}] = [\n${lines(wire, "0x", ", ")}\n];\n`;
  if (form === "javascript") return `const ${name} = new Uint8Array([\n${lines(wire, "0x", ", ")}\n]);\n`;
  if (form === "python") return pythonOf(name, wire);
  if (form === "curl") return handshake?.kind === "request" ? curlOf(new TextDecoder("latin1").decode(wire)) : null;
  return row.kind === "frame" ? testOf(name.toLowerCase(), details, wire, rulesAlone) : null;
}

/** @param {Uint8Array} bytes */
export function hexOf(bytes) {
  return Array.from(bytes, hexByte).join(" ");
}

/** @param {Uint8Array} bytes */
export function base64Of(bytes) {
  let text = "";
  // In pieces: a call has only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x2000) text += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  return btoa(text);
}

/** @param {Uint8Array} bytes @param {string} prefix @param {string} between */
function lines(bytes, prefix, between) {
  const rows = [];
  for (let at = 0; at < bytes.length; at += A_LINE)
    rows.push(`    ${Array.from(bytes.subarray(at, at + A_LINE), (byte) => prefix + hexByte(byte)).join(between)},`);
  return rows.join("\n");
}

/** @param {string} name @param {Uint8Array} wire */
function pythonOf(name, wire) {
  const rows = [];
  for (let at = 0; at < wire.length; at += A_LINE)
    rows.push(`    "${Array.from(wire.subarray(at, at + A_LINE), hexByte).join(" ")}"`);
  return `${name} = bytes.fromhex(\n${rows.join("\n")}\n)\n`;
}

/**
 * A test that holds the codec to what it says of this frame by itself, without what came before it.
 *
 * @param {string} name
 * @param {Details} details
 * @param {Uint8Array} wire
 * @param {string[]} rulesAlone
 */
function testOf(name, { row, payloadMissing }, wire, rulesAlone) {
  const role = row.direction === "c2s" ? "Client" : "Server";
  const whole = payloadMissing === 0 ? "next_frame()" : "finish()";
  // Without an agreement RSV1 would be against the rules.
  const deflate = (row.rsv & 4) !== 0 ? "Some(DeflateParams::DEFAULT)" : "None";
  const uses = deflate === "None" ? "Dissector, Role" : "DeflateParams, Dissector, Role";
  return `#[test]
fn ${name}() {
    use framescope_codec::{${uses}};

    let wire = [
${lines(wire, "0x", ", ").replaceAll(/^/gm, "    ")}
    ];
    let mut dissector = Dissector::new(Role::${role}, ${deflate});
    dissector.feed(&wire);
    let frame = dissector.${whole}.unwrap();
    assert_eq!(frame.header.opcode.name(), ${JSON.stringify(row.name)});
    assert_eq!(frame.header.fin, ${row.fin});
    assert_eq!(frame.header.rsv.bits(), ${row.rsv});
    assert_eq!(frame.header.masking_key.is_some(), ${row.masked});
    assert_eq!(frame.header.payload_length.get(), ${row.payloadLength});
    let rules: Vec<_> = frame.violations.iter().map(|found| found.violation.name()).collect();
    assert_eq!(rules, ${JSON.stringify(rulesAlone)} as [&str; ${rulesAlone.length}]);
}
`;
}

/**
 * The opening handshake as curl would make it.
 *
 * @param {string} head
 */
function curlOf(head) {
  const [start = "", ...fields] = head.split(/\r?\n/).filter((line) => line !== "");
  const target = start.split(" ")[1] ?? "/";
  const host =
    fields
      .find((line) => /^host:/i.test(line))
      ?.slice(5)
      .trim() ?? "127.0.0.1";
  const parts = [`curl --http1.1 --include --no-buffer ${quoted(`http://${host}${target}`)}`];
  for (const field of fields) if (!/^host:/i.test(field)) parts.push(`--header ${quoted(field.trim())}`);
  return `${parts.join(" \\\n  ")}\n`;
}

/** In single quotes for a POSIX shell. @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {number} byte */
function hexByte(byte) {
  return byte.toString(16).padStart(2, "0");
}
