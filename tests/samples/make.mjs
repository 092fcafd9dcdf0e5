// Makes the captures that the inspector offers to who has none: www/inspector/samples/*.pcapng.
//
//   node tests/samples/make.mjs [NAME..]
//
// Real programs talk to each other through our proxy, which writes down what passes: npm's `ws`, and clients and servers
// that send bytes by hand where `ws` would refuse to. They are made anew by hand, not by a test: a capture has the times
// at which it was made, and the page's tests count on nothing else of it.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { program, root } from "../browser/support.mjs";

const { WebSocket, WebSocketServer } = createRequire(new URL("../browser/package.json", import.meta.url))("ws");

const FOLDER = join(root, "www/inspector/samples");
const SAMPLES = { chat, violations, "socket.io": socketIo, "broken-client": brokenClient };

const wanted = process.argv.slice(2);
for (const [name, make] of Object.entries(SAMPLES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await make((port) => startProxy(port, join(FOLDER, `${name}.pcapng`)));
  console.log(`made ${name}.pcapng`);
}

/** A proxy before a port of this machine that writes all into `file`. */
async function startProxy(to, file) {
  const args = ["proxy", "--listen", "127.0.0.1:0", "--to", `ws://127.0.0.1:${to}`, "--no-inspect", "--log", "warn"];
  const proxy = spawn(program(), [...args, "--write", file, "--force"], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface(proxy.stdout)) {
    const port = Number(/relays ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1] ?? 0);
    if (port) {
      proxy.stdout.resume();
      return {
        port,
        url: `ws://127.0.0.1:${port}`,
        async end() {
          proxy.kill("SIGTERM");
          await once(proxy, "exit");
        },
      };
    }
  }
  throw new Error("the proxy ended before it listened");
}

/** Two people in a room: compression whose context grows, a message in fragments, pings, a clean end and one that is not. */
async function chat(start) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } });
  await once(server, "listening");
  server.on("connection", (socket) => {
    const beat = setInterval(() => socket.ping("still there?"), 250);
    socket.on("close", () => clearInterval(beat));
    socket.on("message", (data, isBinary) => {
      for (const other of server.clients)
        if (other.readyState === WebSocket.OPEN) other.send(data, { binary: isBinary });
    });
  });
  const proxy = await start(server.address().port);
  const come = async (name) => {
    const socket = new WebSocket(`${proxy.url}/rooms/garden?name=${name}`, { perMessageDeflate: { threshold: 0 } });
    await once(socket, "open");
    const say = (text) => {
      socket.send(JSON.stringify({ type: "message", room: "garden", name, text }));
      return pause(80);
    };
    return { socket, say };
  };
  const ada = await come("ada");
  const grace = await come("grace");
  await ada.say("Good morning!");
  await grace.say("Good morning, Ada! Did the seeds come?");
  await ada.say("They did. Three kinds of beans, and the poppies.");
  // A long message, sent as it is written.
  const lines = [
    "What is to be sown, and when:",
    "  beans   May, once the nights are mild",
    "  poppies at once",
    "  leeks   last week",
  ];
  const parts = [
    `{"type":"message","room":"garden","name":"grace","text":"`,
    ...lines.map((line) => `${line}\\n`),
    `"}`,
  ];
  for (const [at, part] of parts.entries()) {
    grace.socket.send(part, { fin: at === parts.length - 1, binary: false });
    await pause(30);
  }
  await ada.say("Late for the leeks, then.");
  const picture = readFileSync(join(root, "www/icons/icon-192.png")).subarray(0, 600);
  ada.socket.send(picture, { binary: true });
  await pause(300);
  await grace.say("Which one is this? See you at ten.");
  ada.socket.ping("me");
  await pause(120);
  const closed = once(ada.socket, "close");
  ada.socket.close(1000, "gone to the garden");
  await closed;
  // And the other's train goes into a tunnel.
  grace.socket.terminate();
  await pause(150);
  server.close();
  await proxy.end();
}

/** Each rule that a frame can break, on a connection of its own, as the codec's tests have them. */
async function violations(start) {
  const cases = JSON.parse(readFileSync(join(root, "tests/fixtures/violations.json"), "utf8"));
  /** What the server sends on the connection with this path. */
  const answers = new Map();
  const server = await rawServer((socket, path) => {
    const answer = answers.get(path);
    if (answer) socket.once("data", () => socket.write(answer));
  });
  const proxy = await start(server.address().port);
  for (const [at, { rule, direction, compressed, wire }] of cases.entries()) {
    const path = `/${at + 1}/${rule}`;
    const bytes = Buffer.from(wire.replaceAll(/\s/gu, ""), "hex");
    if (direction === "s2c") answers.set(path, bytes);
    const socket = await rawClient(
      proxy.port,
      path,
      compressed ? { "Sec-WebSocket-Extensions": "permessage-deflate" } : {},
    );
    socket.write(clientFrame(1, `What follows breaks ${rule}`));
    if (direction === "c2s") socket.write(bytes);
    await pause(25);
    socket.end();
    await once(socket, "close");
  }
  server.close();
  await proxy.end();
}

