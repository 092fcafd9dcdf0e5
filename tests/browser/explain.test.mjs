// Explain mode without a page: the text depends on the field, and on the frame around it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EXPLAINED_RULES, explainField, explainViolation } from "../../www/inspector/explain.js";

/** @param {string} name @param {string} value @param {string} opcode @param {[number, number]} bytes */
function explained(name, value, opcode = "0x1 text", bytes = [0, 1]) {
  const field = {
    name,
    label: name,
    bytes,
    bits: null,
    value,
    meaning: "",
    section: "",
    verdict: "plain",
    children: [],
  };
  const fields = [field, { ...field, name: "opcode", value: opcode }];
  return explainField(field, { fields, violations: [], headerLength: 2 });
}

test("a field is explained by its value and by the frame that it is in", () => {
  assert.match(explained("fin", "0"), /waits for a frame with opcode 0/);
  assert.match(explained("fin", "1"), /this frame, as nearly all are/);
  assert.match(explained("fin", "1", "0x0 continuation"), /whole message/);
  assert.match(explained("fin", "1", "0x9 ping"), /never cut/);
  assert.match(explained("rsv1", "1"), /00 00 ff ff/);
  assert.match(explained("rsv1", "1", "0x8 close"), /never compressed/);
  assert.match(explained("rsv2", "1"), /1002/);
  assert.match(explained("mask", "1"), /cache/);
  assert.match(explained("mask", "0"), /server does not mask/);
  assert.match(explained("payload-length", "126"), /next two bytes/);
  assert.match(explained("payload-length", "127"), /next eight bytes/);
  assert.match(explained("payload-length", "5"), /two bytes of header/);
  assert.match(explained("extended-payload-length", "300", "0x2 binary", [2, 4]), /Sixteen bits/);
  assert.match(explained("extended-payload-length", "70000", "0x2 binary", [2, 10]), /Sixty-four bits/);
  assert.match(explained("masking-key", "00 00 00 00"), /all zeros/);
  assert.match(explained("close-code", "1006 abnormal closure", "0x8 close"), /never be sent/);
  assert.match(explained("opcode", "0x3 reserved 0x3", "0x3 reserved 0x3"), /kept for later/);
  assert.equal(explained("nothing-of-ours", ""), "");
});

test("a header is explained by its name", () => {
  const field = {
    name: "header",
    label: "Sec-WebSocket-Key",
    bytes: [0, 1],
    bits: null,
    value: "",
    meaning: "",
    section: "",
    verdict: "good",
    children: [],
  };
  const shown = { fields: [field], violations: [], headerLength: 1 };
  assert.match(explainField(field, shown), /no password/);
  assert.equal(explainField({ ...field, label: "X-Own" }, shown), "");
});

test("each rule says what breaks in practice, in whole sentences", () => {
  assert.ok(EXPLAINED_RULES.length > 60);
  for (const name of EXPLAINED_RULES) assert.match(explainViolation(name), /^[A-Z0-9].{20,}\.$/s, name);
  assert.equal(explainViolation("no-such-rule"), "");
});
