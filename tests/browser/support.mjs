// What the browser tests share: the program under test, and Chromium.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-quic",
];

/** The path of what cargo builds, up to date. With all of the workspace's features, as `cargo test` builds it. */
function built(...what) {
  const args = [
    "build",
    "--quiet",
    "--workspace",
    "--all-features",
    "--message-format=json-render-diagnostics",
    ...what,
  ];
  const stdout = execFileSync("cargo", args, { cwd: root, stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const messages = stdout
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const name = what.at(-1);
  return messages.findLast(({ executable, target }) => executable && target.name === name).executable;
}

/** The framescope program. */
export const program = () => built("--bin", "framescope");

/** An example of framescope-tests. */
export const example = (name) => built("--example", name);

/** Starts the program on a free port. It ends with the test. */
export async function startServer(t, flags = []) {
  const args = ["serve", "--listen", "127.0.0.1:0", "--in-memory", "--log", "warn", ...flags];
  const server = spawn(program(), args, { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill("SIGKILL"));
  for await (const line of createInterface(server.stdout)) {
    const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
    if (found) return { server, port: Number(found[1]), url: found[0] };
  }
  throw new Error("the server ended before it listened");
}

/** A browser that ends with the test. */
export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });
  t.after(() => browser.close());
  return browser;
}

/** A folder that ends with the test. */
export function temporaryFolder(t) {
  const folder = mkdtempSync(join(tmpdir(), "framescope-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A page of a session of its own, at `path`; whatever it says on the console fails the test. */
export async function openPage(t, browser, url, options = {}) {
  const context = await browser.newContext({ acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const said = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  t.after(() => {
    if (said.length > 0) throw new Error(`the page said: ${said.join("\n")}`);
  });
  await page.goto(url);
  return page;
}
