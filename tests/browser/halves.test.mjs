// The inspector's module in two halves: each works, the first without the second, and what needs the second waits for it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FIRST_HALF, SecondHalf } from "../../www/inspector/worker/halves.js";
import { openPage, startBrowser, startServer } from "./support.mjs";

const pkg = (name) => new URL(`../../www/pkg/${name}`, import.meta.url);

/** A copy of its own: wasm-bindgen's glue holds one instance. */
async function firstHalf() {
  const glue = readFileSync(pkg("framescope_wasm.js"), "utf8").replaceAll("import.meta.url", '"file:///"');
  const module = await import(
    `data:text/javascript;base64,${Buffer.from(`${glue}// ${Math.random()}`).toString("base64")}`
  );
  return { module, exports: module.initSync({ module: readFileSync(pkg("framescope_wasm_bg.wasm")) }) };
}

/** What the page asks for when there are no rows yet. */
function ask(capture) {
  const source = capture.addSource("tap", "");
  capture.feed(source, new Uint8Array());
  capture.work(8);
  return {
    status: JSON.parse(capture.status()),
    rows: JSON.parse(capture.viewRows(0, 10)),
    sources: JSON.parse(capture.sources()),
  };
}

test("the first half has its methods, and no other does anything before the second is there", async () => {
  const { module, exports } = await firstHalf();
  const methods = Object.getOwnPropertyNames(module.Capture.prototype);
  assert.deepEqual(
    [...FIRST_HALF].filter((method) => !methods.includes(method)),
    [],
  );
  const capture = new module.Capture();
  const before = ask(capture);
  assert.equal(before.status.end, 0);
  assert.equal(before.sources.length, 1);
  assert.throws(() => capture.filterFields(), WebAssembly.RuntimeError);
  const second = new WebAssembly.Module(readFileSync(pkg("second_half.wasm")));
  new WebAssembly.Instance(second, { first: exports });
  const whole = new module.Capture();
  assert.ok(JSON.parse(whole.filterFields()).length > 20);
  assert.equal(JSON.parse(whole.completeFilter("opc", 3)).items[0].text, "opcode");
  assert.deepEqual(ask(whole).rows, before.rows);
});

test("a method of the second half waits for it, and hears why it did not come; then it is tried again", async (t) => {
  const { exports } = await firstHalf();
  let answer = new Response(null, { status: 503 });
  const fetched = t.mock.method(globalThis, "fetch", async () => answer);
  const second = new SecondHalf(exports);
  assert.ok(second.isThereFor("viewRows") && !second.isThereFor("conversation"));
  await assert.rejects(
    second.arrivedFor("conversation", false),
    /The rest of the inspector could not be loaded: the server answered 503/,
  );
  assert.ok(!second.isThereFor("conversation"));
  answer = new Response(readFileSync(pkg("second_half.wasm")), { headers: { "Content-Type": "application/wasm" } });
  await Promise.all([second.arrivedFor("conversation", false), second.arrivedFor("frame", false), second.there]);
  assert.ok(second.isThereFor("conversation"));
  assert.equal(fetched.mock.callCount(), 2);
});

test("what needs the first half alone waits for nobody but one that will change something", async (t) => {
  const { exports } = await firstHalf();
  /** @type {(answer: Response) => void} */
  let answer = () => {};
  t.mock.method(globalThis, "fetch", () => new Promise((resolve) => (answer = resolve)));
  const second = new SecondHalf(exports);
  const looking = second.arrivedFor("frame", false);
  assert.ok(second.isThereFor("viewRows"));
  /** @type {string[]} */
  const done = [];
  const calls = [
    looking.catch(() => {}),
    ...["setView", "viewRows", "setSearch"].map(async (method) => {
      await second.arrivedFor(method, method !== "viewRows").then(
        () => done.push(method),
        () => done.push(`no ${method}`),
      );
    }),
  ];
  assert.ok(!second.isThereFor("viewRows"));
  answer(new Response(null, { status: 404 }));
  await Promise.all(calls);
  assert.deepEqual(done.toSorted(), ["no setSearch", "no setView", "viewRows"]);
  assert.ok(second.isThereFor("viewRows"));
  const inLine = ["clear", "viewRows", "setView", "rows"].map((method) =>
    second.arrivedFor(method, method === "clear" || method === "setView").then(() => done.push(method)),
  );
  answer(new Response(readFileSync(pkg("second_half.wasm")), { headers: { "Content-Type": "application/wasm" } }));
  await Promise.all(inLine);
  assert.deepEqual(done.slice(3), ["clear", "viewRows", "setView", "rows"]);
});

test("a module that was not split is whole from the beginning", async (t) => {
  const fetched = t.mock.method(globalThis, "fetch");
  const second = new SecondHalf({});
  await second.arrivedFor("conversation", false);
  assert.ok(second.isThereFor("conversation"));
  assert.equal(fetched.mock.callCount(), 0);
});

test("the page shows live rows with the first half, then fetches the second, and says when it cannot", async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), "about:blank", { mayComplain: /status of 503/ });
  /** @type {string[]} */
  const asked = [];
  let isServed = false;
  await page.context().route("**/pkg/**/*.wasm", (route) => {
    asked.push(new URL(route.request().url()).pathname);
    return isServed || !asked.at(-1)?.endsWith("second_half.wasm") ? route.continue() : route.fulfill({ status: 503 });
  });
  await page.goto(`${url}/inspector`);
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  assert.deepEqual(asked, ["/pkg/framescope_wasm_bg.wasm"]);
  const row = page.getByRole("grid", { name: "Captured frames" }).getByRole("row").filter({ hasText: "in halves" });
  const refused = page.waitForResponse("**/second_half.wasm");
  await page.evaluate(() => new WebSocket("/echo").addEventListener("open", ({ target }) => target.send("in halves")));
  await row.first().waitFor();
  await page.getByRole("region", { name: "Sources" }).getByRole("button", { name: /echo/ }).waitFor();
  await refused;
  assert.deepEqual(asked.slice(1), ["/pkg/second_half.wasm"]);

  const filter = page.getByRole("combobox", { name: "Filter" });
  await filter.fill("opcode == text");
  await page
    .getByText(/The rest of the inspector could not be loaded: the server answered 503/)
    .first()
    .waitFor();
  isServed = true;
  await filter.fill("opcode == text and fin");
  await filter.press("Enter");
  await page
    .getByText(/\d+ of \d+/)
    .first()
    .waitFor();
  await page.locator('#frames [aria-rowindex="2"]').filter({ hasText: "in halves" }).click();
  await page.getByText("Masking key").first().waitFor();
});

test("what passes is watched even if what a link asks for cannot be loaded", async (t) => {
  const { url } = await startServer(t);
  const page = await openPage(t, await startBrowser(t), "about:blank", { mayComplain: /status of 503/ });
  await page.context().route("**/pkg/second_half.wasm", (route) => route.fulfill({ status: 503 }));
  await page.goto(`${url}/inspector#filter=opcode+%3D%3D+text`);
  await page
    .getByText(/The rest of the inspector could not be loaded: the server answered 503/)
    .first()
    .waitFor();
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
});
