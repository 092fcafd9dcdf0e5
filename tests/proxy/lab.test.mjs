// Frames that are made by hand on the proxy's page, and put into a connection that passes through it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { test } from "node:test";
import { newPerson, openPageIn, startBrowser, startServer } from "../browser/support.mjs";
import { startProxy } from "./support.mjs";

const { WebSocket } = createRequire(new URL("../reference/package.json", import.meta.url))("ws");

test("a frame made by hand goes to either side of a connection that passes", { timeout: 120_000 }, async (t) => {
  const server = await startServer(t);
  const { port, link } = await startProxy(t, server.port, ["--inspect", "127.0.0.1:0"]);
  const page = await openPageIn(t, await newPerson(await startBrowser(t)), link, { mayComplain: /404/ });
  await page
    .getByRole("status")
    .filter({ hasText: /^Live$/ })
    .waitFor();
  await page.getByRole("tab", { name: "Lab", exact: true }).click();
  const lab = page.getByRole("tabpanel", { name: "Lab" });
  const rows = page.getByRole("grid", { name: "Captured frames" }).getByRole("row");
  await lab.getByText("Nothing passes through the proxy now.").waitFor();
  assert.ok(await lab.getByRole("button", { name: "Inject" }).isDisabled());

  const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, { perMessageDeflate: false });
  t.after(() => socket.terminate());
  await once(socket, "open");
  await lab.getByLabel("Into connection").getByRole("option").first().waitFor({ state: "attached" });

  // As the client: the server answers, and the client gets an echo of what it never sent.
  const echoed = once(socket, "message");
  await lab.getByLabel("Payload data", { exact: true }).fill("never sent by the client");
  await lab.getByRole("button", { name: "Inject" }).click();
  assert.equal(String((await echoed)[0]), "never sent by the client");
  await rows.filter({ hasText: "never sent by the client" }).nth(1).waitFor();

  // As the server, which masks nothing.
  await lab.getByLabel("Way").selectOption("s2c");
  assert.ok(!(await lab.getByLabel("MASK", { exact: true }).isChecked()));
  const got = once(socket, "message");
  await lab.getByLabel("Payload data", { exact: true }).fill("never sent by the server");
  await lab.getByRole("button", { name: "Inject" }).click();
  assert.equal(String((await got)[0]), "never sent by the server");
  await rows.filter({ hasText: "never sent by the server" }).waitFor();

  // Half a frame would make the rest unreadable: only if one insists.
  await lab.getByRole("button", { name: "Add bytes" }).click();
  await lab.getByLabel("Bytes, as they go on the wire").fill("81 05 48");
  await lab.getByRole("option", { name: /text/ }).first().click();
  await lab.getByRole("button", { name: "Remove" }).click();
  await lab.getByRole("button", { name: "Inject" }).click();
  await lab.getByRole("listitem").filter({ hasText: "not sent" }).waitFor();
  socket.send("still works");
  assert.equal(String((await once(socket, "message"))[0]), "still works");

  // No tunnel, and so nothing that needs one.
  assert.equal(await page.getByRole("tab", { name: "Replay" }).count(), 0);
  await page.getByRole("tab", { name: "Conformance" }).click();
  await page.getByText("A proxy’s page has no tunnel").waitFor();
});
