// Captures TCP on the loopback interface with Wireshark's own dumpcap, for as long as somebody talks.

import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

/** How long dumpcap may take to begin, and to write down what it has seen. */
const PATIENCE_MS = 20_000;

/** What to do where this user may not capture. */
const NOT_PERMITTED =
  "dumpcap may not capture on the loopback interface. Run the suite as root, or let dumpcap do it alone: " +
  "setcap cap_net_raw,cap_net_admin=eip $(command -v dumpcap)";

/**
 * Captures what goes through a port while `talk` runs, and nothing of it is missing when it ends.
 *
 * @param {string} file
 * @param {number} port
 * @param {() => Promise<void>} talk
 */
export async function record(file, port, talk) {
  const dumpcap = spawn("dumpcap", ["-q", "-i", "lo", "-B", "64", "-f", `port ${port}`, "-w", file], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(dumpcap, "close");
  const said = [];
  let begun;
  const begins = new Promise((done) => {
    begun = done;
  });
  createInterface(dumpcap.stderr).on("line", (line) => {
    said.push(line);
    // Said when the interface is open and its filter is set.
    if (line.startsWith("File: ")) begun(true);
  });
  try {
    const failed = ended.then(() => false);
    if (!(await Promise.race([begins, failed]))) {
      const words = said.join("\n");
      throw new Error(/permission|CAP_NET/i.test(words) ? `${NOT_PERMITTED}\n${words}` : `dumpcap failed:\n${words}`);
    }
    await talk();
    await drain(file, port);
  } finally {
    dumpcap.kill("SIGINT");
    await ended;
  }
  const counts = said.map((line) => /received\/dropped on interface .*: (\d+)\/(\d+) /.exec(line)).find(Boolean);
  if (counts?.[2] !== "0") throw new Error(`dumpcap lost packets:\n${said.join("\n")}`);
}

/** Sends a datagram that everybody can tell, and waits until it is in the file: then so is all before it. */
async function drain(file, port) {
  const mark = randomUUID();
  const socket = createSocket("udp4");
  try {
    const deadline = Date.now() + PATIENCE_MS;
    // Dumpcap writes when a packet comes, or a little later: so there is one more packet, until it has written.
    while (Date.now() < deadline) {
      await new Promise((done) => socket.send(mark, port, "127.0.0.1", done));
      if ((await readFile(file)).includes(mark)) return;
      await new Promise((done) => setTimeout(done, 20));
    }
  } finally {
    socket.close();
  }
  throw new Error("dumpcap did not write down what it captured");
}
