// The proxy between two recorders: what goes into it on one side, and what comes out on the other.

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { program } from "../browser/support.mjs";

/** The value of a header in the head of a request. */
const headerOf = (head, name) => new RegExp(`^${name}: *(.*)\r$`, "im").exec(head)?.[1];

/** Starts the proxy in front of a port of this machine. Gives its own, and the link to its inspector if it has one. */
export async function startProxy(t, to, flags = []) {
  const args = ["proxy", "--listen", "127.0.0.1:0", "--to", `ws://127.0.0.1:${to}`, "--log", "warn", ...flags];
  const hasInspector = flags.includes("--inspect");
  if (!hasInspector) args.push("--no-inspect");
  const proxy = spawn(program(), args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(async () => {
    const ended = once(proxy, "exit");
    proxy.kill("SIGKILL");
    await ended;
  });
  let port = 0;
  for await (const line of createInterface(proxy.stdout)) {
    port ||= Number(/relays ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1] ?? 0);
    const link = /See every connection: (.*)/.exec(line)?.[1];
    if (port && (link || !hasInspector)) {
      proxy.stdout.resume();
      return { port, link };
    }
  }
  throw new Error("the proxy ended before it listened");
}

/**
 * Passes connections on to a port, and keeps account of every byte either way, by `Sec-WebSocket-Key`. Of the request's
 * head all is kept; of the rest, its length and a hash. What it writes into `pieces` of so many bytes at a time.
 */
export async function startRecorder(t, to) {
  const seen = new Map();
  const open = new Set();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    open.add(client).add(upstream);
    const account = { head: "", sent: tally(), received: tally(), ended: [] };
    let isHead = true;
    client.on("data", (bytes) => {
      let frames = bytes;
      if (isHead) {
        account.head += bytes.toString("latin1");
        const end = account.head.indexOf("\r\n\r\n");
        if (end >= 0) {
          isHead = false;
          frames = Buffer.from(account.head.slice(end + 4), "latin1");
          account.head = account.head.slice(0, end + 4);
          seen.set(headerOf(account.head, "Sec-WebSocket-Key"), account);
        }
      }
      if (!isHead) account.sent.add(frames);
    });
    upstream.on("data", (bytes) => account.received.add(bytes));
    for (const [from, into, name] of [
      [client, upstream, "client"],
      [upstream, client, "upstream"],
    ]) {
      from.pipe(into);
      from.on("end", () => account.ended.push(name));
      from.on("error", () => into.destroy());
      from.on("close", () => open.delete(from));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { port: server.address().port, seen, open };
}

function tally() {
  const hash = createHash("sha256");
  let length = 0;
  return {
    add(bytes) {
      hash.update(bytes);
      length += bytes.length;
    },
    /** What it comes to so far. */
    get sum() {
      return `${length} bytes, ${hash.copy().digest("hex")}`;
    },
    get length() {
      return length;
    },
  };
}

/** A recorder, the proxy, a recorder, and what is behind it; clients connect to `port`. */
export async function startChain(t, port, flags) {
  const behind = await startRecorder(t, port);
  const { port: proxy } = await startProxy(t, behind.port, flags);
  const before = await startRecorder(t, proxy);
  return {
    port: before.port,
    /** Waits until all connections are over, and gives what each side saw of them. */
    async accounts() {
      while (before.open.size > 0 || behind.open.size > 0) await new Promise((done) => setTimeout(done, 10));
      return [...before.seen].map(([key, client]) => ({
        client,
        upstream: behind.seen.get(key),
        /** The client's head as it has to arrive. */
        head: client.head.replace(/^Host: .*\r$/im, (line) =>
          line.replace(headerOf(client.head, "Host"), `127.0.0.1:${behind.port}`),
        ),
      }));
    },
  };
}
