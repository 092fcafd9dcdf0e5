// The inspector's worker without its page: files go in as they do there, and its capture answers questions.

import { Buffer } from "node:buffer";

/**
 * A worker of its own in a page. Each answer has to come within some seconds, whatever the worker is given.
 *
 * @param {import("playwright-core").Page} page of the same server
 */
export async function startReader(page) {
  const handle = await page.evaluateHandle(() => {
    const worker = new Worker("/inspector/worker.js", { type: "module" });
    const waiting = new Map();
    const readings = new Map();
    let ready;
    const isReady = new Promise((resolve, reject) => {
      ready = { resolve, reject };
    });
    worker.onerror = (event) => ready.reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.type === "ready") ready.resolve();
      else if (data.type === "failed") ready.reject(new Error(data.reason));
      else if (data.type === "reading") {
        readings.set(data.reading.source, data.reading);
        waiting.get(`reading ${data.reading.source}`)?.();
      } else if (data.type === "answer") {
        const { resolve, reject } = waiting.get(data.id);
        waiting.delete(data.id);
        if ("error" in data) reject(new Error(data.error));
        else resolve(data.result);
      }
    };
    let lastId = 0;
    /** @returns {Promise<any>} */
    const ask = (to, method, args) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        const late = setTimeout(() => reject(new Error(`${to}.${method}() was not answered`)), 20_000);
        waiting.set(id, {
          resolve: (result) => {
            clearTimeout(late);
            resolve(result);
          },
          reject,
        });
        worker.postMessage({ id, to, method, args });
      });
    const open = async (bytes, name) => {
      const source = await ask("files", "open", [new Blob([bytes]), name]);
      const isOver = () => !["waiting", "reading"].includes(readings.get(source)?.state ?? "waiting");
      while (!isOver()) await new Promise((resolve) => waiting.set(`reading ${source}`, resolve));
      const sources = await ask("capture", "sources", []);
      return { ...sources.find((one) => one.source === source), reading: readings.get(source) };
    };
    return { isReady, ask, open, end: () => worker.terminate() };
  });
  await handle.evaluate(({ isReady }) => isReady);
  return {
    /** Reads a file to its end, and says what became of it. @param {Buffer} bytes @param {string} [name] */
    open: (bytes, name = "file") =>
      handle.evaluate(
        ({ open }, [base64, called]) =>
          open(
            Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)),
            called,
          ),
        [bytes.toString("base64"), name],
      ),
    /** Asks the capture. @param {string} method @param {...any} args */
    ask: (method, ...args) =>
      handle.evaluate(({ ask }, [what, given]) => ask("capture", what, given), /** @type {const} */ ([method, args])),
    /** All of an export. @param {object} spec */
    async exported(spec) {
      const pieces = await handle.evaluate(async ({ ask }, what) => {
        await ask("capture", "exportBegin", [what]);
        const texts = [];
        for (;;) {
          const piece = await ask("capture", "exportNext", []);
          if (!piece) return texts;
          let text = "";
          for (const byte of piece) text += String.fromCharCode(byte);
          texts.push(btoa(text));
        }
      }, spec);
      return Buffer.concat(pieces.map((piece) => Buffer.from(piece, "base64")));
    },
    end: () => handle.evaluate(({ end }) => end()),
  };
}

/** Every row, in order. @param {Awaited<ReturnType<typeof startReader>>} reader */
export async function allRows(reader) {
  const { first, end } = await reader.ask("status");
  return reader.ask("rows", first, end - first);
}
