// Parts of the inspector that need no page: the rows it knows, differences, snippets, lengths of time.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Address } from "../../www/inspector/address.js";
import { ofField } from "../../www/inspector/expressions.js";
import { latest } from "../../www/inspector/link.js";
import { Rows } from "../../www/inspector/rows.js";
import { diff } from "../../www/inspector/tools/diff.js";
import { Board } from "../../www/inspector/tools/intercept/board.js";
import { ProxyDesk } from "../../www/inspector/tools/intercept/proxydesk.js";
import { rowsOf } from "../../www/inspector/tools/lab/captured.js";
import { snippet } from "../../www/inspector/tools/snippets.js";
import { moment, span } from "../../www/inspector/tools/times.js";
import { Speeches } from "../../www/inspector/worker/speech.js";

/** Steps as text: `=` the same, `~` changed, `-x` missing, `+y` extra. */
function steps(left, right, isKin) {
  const [ones, others] = [[...left], [...right]];
  return diff(ones, others, (one, other) => one === other, isKin)
    .map((step) => {
      if (step.how === "same") return ones[step.left];
      if (step.how === "changed") return `${ones[step.left]}~${others[step.right]}`;
      return step.how === "missing" ? `-${ones[step.left]}` : `+${others[step.right]}`;
    })
    .join(" ");
}

test("a difference keeps as much in common as there is", () => {
  const never = () => false;
  const cases = [
    ["", "", ""],
    ["abc", "abc", "a b c"],
    ["", "ab", "+a +b"],
    ["ab", "", "-a -b"],
    ["abcd", "abxd", "a b c~x d"],
    ["abcd", "acd", "a -b c d"],
    ["acd", "abcd", "a +b c d"],
    ["xaby", "abz", "-x a b y~z"],
  ];
  for (const [left, right, expected] of cases) assert.equal(steps(left, right), expected, `${left} to ${right}`);
  assert.equal(steps("ab", "cd", never), "-a +c -b +d");
});

test("a difference of two long sequences is found without weighing every pair", () => {
  const left = Array.from({ length: 5000 }, (_, n) => `l${n}`);
  const right = Array.from({ length: 5000 }, (_, n) => `r${n}`);
  const found = diff(["same", ...left], ["same", ...right], (one, other) => one === other);
  assert.equal(found.length, 5001);
  assert.deepEqual(found.at(-1), { how: "changed", left: 5000, right: 5000 });
});

