// Loads the module with nothing to lean on, and makes it work: a module that imports nothing because nothing is in it
// would prove nothing.
import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";

const bytes = readFileSync(argv[2]);
const module = new WebAssembly.Module(bytes);
const imports = WebAssembly.Module.imports(module);
let failures = 0;

function check(what, holds, otherwise) {
  if (!holds) failures += 1;
  console.log(`  ${holds ? "ok    " : "FAILED"}  ${what}${holds ? "" : `: ${otherwise}`}`);
}

check("the module imports nothing", imports.length === 0, JSON.stringify(imports));
check("and is no empty shell", bytes.length > 50_000, `${bytes.length} bytes`);
if (failures > 0) exit(1);

const { exports } = new WebAssembly.Instance(module, {});

/** What comes out of a door for these bytes: hex with any spacing, or text. */
function through(door, input) {
  for (const byte of Buffer.from(input.hex ? input.hex.replace(/ /g, "") : input.text, input.hex ? "hex" : "utf8")) {
    exports.put(byte);
  }
  exports[door]();
  const output = [];
  for (let i = 0, byte = exports.get(0); byte >= 0; i += 1, byte = exports.get(i)) output.push(byte);
  return Buffer.from(output);
}

function expect(what, door, input, ...parts) {
  const output = through(door, input);
  const missing = parts.filter((part) => !output.includes(part));
  check(
    what,
    missing.length === 0,
    `${JSON.stringify(missing.map(String))} is not in ${JSON.stringify(output.toString("latin1"))}`,
  );
}

const hex = (text) => Buffer.from(text.replace(/ /g, ""), "hex");

// The masked "Hello" of RFC 6455, 5.7, and the compressed one of RFC 7692, 7.2.3.1, masked likewise.
const HELLO = { hex: "81 85 37fa213d 7f9f4d5158" };
const COMPRESSED = { hex: "c1 87 37fa213d c5b2ecf4 fefd21" };

// The request of RFC 6455, 1.3, as a browser would send it.
const OPENING = [
  "GET /chat HTTP/1.1",
  "Host: server.example.com",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  "\r\n",
].join("\r\n");

expect(
  "an opening handshake is answered",
  "open",
  { text: OPENING },
  "HTTP/1.1 101 ",
  "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  "permessage-deflate",
);
expect("or refused", "open", { text: OPENING.replace("Version: 13", "Version: 12") }, "HTTP/1.1 426 ");
expect(
  "a client asks, and takes the answer",
  "ask",
  { text: "ws://server.example.com/chat" },
  "GET /chat ",
  "Ok(Some(",
);
expect("a frame is read and written", "frame", HELLO, hex("81 05 48656c6c6f"));
expect("a server echoes text", "serve", HELLO, 'Message(Text("Hello"))', hex("81 05 48656c6c6f"));
expect("a server inflates", "serve", COMPRESSED, 'Message(Text("Hello"))');
expect("a server sends fragments and closes", "serve", HELLO, hex("01 01 48"), hex("88 00"));
expect("a server fails on a reserved opcode", "serve", { hex: "83 80 00000000" }, "Failed(", hex("88"), hex("03ea"));
expect("a client masks", "call", { hex: "81 05 48656c6c6f" }, 'Message(Text("Hello"))', hex(HELLO.hex));
expect("the dissector sees an unmasked frame", "dissect", { hex: "81 05 48656c6c6f" }, "UnmaskedFromClient");
expect("the dissector inflates", "dissect", COMPRESSED, "inflation: Done");
expect(
  "a capture is a pcapng, without credentials",
  "capture",
  { text: "GET / HTTP/1.1\r\nHost: a\r\nCookie: s=secret\r\n\r\n" },
  hex("0a0d0d0a"),
  "Host: a",
);
check(
  "  (no cookie in it)",
  !through("capture", { text: "GET / HTTP/1.1\r\nCookie: s=secret\r\n\r\n" }).includes("secret"),
  "there it is",
);

exit(failures > 0 ? 1 : 0);
