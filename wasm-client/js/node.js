// @ts-check
// Node's sockets as a byte stream.

/** @import { ByteStream, ByteStreamHandlers } from "../src/client.d.ts" */
/** @import { Target } from "./types.d.ts" */

/** Whether there are sockets here. */
export const hasSockets = Boolean(globalThis.process?.versions?.node && globalThis.process.getBuiltinModule);

/**
 * @param {Target} target
 * @param {ByteStreamHandlers} handlers
 * @param {object} [tls] what `tls.connect` is to be told besides
 * @returns {Promise<ByteStream>}
 */
export function openSocket({ host, port, isSecure, signal }, handlers, tls) {
  const net = globalThis.process.getBuiltinModule("node:net");
  // Half-open, because a server may end its half before ours has said all.
  const where = { host, port, allowHalfOpen: true };
  const socket = isSecure
    ? globalThis.process.getBuiltinModule("node:tls").connect({
        // A name is asked for by name; an address is not (RFC 6066, 3). Either is checked against the certificate.
        ...(net.isIP(host) ? {} : { servername: host }),
        ALPNProtocols: ["http/1.1"],
        ...tls,
        ...where,
      })
    : net.connect(where);
  socket.setNoDelay(true);

  /** @type {Error | undefined} */
  let trouble;
  const forget = () => {
    socket.removeAllListeners();
    // What still goes wrong behind the end is nobody's business, but without a listener it would end the program.
    socket.on("error", () => {});
  };
  return new Promise((resolve, reject) => {
    const abort = () => {
      forget();
      socket.destroy();
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", (/** @type {Error} */ error) => {
      trouble = error;
    });
    socket.once("close", () => {
      signal.removeEventListener("abort", abort);
      forget();
      reject(trouble);
    });
    socket.once(isSecure ? "secureConnect" : "connect", () => {
      signal.removeEventListener("abort", abort);
      socket.removeAllListeners("close");
      socket.once("close", () => {
        forget();
        handlers.closed(trouble);
      });
      socket.once("end", () => handlers.end());
      socket.on("data", (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => {
        const wait = handlers.data(bytes);
        if (!wait) return;
        socket.pause();
        wait.then(() => socket.resume());
      });
      resolve({
        // Settled in any case: why a write failed, `closed` says.
        write: (bytes) => new Promise((taken) => socket.write(bytes, () => taken())),
        end: () => void socket.end(),
        destroy() {
          forget();
          socket.destroy();
        },
      });
    });
  });
}