/** What socket.io says over engine.io 4: an opening, acknowledged events, a picture in two frames, pings of its own. */
async function socketIo(start) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    const open = {
      sid: "x1Zk0kTqv2Rz9rJ0AAAA",
      upgrades: [],
      pingInterval: 400,
      pingTimeout: 200,
      maxPayload: 1_000_000,
    };
    socket.send(`0${JSON.stringify(open)}`);
    const beat = setInterval(() => socket.send("2"), open.pingInterval);
    socket.on("close", () => clearInterval(beat));
    socket.on("message", (data, isBinary) => {
      const text = isBinary ? "" : String(data);
      if (text.startsWith("40")) socket.send(`40${JSON.stringify({ sid: "5Wn0o2mQkE4xJ7b1AAAB" })}`);
      const id = /^42(\d+)/u.exec(text)?.[1];
      if (id) socket.send(`43${id}[{"ok":true}]`);
      if (text.startsWith('42["hello"')) socket.send('42["welcome",{"room":"garden","people":["ada","grace"]}]');
    });
  });
  const proxy = await start(server.address().port);
  const socket = new WebSocket(`${proxy.url}/socket.io/?EIO=4&transport=websocket`);
  socket.on("message", (data) => {
    if (String(data) === "2") socket.send("3");
  });
  await once(socket, "open");
  for (const text of [
    "40",
    '42["hello",{"name":"ada"}]',
    '420["save",{"plant":"bean","row":3}]',
    '421["save",{"plant":"leek","row":4}]',
  ]) {
    socket.send(text);
    await pause(150);
  }
  socket.send('451-["picture",{"of":"bean","data":{"_placeholder":true,"num":0}}]');
  socket.send(readFileSync(join(root, "www/icons/icon-192.png")).subarray(0, 200));
  await pause(450);
  socket.send("41");
  socket.close();
  await once(socket, "close");
  server.close();
  await proxy.end();
}

/** A client by somebody who was in a hurry: one masking key for all, Latin-1 for UTF-8, pongs that answer no ping. */
async function brokenClient(start) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.on("message", (data) => socket.send(`thank you for ${String(data).length} characters`));
    socket.ping("1st");
    setTimeout(() => socket.ping("2nd"), 120).unref();
  });
  const proxy = await start(server.address().port);
  for (const text of ["all is well", "degrees: 21 \xb0C"]) {
    // Sensor after sensor, each the same way.
    const socket = await rawClient(proxy.port, "/sensors", { "Sec-WebSocket-Protocol": "v1.readings.example" });
    const key = Buffer.from("12345678", "hex");
    for (const line of ["sensor 7", "battery 81 %"]) {
      socket.write(clientFrame(1, line, key));
      await pause(60);
    }
    socket.write(clientFrame(10, "pong", key));
    await pause(80);
    socket.write(clientFrame(1, Buffer.from(text, "latin1"), key));
    await pause(60);
    // It does not look whether anybody still listens.
    socket.write(clientFrame(1, "sensor 8", key));
    await pause(60);
    socket.end();
    await once(socket, "close");
  }
  server.close();
  await proxy.end();
}

/** A server that agrees to everything, and then does what `then` says. */
async function rawServer(then) {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (head) => {
      const text = head.toString("latin1");
      const key = /^Sec-WebSocket-Key: *(.*)\r$/imu.exec(text)?.[1] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      const deflate = text.includes("permessage-deflate") ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "";
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${deflate}\r\n`,
      );
      then(socket, /^GET (\S+)/u.exec(text)?.[1]);
      socket.resume();
    });
    socket.on("end", () => socket.end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** A TCP connection whose opening handshake is done. */
async function rawClient(port, path, headers) {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  await once(socket, "connect");
  const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${more.join("")}\r\n`,
  );
  await once(socket, "data");
  socket.on("data", () => {});
  socket.on("error", () => {});
  return socket;
}

/** A short frame as a client sends it. */
function clientFrame(opcode, payload, key = randomBytes(4)) {
  const bytes = Buffer.from(payload);
  const masked = bytes.map((byte, at) => byte ^ key[at % 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | bytes.length]), key, masked]);
}
