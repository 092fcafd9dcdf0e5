// @ts-check
// Cases about the opening handshake (RFC 6455, 4; HTTP's own rules: RFC 9110 and 9112).

import { ping, text, together } from "./build.js";

/** @import { Case, Expected, RequestParts } from "./build.js" */

/** @typedef {(parts: RequestParts) => string | Uint8Array<ArrayBuffer>} Request */

/**
 * @param {string} id @param {string} title @param {string} section @param {Request} request @param {Expected} expect
 * @param {Partial<Case>} [rest]
 * @returns {Case}
 */
const shake = (id, title, section, request, expect, rest = {}) => ({
  id,
  group: "Handshake",
  title,
  section,
  request,
  expect,
  ...rest,
});

/** The lines of a sound request, changed. @param {(lines: string[], parts: RequestParts) => string[]} change @returns {Request} */
const lines = (change) => (parts) => `${change([...parts.lines], parts).join("\r\n")}\r\n\r\n`;
/** One header with another value; without one if that is null. @param {string} name @param {string | null} value */
const set = (name, value) =>
  lines((all) =>
    all.flatMap((line) => {
      if (!line.toLowerCase().startsWith(`${name.toLowerCase()}:`)) return [line];
      return value === null ? [] : [`${name}: ${value}`];
    }),
  );
/** With lines more. @param {...string} more */
const add = (...more) => lines((all) => [...all, ...more]);

const OK = { opens: true };
const BAD = { status: [400] };
const OLD = {
  status: [426],
  header: /** @type {[string, RegExp]} */ (["sec-websocket-version", /\b13\b/]),
  late: [400],
};
/** Not a WebSocket: 426 or 400, and never 101; what else a web server says to it is not wrong. */
const NONE = { status: [400, 426], late: [200, 204, 301, 302, 303, 307, 308, 403, 404, 405, 501] };
/** A page may be there as well. */
const ANYTHING_BUT_101 = { status: [...NONE.status, ...NONE.late] };
const TOO_LARGE = { status: [431, 414, 400, 413], drop: true };