const wire = new Uint8Array([0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
const row = {
  index: 16,
  kind: "frame",
  name: "text",
  direction: "c2s",
  fin: true,
  rsv: 0,
  masked: true,
  payloadLength: 5,
  violations: [],
};
const details = { row, payloadMissing: 0, handshake: null };

test("a frame is copied as bytes of several languages, which read it back", () => {
  const hex = "81 85 37 fa 21 3d 7f 9f 4d 51 58";
  assert.equal(snippet("hex", details, wire, []), hex);
  assert.deepEqual(Buffer.from(snippet("base64", details, wire, []), "base64"), Buffer.from(wire));
  const made = new Function(`${snippet("javascript", details, wire, [])} return text_17;`)();
  assert.deepEqual(made, wire);
  const python = `${snippet("python", details, wire, [])}print(text_17.hex())`;
  assert.equal(execFileSync("python3", ["-c", python]).toString().trim(), hex.replaceAll(" ", ""));
  assert.match(snippet("rust", details, wire, []), /^const TEXT_17: \[u8; 11\] = \[\n {4}0x81, 0x85,/);
  assert.equal(snippet("curl", details, wire, []), null);
});

test("a frame of a reserved opcode, too, has a name that languages take", () => {
  const reserved = { ...details, row: { ...row, name: "reserved 0x3" } };
  const made = new Function(`${snippet("javascript", reserved, wire, [])} return reserved_0x3_17;`)();
  assert.deepEqual(made, wire);
  execFileSync("python3", ["-c", snippet("python", reserved, wire, [])]);
  assert.match(snippet("rust", reserved, wire, []), /^const RESERVED_0X3_17: /);
  assert.match(snippet("test", reserved, wire, []), /^fn reserved_0x3_17\(\) \{$/m);
});

test("what a line of a handshake asks for is what the language calls it", () => {
  const fields = [
    ["method", "Method", "GET", ""],
    ["target", "Target", "/a?b", 'target == "/a?b"'],
    ["http-version", "Version", "HTTP/1.1", ""],
    ["status", "Status", "101", "status == 101"],
    ["status", "Status", "1x", ""],
    ["reason", "Reason", "Switching", ""],
    ["start-line", "Request line", "GET /a?b HTTP/1.1", ""],
    ["header", "Sec-WebSocket-Version", "13", 'header.sec-websocket-version == "13"'],
    ["header", "not a name", "13", ""],
  ];
  const chosen = { details: { row, handshake: { kind: "request" } } };
  for (const [name, label, value, filter] of fields)
    assert.equal(ofField({ name, label, value }, chosen), filter, name);
});

test("a frame's test names the rules that it breaks by itself", () => {
  const text = snippet("test", { ...details, row: { ...row, rsv: 4 } }, wire, ["unmasked-from-client"]);
  assert.match(text, /Dissector::new\(Role::Client, Some\(DeflateParams::DEFAULT\)\)/);
  assert.match(text, /assert_eq!\(rules, \["unmasked-from-client"\] as \[&str; 1\]\)/);
});

test("an opening handshake is copied as a curl command, with quotes that hold", () => {
  const head = "GET /a?b='c' HTTP/1.1\r\nHost: example.com:81\r\nUpgrade: websocket\r\nX: it's\r\n\r\n";
  const request = { row: { ...row, kind: "handshake", name: "request" }, handshake: { kind: "request" } };
  const command = snippet("curl", request, new TextEncoder().encode(head), []);
  const shown = execFileSync("bash", ["-c", `curl() { printf '%s\\n' "$@"; }\n${command}`]).toString();
  assert.deepEqual(shown.trim().split("\n"), [
    "--http1.1",
    "--include",
    "--no-buffer",
    "http://example.com:81/a?b='c'",
    "--header",
    "Upgrade: websocket",
    "--header",
    "X: it's",
  ]);
});

test("lengths of time are said with three digits and a unit", () => {
  const said = [0, 999, 1_250, 340_000_000, 1_000_000_000, 59_999_999_999, 90_000_000_000, -2_000_000].map(span);
  assert.deepEqual(
    said.map((text) => text.replaceAll("\u00A0", " ")),
    ["0 ns", "999 ns", "1.25 µs", "340 ms", "1 s", "60 s", "1 min 30 s", "−2 ms"],
  );
  assert.equal(moment(1_234_567_890, 1_000_000), "1.235\u00A0s");
});

test("rows that are outdated are asked for again, however many there are", async () => {
  for (const total of [10, 64, 200]) {
    let colour = 1;
    const rows = new Rows(
      async (from, count) =>
        Array.from({ length: Math.max(0, Math.min(count, total - from)) }, () => ({ colour, fragment: null })),
      () => {},
    );
    rows.get(3);
    await turn();
    assert.equal(rows.get(3).colour, 1);
    // As the list does on news that say that all may look different.
    colour = 2;
    rows.outdate();
    rows.refresh();
    assert.equal(rows.get(3).colour, 1, "what is known is shown until the new is here");
    await turn();
    assert.equal(rows.get(3).colour, 2, `${total} rows`);
  }
});

test("after a wrong filter the panel and the proxy go on with the one before", () => {
  const sockets = [];
  class Channel {
    static OPEN = 1;
    readyState = 1;
    sent = [];
    constructor() {
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {}
    hear(told) {
      this.onmessage({ data: JSON.stringify(told) });
    }
  }
  const kept = new Map();
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value) };
  const given = { WebSocket: Channel, location: new URL("http://localhost/"), localStorage: storage };
  const before = Object.fromEntries(
    Object.keys(given).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]),
  );
  for (const [name, value] of Object.entries(given))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  mock.timers.enable({ apis: ["setTimeout"] });
  const leaving = new AbortController();
  try {
    const board = new Board({ changed: () => {}, told: () => {} });
    board.add(new ProxyDesk(board.events, leaving.signal));
    sockets[0].onopen();
    board.hold("fin", ["c2s"]);
    sockets[0].hear({ holding: { filter: "fin", directions: ["c2s"] } });
    board.hold("wrong", ["s2c"]);
    sockets[0].hear({ problem: { message: "There is no field.", from: 0, to: 5, hint: null } });
    assert.deepEqual([board.isOn, board.filter, board.directions], [true, "fin", ["c2s"]]);
    assert.deepEqual([...kept.values()], ['"fin"']);
    sockets[0].onclose({});
    mock.timers.tick(60_000);
    sockets[1].onopen();
    assert.deepEqual(sockets[1].sent, [{ filter: "fin", directions: ["c2s"] }]);
    // What was asked for and not answered is asked for again.
    board.hold("text", ["c2s"]);
    sockets[1].onclose({});
    mock.timers.tick(60_000);
    sockets[2].onopen();
    assert.deepEqual(sockets[2].sent, [{ filter: "text", directions: ["c2s"] }]);
  } finally {
    leaving.abort();
    mock.timers.reset();
    for (const [name, was] of Object.entries(before)) {
      if (was) Object.defineProperty(globalThis, name, was);
      else delete globalThis[name];
    }
  }
});

test("rows of a connection are found behind thousands that are rows no more", async () => {
  const there = new Set([3, 9_999, 10_000]);
  const capture = {
    rows: async (from, count) =>
      [...there].filter((index) => index >= from && index < from + count).map((index) => ({ index, connection: 1 })),
  };
  const found = [];
  for await (const row of rowsOf({ capture, status: { first: 0, end: 10_001 } }, 1, 0, new AbortController().signal))
    found.push(row.index);
  assert.deepEqual(found, [3, 9_999, 10_000]);
});

/** A capture of one connection with this many messages, and a reader that knows the protocol from the `known`th on. */
function spoken({ count, length = 1, known = 0, protocol = "mqtt" }) {
  const asked = { count, messages: 0, heard: 0, changed: 0 };
  const capture = {
    spoken: () => undefined,
    messageLength: () => length,
    message: () => {
      asked.messages += 1;
      return new Uint8Array(length);
    },
    messagesOf: (_connection, after, most) =>
      JSON.stringify(
        Array.from({ length: Math.min(most, asked.count - 1 - after) }, (_, place) => ({
          row: after + 1 + place,
          direction: "c2s",
          kind: "binary",
        })),
      ),
  };
  class Speech {
    name = () => (asked.heard >= known ? protocol : undefined);
    label = () => `after ${asked.heard}`;
    hear = () => {
      asked.heard += 1;
    };
    free() {}
  }
  const changed = () => {
    asked.changed += 1;
  };
  return { asked, speeches: new Speeches({ capture, changed, tell() {} }, async () => ({ Speech })) };
}

const said = (index) => ({ index, kind: "frame", name: "binary", fin: true, connection: 1, direction: "c2s" });

test("a message is not read to find that it is too long for a word in the list", async () => {
  const { asked, speeches } = spoken({ count: 0, length: 1 << 20 });
  speeches.label([said(0)]);
  await turn();
  const [row] = speeches.label([said(0)]);
  assert.deepEqual([row.subprotocol, asked.messages], ["mqtt", 0]);
});

test("of a protocol whose packets go over messages all are heard, but not at once", async () => {
  const { asked, speeches } = spoken({ count: 50_000 });
  speeches.label([said(0)]);
  await turn();
  const [before] = speeches.label([said(49_999)]);
  assert.equal(before.subprotocol, null);
  assert.ok(asked.heard <= 512, `${asked.heard} heard for one word`);
  const { generation } = speeches;
  while (speeches.generation === generation) await new Promise((done) => setTimeout(done));
  assert.equal(speeches.label([said(49_999)])[0].subprotocol, "after 50000");
  speeches.clear();
});

test("rows are asked for again once it is known what is spoken", async () => {
  const { asked, speeches } = spoken({ count: 5, known: 10, protocol: "stomp" });
  speeches.label([said(0)]);
  await turn();
  speeches.label([said(0)]);
  const { generation } = speeches;
  const told = asked.changed;
  asked.count = 100;
  speeches.label([said(40)]);
  assert.deepEqual([speeches.generation, asked.changed], [generation + 1, told + 1]);
});

test("of news that came while the page was busy it draws the latest alone", (t) => {
  const frames = new Map();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.requestAnimationFrame = (draw) => frames.set(frames.size + 1, draw).size;
  globalThis.cancelAnimationFrame = (frame) => frames.delete(frame);
  t.after(() => {
    delete globalThis.requestAnimationFrame;
    delete globalThis.cancelAnimationFrame;
  });
  const told = [];
  const status = latest((news) => told.push(news));
  for (const news of [1, 2, 3]) status.take(news);
  assert.deepEqual([told, frames.size], [[], 1]);
  for (const draw of [...frames.values()]) draw();
  assert.deepEqual(told, [3]);
  // An answer does not overtake what was told before it, and a page that is not drawn hears as well.
  status.take(4);
  status.tell();
  status.take(5);
  t.mock.timers.tick(1000);
  assert.deepEqual([told, frames.size], [[3, 4, 5], 0]);
});

/** A page at this address, in which rows are told of when the test says so. */
function linked(t, hash) {
  const globals = { location: { hash, pathname: "/inspector", search: "" }, history: { replaceState() {} } };
  Object.assign(globalThis, globals, { addEventListener() {} });
  t.after(() => {
    for (const name of [...Object.keys(globals), "addEventListener"]) delete globalThis[name];
  });
  const view = { filter: "", layer: "frames", connection: null, between: null };
  const [handlers, asked, said, chosen] = [new Map(), [], [], []];
  const app = {
    view,
    status: null,
    chosen: null,
    chosenIndex: null,
    sample: null,
    command() {},
    setView: async () => null,
  };
  app.on = (event, handler) => handlers.set(event, handler);
  app.say = (words) => said.push(words);
  app.choose = (index) => chosen.push(index);
  app.capture = { rows: () => new Promise((resolve) => asked.push(resolve)) };
  const news = () => {
    app.status = { first: 0, end: 3 };
    handlers.get("status")();
  };
  return { address: new Address(app, async () => {}), news, asked, said, chosen };
}

test("a link chooses the row that it means and no other, whatever news come while that is asked", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [nanoseconds, chooses] of [
    [7, [1]],
    [8, []],
  ]) {
    const { address, news, asked, said, chosen } = linked(t, "#row=2&at=5000000007");
    await address.follow();
    assert.match(said.pop(), /^Row 2 of this link is not here/);
    news();
    news();
    assert.deepEqual(chosen, []);
    for (const answer of asked) answer([{ time: [5, nanoseconds] }]);
    await turn();
    assert.deepEqual(chosen, chooses);
    assert.deepEqual(
      said.map((words) => words.slice(0, 16)),
      chooses.length > 0 ? [] : ["Row 2 is another"],
    );
    assert.ok(!address.isWaiting);
  }
});
