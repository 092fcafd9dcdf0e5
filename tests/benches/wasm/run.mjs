// The module in Chromium: client frames parsed, unmasked and checked, beside the same code natively and the receiver of npm `ws` on the same page.
// See ../run.sh. Node starts it with the path of the native program: node tests/benches/wasm/run.mjs PROGRAM
//
// The three take turns, round by round, and medians are shown: machines are noisy, and noise comes in stretches. Each gets the
// same stream in reads of 128 KiB, copies a read once at most, and looks at the length and the first byte of each message.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { bundleReceiver, tests } from "./ws-bundle.mjs";

const { chromium } = tests("playwright-core");
const WWW = fileURLToPath(new URL("../../../www", import.meta.url));

const LENGTHS = [16, 125, 1 << 10, 16 << 10, 1 << 20];
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
/** Targets: a share of the native speed, and how many times that of `ws`. */
const OF_NATIVE = 0.5;
const OF_WS = 5;

const FILES = {
  "/": ["text/html", () => "<!doctype html><title>Speed of the module</title>"],
  "/page.js": ["text/javascript", () => readFileSync(new URL("page.js", import.meta.url))],
  "/ws.js": ["text/javascript", bundleReceiver],
};

const server = createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  const [type, content] = FILES[path] ?? [
    path.endsWith(".wasm") ? "application/wasm" : "text/javascript",
    () => readFileSync(WWW + path),
  ];
  try {
    const bytes = content();
    response.writeHead(200, { "content-type": type }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const native = spawn(process.argv[2], ["--bench"], { stdio: ["pipe", "pipe", "inherit"] });
const answers = createInterface({ input: native.stdout })[Symbol.asyncIterator]();
async function runNative(length, kind) {
  native.stdin.write(`${length} ${kind}\n`);
  return Number((await answers.next()).value);
}

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
/** In nanoseconds per message. */
const runPage = (who, length, kind) =>
  page.evaluate(async (what) => (await import("/page.js")).run(...what), [who, length, kind]);

const version = await browser.version();
console.log(`wasm: ns per message received by a server, in Chromium ${version}; medians of ${ROUNDS}, alternating`);
console.log("   payload     kind       native         wasm           ws   of native     of ws");
// Once for the compilers of the page, which take their time to find out what is worth it.
for (let round = 0; round < 5; round++) for (const who of ["wasm", "ws"]) await runPage(who, LENGTHS[0], "binary");
let missed = 0;
for (const length of LENGTHS) {
  for (const kind of ["binary", "text"]) {
    const times = { native: [], wasm: [], ws: [] };
    // The first round does not count.
    for (let round = 0; round <= ROUNDS; round++) {
      const seen = {
        native: await runNative(length, kind),
        wasm: await runPage("wasm", length, kind),
        ws: await runPage("ws", length, kind),
      };
      if (round > 0) for (const who of Object.keys(times)) times[who].push(seen[who]);
    }
    const [ours, theirs, ws] = [times.wasm, times.native, times.ws].map(median);
    const met = theirs / ours >= OF_NATIVE && ws / ours >= OF_WS;
    if (!met) missed++;
    const columns = [theirs, ours, ws].map((time) => time.toFixed(1).padStart(12)).join(" ");
    const ratios = `${(theirs / ours).toFixed(2).padStart(11)} ${`${(ws / ours).toFixed(1)}x`.padStart(9)}`;
    console.log(`${String(length).padStart(10)} ${kind.padStart(8)} ${columns} ${ratios}${met ? "" : "   missed"}`);
  }
}
console.log(
  missed === 0
    ? `wasm: everywhere at least ${OF_NATIVE} of the native speed and ${OF_WS} times that of ws`
    : `wasm: ${missed} of ${LENGTHS.length * 2} under ${OF_NATIVE} of the native speed or ${OF_WS} times that of ws`,
);
native.stdin.end();
await browser.close();
server.close();

function median(times) {
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}