/** @type {Case[]} */
export const HANDSHAKE_CASES = [
  shake(
    "open",
    "A sound request",
    "RFC 6455, 4.2",
    lines((all) => all),
    OK,
  ),
  shake(
    "open-bytes",
    "A sound request, a byte at a time",
    "RFC 6455, 4.2",
    lines((all) => all),
    OK,
    { cut: "bytes" },
  ),
  shake(
    "open-case",
    "Header names and tokens in odd case",
    "RFC 6455, 4.2.1",
    lines((all) =>
      all.map((line, at) =>
        at < 2
          ? line
          : line
              .replace(/^[^:]+/, (name) => name.toUpperCase())
              .replace(": websocket", ": WebSocket")
              .replace(": Upgrade", ": uPGRADE"),
      ),
    ),
    OK,
  ),
  shake(
    "open-connection-list",
    "Connection: keep-alive, Upgrade",
    "RFC 6455, 4.2.1",
    set("Connection", "keep-alive, Upgrade"),
    OK,
  ),
  shake(
    "open-tabs",
    "Tabs around values",
    "RFC 9110, 5.5",
    lines((all) => all.map((line, at) => (at ? line.replace(": ", ":\t ") : line))),
    OK,
  ),
  shake(
    "open-no-space",
    "No space behind the colon",
    "RFC 9112, 5",
    lines((all) => all.map((line, at) => (at ? line.replace(": ", ":") : line))),
    OK,
  ),
  shake(
    "open-absolute",
    "The target in absolute form",
    "RFC 9112, 3.2.2",
    lines((all, { host, path }) => [`GET http://${host}${path} HTTP/1.1`, ...all.slice(1)]),
    OK,
  ),
  shake(
    "open-first-frame",
    "A frame right behind the request, in one write",
    "RFC 6455, 4.1",
    lines((all) => all),
    { pongs: ["early"] },
    { send: [ping("early")], cut: "one" },
  ),
  shake("key-missing", "No Sec-WebSocket-Key", "RFC 6455, 4.2.1", set("Sec-WebSocket-Key", null), BAD),
  shake("key-empty", "An empty key", "RFC 6455, 4.2.1", set("Sec-WebSocket-Key", ""), BAD),
  shake(
    "key-no-base64",
    "A key that is no base64",
    "RFC 6455, 4.2.1",
    set("Sec-WebSocket-Key", "!!!not base64 at all!!!"),
    BAD,
  ),
  shake("key-5", "A key of 5 bytes", "RFC 6455, 4.2.1", set("Sec-WebSocket-Key", "aGVsbG8="), BAD),
  shake("key-17", "A key of 17 bytes", "RFC 6455, 4.2.1", set("Sec-WebSocket-Key", "MTIzNDU2Nzg5MDEyMzQ1Njc="), BAD),
  shake(
    "key-two",
    "Two keys",
    "RFC 6455, 11.3.1",
    lines((all) => [...all, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
    BAD,
  ),
  ...["12", "99", "abc"].map((version) =>
    shake(
      `version-${version}`,
      `Sec-WebSocket-Version: ${version}`,
      "RFC 6455, 4.4",
      set("Sec-WebSocket-Version", version),
      OLD,
    ),
  ),
  shake("version-missing", "No Sec-WebSocket-Version", "RFC 6455, 4.2.1", set("Sec-WebSocket-Version", null), {
    status: [400, 426],
  }),
  shake(
    "method-post",
    "POST",
    "RFC 6455, 4.2.1",
    lines((all) => [`${all[0]}`.replace("GET", "POST"), ...all.slice(1)]),
    { status: [405, 400, 426], late: [404, 411, 501] },
  ),
  shake(
    "http-1.0",
    "HTTP/1.0",
    "RFC 6455, 4.2.1",
    lines((all) => [`${all[0]}`.replace("1.1", "1.0"), ...all.slice(1)]),
    { status: [400, 426, 505] },
  ),
  shake("host-missing", "No Host", "RFC 9112, 3.2", set("Host", null), BAD),
  shake(
    "host-two",
    "Two Hosts",
    "RFC 9112, 3.2",
    lines((all) => [...all, "Host: other.example"]),
    BAD,
  ),
  shake("upgrade-missing", "No Upgrade", "RFC 6455, 4.2.1", set("Upgrade", null), NONE),
  shake("connection-missing", "No Connection", "RFC 6455, 4.2.1", set("Connection", null), NONE),
  shake(
    "plain-get",
    "A plain GET",
    "RFC 9110, 15.5.22",
    lines((all) => [...all.slice(0, 2), "Connection: close"]),
    ANYTHING_BUT_101,
  ),
  shake("upgrade-h2c", "Upgrade: h2c", "RFC 6455, 4.2.1", set("Upgrade", "h2c"), NONE),
  shake(
    "extension-unknown",
    "An extension that nobody knows",
    "RFC 6455, 9.1",
    add("Sec-WebSocket-Extensions: x-nobody-knows; level=3"),
    OK,
  ),
  shake(
    "extension-grammar",
    "An extension that breaks the grammar",
    "RFC 6455, 9.1",
    add("Sec-WebSocket-Extensions: ;;=,,"),
    { opens: true, status: [400] },
  ),
  shake(
    "protocol-unknown",
    "A subprotocol that nobody speaks",
    "RFC 6455, 4.2.2",
    add("Sec-WebSocket-Protocol: x-nobody-speaks"),
    { opens: true, status: [400], protocol: "" },
  ),
  shake(
    "headers-3000",
    "3000 headers",
    "RFC 6585, 5",
    add(...Array.from({ length: 3000 }, (_, at) => `X-${at}: ${at}`)),
    TOO_LARGE,
  ),
  shake("header-1-mib", "A header of 1 MiB", "RFC 6585, 5", add(`X-Large: ${"x".repeat(1 << 20)}`), TOO_LARGE),
  shake(
    "target-64-kib",
    "A target of 64 KiB",
    "RFC 9110, 15.5.15",
    lines((all, { path }) => [`GET ${path}?${"x".repeat(1 << 16)} HTTP/1.1`, ...all.slice(1)]),
    TOO_LARGE,
  ),
  shake("header-space", "A space before the colon", "RFC 9112, 5.1", add("X-Space : x"), BAD),
  shake("header-nul", "A NUL in a value", "RFC 9110, 5.5", add("X-Nul: a\0b"), BAD),
  shake("header-control", "A control byte in a name", "RFC 9110, 5.1", add("X\u0001: a"), BAD),
  shake(
    "body-both",
    "Content-Length and Transfer-Encoding",
    "RFC 9112, 6.1",
    add("Content-Length: 0", "Transfer-Encoding: chunked"),
    BAD,
  ),
  shake(
    "body-two-lengths",
    "Two Content-Lengths that differ",
    "RFC 9112, 6.3",
    add("Content-Length: 0", "Content-Length: 5"),
    BAD,
  ),
  shake("body-plus", "Content-Length: +0", "RFC 9112, 6.3", add("Content-Length: +0"), BAD),
  shake("origin-foreign", "A foreign Origin", "RFC 6455, 10.2", add("Origin: https://attacker.example"), {
    status: [403],
    opens: true,
    late: [101],
  }),
  shake(
    "noise-tls",
    "A TLS hello",
    "RFC 6455, 4.2",
    () => Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...new Uint8Array(32)),
    { status: [400], drop: true },
  ),
  shake("noise-h2", "An HTTP/2 preface", "RFC 6455, 4.2", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {
    status: [400, 505, 426],
    late: [404, 405],
    drop: true,
  }),
  shake(
    "open-then-text",
    "Request and first message in one write",
    "RFC 6455, 4.1",
    lines((all) => all),
    { echo: ["at once"], mayRefuse: true },
    { send: [together(text("at once"))], cut: "one" },
  ),
];
