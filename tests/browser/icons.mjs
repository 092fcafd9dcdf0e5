// The icons of an installed Framescope, out of www/favicon.svg: node tests/browser/icons.mjs
//
// Run it when the drawing changes, and commit what it makes. A maskable icon is cut to a shape by the system, a circle at
// worst: its ground goes to the edges, and the drawing stays within the middle four fifths.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, startBrowser } from "./support.mjs";

const ICONS = [
  { name: "icon-192.png", size: 192, isMaskable: false },
  { name: "icon-512.png", size: 512, isMaskable: false },
  { name: "maskable-192.png", size: 192, isMaskable: true },
  { name: "maskable-512.png", size: 512, isMaskable: true },
];

const drawing = readFileSync(join(root, "www/favicon.svg"), "utf8");
const ground = /<rect width="32" height="32" rx="7" fill="(#[0-9a-f]{6})"\/>/.exec(drawing);
if (!ground) throw new Error("favicon.svg begins with a ground that this script does not know");

const ends = [];
const browser = await startBrowser({ after: (end) => ends.push(end) });
const folder = join(root, "www/icons");
mkdirSync(folder, { recursive: true });
for (const { name, size, isMaskable } of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const inner = isMaskable ? drawing.replace(ground[0], "") : drawing;
  const place = isMaskable ? `width:84%;margin:8%` : "width:100%";
  await page.setContent(
    `<body style="margin:0;background:${isMaskable ? ground[1] : "transparent"}">${inner.replace("<svg ", `<svg style="display:block;${place}" `)}`,
  );
  writeFileSync(join(folder, name), await page.screenshot({ omitBackground: true }));
  await page.close();
}
for (const end of ends) await end();
