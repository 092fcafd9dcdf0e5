// The proxy's inspector in a browser: the printed link, and what passes while one looks.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { newPerson, openPageIn, startBrowser, startServer } from "../browser/support.mjs";
import { startProxy } from "./support.mjs";

const { WebSocket } = createRequire(new URL("../reference/package.json", import.meta.url))("ws");

test("the printed link shows every frame of a client that knows nothing of it", { timeout: 120_000 }, async (t) => {
  const server = await startServer(t);
  const { port, link } = await startProxy(t, server.port, ["--inspect", "127.0.0.1:0"]);
  const person = await newPerson(await startBrowser(t));
  const page = await openPageIn(t, person, link, { mayComplain: /404/ });
  assert.ok(!page.url().includes("token"), page.url());
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();

  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo?token=s3cr3t`);
  await once(socket, "open");
  socket.send("seen in passing");
  await once(socket, "message");
  const rows = page.getByRole("grid", { name: "Captured frames" }).getByRole("row");
  await rows.filter({ hasText: "101" }).first().waitFor();
  await rows.filter({ hasText: "seen in passing" }).nth(1).waitFor();
  assert.equal(await page.getByText("s3cr3t").count(), 0);
  // Out of step with every rule, and relayed all the same: the page names the rule.
  const closed = once(socket, "close");
  socket._socket.write(Buffer.from([0xa1, 0x80, 0, 0, 0, 0]));
  await rows.filter({ hasText: "1002" }).first().waitFor();
  await closed;
  // Nothing was set that would sign this person out of another server on this host.
  assert.deepEqual(
    (await person.cookies()).map(({ name }) => name.replace(/\d+$/, "")),
    ["framescope_operator_"],
  );
});
