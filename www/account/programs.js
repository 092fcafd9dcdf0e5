// @ts-check
// What people would call the program that a User-Agent header stands for.

/** The first that fits: most browsers also claim to be some of those below them. */
const BROWSERS = [
  [/HeadlessChrome\//, "Chromium (headless)"],
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\//, "Opera"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/(Firefox|FxiOS)\//, "Firefox"],
  [/Chromium\//, "Chromium"],
  [/(Chrome|CriOS)\//, "Chrome"],
  [/Safari\//, "Safari"],
];

const SYSTEMS = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/CrOS/, "ChromeOS"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "macOS"],
  [/Linux/, "Linux"],
];

/**
 * @param {string} agent
 * @returns {string}
 */
export function programName(agent) {
  const browser = firstOf(BROWSERS, agent);
  const system = firstOf(SYSTEMS, agent);
  if (browser) return system ? `${browser} on ${system}` : browser;
  // A program that gives its plain name, as `curl/8.14`.
  const plain = /^[\w.-]{1,40}/.exec(agent)?.[0];
  return plain ?? "A program without a name";
}

/** @param {(RegExp | string)[][]} table @param {string} agent */
function firstOf(table, agent) {
  for (const [pattern, name] of table) if (pattern instanceof RegExp && pattern.test(agent)) return String(name);
  return null;
}
