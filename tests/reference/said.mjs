// What clients of the rooms family say, and what is wrong with what is no such message.

const TEXT_MAX = 64 * 1024;
const NAME_MAX = 64;
const ID_MAX = 64;

/** Says why something is refused, and which message it was if that had an id. */
export class Refusal extends Error {
  id;
}

/**
 * Reads a message, text and binary alike: `{ type, .. }` with the fields of that type, each as it should be.
 *
 * @param {Buffer} data
 * @throws {Refusal}
 */
export function read(data) {
  const said = parse(data);
  try {
    return { type: said.type, ...fieldsOf(said) };
  } catch (error) {
    if (error instanceof Refusal && isName(said.id, ID_MAX)) error.id = said.id;
    throw error;
  }
}

function parse(data) {
  let value;
  try {
    // The reviver sees each text, also those that nobody asks for; so deep a value that it overflows the stack is an
    // error like any other.
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data), (key, value) => {
      if (!key.isWellFormed() || (typeof value === "string" && !value.isWellFormed())) throw new TypeError(key);
      return value;
    });
  } catch {
    throw new Refusal("this is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Refusal("this is not a JSON object");
  }
  return value;
}

function fieldsOf(said) {
  switch (said.type) {
    case "room-connect":
      return { roomId: nameIn(said, "roomId"), name: nameIn(said, "name") };
    case "send-message":
      return { message: textIn(said), id: idIn(said) };
    case "room-leave":
      return {};
    default:
      throw new Refusal(typeof said.type === "string" ? "this type is unknown" : "type is missing, or not a string");
  }
}

function nameIn(said, field) {
  const value = stringIn(said, field);
  if (value === "") throw new Refusal(`${said.type}: ${field} is empty`);
  if (!isName(value, NAME_MAX)) throw new Refusal(`${said.type}: ${field} is too long`);
  return value;
}

function textIn(said) {
  const value = stringIn(said, "message");
  if (Buffer.byteLength(value) > TEXT_MAX) throw new Refusal(`${said.type}: the text is too long`);
  return value;
}

/** `undefined` if there is none. */
function idIn(said) {
  if (said.id === undefined || said.id === null) return undefined;
  const value = stringIn(said, "id");
  if (!isName(value, ID_MAX)) throw new Refusal(`${said.type}: the id is too long`);
  return value;
}

function stringIn(said, field) {
  const value = said[field];
  if (typeof value !== "string") throw new Refusal(`${said.type}: ${field} is missing, or not a string`);
  if (value.includes("\0")) throw new Refusal(`${said.type}: a NUL cannot be stored`);
  return value;
}

/** Counted in characters, and not in the halves of which JavaScript makes some. */
const isName = (value, max) => typeof value === "string" && [...value].length <= max;
