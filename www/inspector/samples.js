// @ts-check
// Captures that one click opens, for who has none: tests/samples/make.mjs made them.

/** @import { Inspector } from "./inspector.js" */

/** @type {{ name: string, title: string, says: string }[]} */
export const SAMPLES = [
  {
    name: "chat",
    title: "A chat",
    says: "two people by npm’s ws: compression, fragments, pings, one clean end and one broken",
  },
  { name: "socket.io", title: "socket.io", says: "events, acknowledgements and a picture, as engine.io packs them" },
  {
    name: "broken-client",
    title: "A broken client",
    says: "one masking key for all, text that is no UTF-8: what does its server say?",
  },
  { name: "violations", title: "Every violation", says: "each rule that a frame can break, one connection for each" },
];

/**
 * Reads a sample. Resolves when it is read.
 *
 * @param {Inspector} app
 * @param {string} name
 */
export async function openSample(app, name) {
  const sample = SAMPLES.find((one) => one.name === name);
  const answer = sample && (await fetch(new URL(`./samples/${name}.pcapng`, import.meta.url)).catch(() => null));
  if (!sample || !answer?.ok) {
    app.say(`There is no sample “${name}”.`, "danger");
    return;
  }
  const source = await app.openFile(await answer.blob(), sample.title);
  app.sample = name;
  await new Promise((resolve) => {
    const isRead = new AbortController();
    app.on(
      "sources",
      () => {
        const state = app.readings.get(source)?.state;
        if (state === "waiting" || state === "reading") return;
        isRead.abort();
        resolve(undefined);
      },
      isRead.signal,
    );
  });
}

/** @param {Inspector} app */
export function addSampleCommands(app) {
  for (const { name, title, says } of SAMPLES)
    app.command({
      id: `sample-${name}`,
      title: `Open a sample: ${title}, ${says}`,
      group: "Samples",
      run: () => void openSample(app, name),
    });
}
