// The inspector's module in a worker, as the page has it: fed, asked, timed.
import { loadModule } from "/lib/wasm.js";
import init, { Capture } from "/pkg/framescope_wasm.js";

const FED_AT_ONCE = 1 << 18;

/** @type {WebAssembly.Memory} */
let memory;

/** @param {() => unknown} work */
function timed(work) {
  const start = performance.now();
  const result = work();
  return { ms: performance.now() - start, result };
}

/** @param {Capture} capture @param {object} view */
function viewed(capture, view) {
  const spec = { filter: "", layer: "frames", connection: null, between: null, ...view };
  return timed(() => {
    const problem = capture.setView(JSON.stringify(spec));
    if (problem) throw new Error(problem);
    while (capture.work(8));
    return JSON.parse(capture.status()).view.count;
  });
}

/** Reads a capture, as a file or as what a tap sends, and asks everything there is. @param {string} url */
async function run(url) {
  const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const capture = new Capture();
  const source = capture.addSource("file", "big.pcapng");
  const start = performance.now();
  let firstRows = 0;
  for (let at = 0; at < bytes.length; at += FED_AT_ONCE) {
    capture.feed(source, bytes.subarray(at, at + FED_AT_ONCE));
    if (firstRows === 0 && JSON.parse(capture.viewRows(0, 50)).length === 50) firstRows = performance.now() - start;
  }
  capture.finish(source);
  const indexed = performance.now() - start;
  const status = JSON.parse(capture.status());
  const size = memory.buffer.byteLength;
  const figures = {
    megabytes: bytes.length / 1e6,
    frames: status.frames,
    firstRows,
    indexed,
    perFrame: (size - bytes.length) / status.frames,
    "filter opcode == ping": viewed(capture, { filter: "opcode == ping" }),
    "filter length > 500 and dir == c2s": viewed(capture, { filter: "length > 500 and dir == c2s" }),
    "filter violation": viewed(capture, { filter: "violation" }),
    "one row for each message": viewed(capture, { layer: "messages" }),
    'filter text contains "needle"': viewed(capture, { filter: 'text contains "needle"' }),
    'filter json.type == "split"': viewed(capture, { filter: 'json.type == "split"' }),
    "all again": viewed(capture, {}),
    "search of a text in any case": timed(() => {
      capture.setSearch(JSON.stringify({ kind: "text", text: "NEEDLE", matchCase: false }));
      while (capture.work(8));
      return JSON.parse(capture.status()).search.count;
    }),
    "chart of 300 columns": timed(
      () => JSON.parse(capture.timeline('{"from":null,"to":null,"buckets":300}')).rows[0].length,
    ),
    "50 rows anywhere": timed(() => JSON.parse(capture.viewRows(Math.floor(status.end * 0.61), 50)).length),
    "all about one frame": timed(() => JSON.parse(capture.frame(Math.floor(status.end * 0.37))).fields.length),
  };
  capture.free();

  // As a tap sends it: messages of some kilobytes, within a budget, with the list following.
  const live = new Capture();
  live.setBudget(64 << 20);
  const tap = live.addSource("tap", "");
  const fed = timed(() => {
    for (let at = 0; at < bytes.length; at += 8192) {
      live.feed(tap, bytes.subarray(at, at + 8192));
      live.work(1);
    }
    return JSON.parse(live.status()).dropped;
  });
  live.free();
  return { ...figures, "live, frames a second within 64 MiB": { ms: 0, result: (status.frames / fed.ms) * 1000 } };
}

self.onmessage = async (/** @type {MessageEvent<string>} */ { data }) => {
  await loadModule();
  // What is loaded already is not loaded again.
  ({ memory } = await init());
  self.postMessage(await run(data).catch((error) => ({ error: String(error.stack ?? error) })));
};
