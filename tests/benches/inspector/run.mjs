// A million frames in Chromium, in a worker, as the inspector has them. See ../run.sh.
//
// Each capture gets a page of its own, since a module never gives memory back. Medians of BENCH_ROUNDS (3).
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { bigCapture } from "../../browser/big-capture.mjs";
import { tests } from "../wasm/ws-bundle.mjs";

const { chromium } = tests("playwright-core");
const WWW = fileURLToPath(new URL("../../../www", import.meta.url));
const FRAMES = Number(process.env.BENCH_FRAMES ?? 1_000_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);

const captures = { plain: bigCapture(FRAMES).bytes, compressed: bigCapture(FRAMES, true).bytes };
const server = createServer((request, response) => {
  const path = new URL(request.url ?? "/", "http://localhost").pathname;
  try {
    if (path === "/")
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Bench</title>");
    else if (path in { "/plain": 0, "/compressed": 0 }) response.writeHead(200).end(captures[path.slice(1)]);
    else {
      const file = path === "/worker.js" ? fileURLToPath(new URL("worker.js", import.meta.url)) : WWW + path;
      const type = path.endsWith(".wasm") ? "application/wasm" : "text/javascript";
      const content = readFileSync(file);
      response.writeHead(200, { "content-type": type }).end(content);
    }
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
});
const address = `http://127.0.0.1:${server.address().port}/`;

async function run(kind) {
  const page = await browser.newPage();
  await page.goto(address);
  const figures = await page.evaluate(
    (url) =>
      new Promise((resolve) => {
        const worker = new Worker("/worker.js", { type: "module" });
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(url);
      }),
    `/${kind}`,
  );
  await page.close();
  if (figures.error) throw new Error(figures.error);
  return figures;
}

const median = (numbers) => numbers.toSorted((one, other) => one - other)[numbers.length >> 1];
console.log(`inspector: ${FRAMES} frames in a worker of Chromium ${browser.version()}; medians of ${ROUNDS}`);
for (const kind of Object.keys(captures)) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await run(kind));
  const of = (name) => median(rounds.map((figures) => figures[name].ms ?? figures[name]));
  console.log(`\n${kind}, ${rounds[0].megabytes.toFixed(1)} MB`);
  console.log(`  first 50 rows            ${of("firstRows").toFixed(0).padStart(8)} ms    target 300`);
  console.log(`  all indexed              ${of("indexed").toFixed(0).padStart(8)} ms    target 5000`);
  console.log(`  memory beyond the file   ${of("perFrame").toFixed(1).padStart(8)} bytes a frame    target 64`);
  for (const [name, figure] of Object.entries(rounds[0])) {
    if (typeof figure !== "object") continue;
    const shown =
      figure.ms === 0
        ? median(rounds.map((figures) => figures[name].result)).toFixed(0)
        : `${of(name).toFixed(0)} ms, ${figure.result}`;
    console.log(`  ${name.padEnd(36)} ${shown}`);
  }
}
await browser.close();
server.close();
