// The code of Chromium's own network panel, as every Chromium carries it: what it makes of a HAR, and the HAR that it writes.

/**
 * A page in which that code can be asked.
 *
 * @param {import("playwright-core").Browser} browser
 */
export async function openDevTools(browser) {
  const page = await browser.newPage();
  await page.goto("devtools://devtools/bundled/devtools_app.html");
  return {
    /** Imports a HAR as the panel does, and says what the panel then knows. @param {string} text */
    imported: (text) =>
      page.evaluate(async (archive) => {
        const { HARFormat, Importer } = await import("./models/har/har.js");
        const root = new HARFormat.HARRoot(JSON.parse(archive));
        return Importer.Importer.requestsFromHARLog(root.log).map((request) => ({
          url: request.url(),
          kind: request.resourceType().name(),
          method: request.requestMethod,
          status: request.statusCode,
          remote: request.remoteAddress(),
          asked: request.requestHeaders().map(({ name, value }) => [name, value]),
          answered: request.responseHeaders.map(({ name, value }) => [name, value]),
          frames: request.frames(),
        }));
      }, text),
    /** Imports a HAR and exports it again, as the panel does. @param {string} text */
    exported: (text) =>
      page.evaluate(async (archive) => {
        const { HARFormat, Importer, Log } = await import("./models/har/har.js");
        const root = new HARFormat.HARRoot(JSON.parse(archive));
        const requests = Importer.Importer.requestsFromHARLog(root.log);
        return JSON.stringify({ log: await Log.Log.build(requests, { sanitize: false }) });
      }, text),
    /** The HAR that the panel writes of a WebSocket that a page was seen to talk on. @param {[string, any][]} events */
    written: (events) =>
      page.evaluate(async (seen) => {
        const [{ Log }, SDK] = await Promise.all([import("./models/har/har.js"), import("./core/sdk/sdk.js")]);
        const Common = await import("./core/common/common.js");
        const headersOf = (headers) => Object.entries(headers).map(([name, value]) => ({ name, value }));
        // As its NetworkManager does with each.
        const does = {
          "Network.webSocketCreated"({ requestId, url }) {
            request = SDK.NetworkRequest.NetworkRequest.createForSocket(requestId, url);
            request.setResourceType(Common.ResourceType.resourceTypes.WebSocket);
          },
          "Network.webSocketWillSendHandshakeRequest"({ timestamp, wallTime, request: { headers } }) {
            request.requestMethod = "GET";
            request.setRequestHeaders(headersOf(headers));
            request.setIssueTime(timestamp, wallTime);
          },
          "Network.webSocketHandshakeResponseReceived"({ response }) {
            request.statusCode = response.status;
            request.statusText = response.statusText;
            request.responseHeaders = headersOf(response.headers);
            if (response.requestHeaders) request.setRequestHeaders(headersOf(response.requestHeaders));
          },
          "Network.webSocketFrameSent": ({ response, timestamp }) =>
            request.addProtocolFrame(response, timestamp, true),
          "Network.webSocketFrameReceived": ({ response, timestamp }) =>
            request.addProtocolFrame(response, timestamp, false),
          "Network.webSocketClosed"({ timestamp }) {
            request.endTime = timestamp;
          },
        };
        let request;
        for (const [name, event] of seen) does[name](event);
        return JSON.stringify({ log: await Log.Log.build([request], { sanitize: false }) });
      }, events),
    end: () => page.close(),
  };
}

/** What the network panel hears. */
const EVENTS = [
  "webSocketCreated",
  "webSocketWillSendHandshakeRequest",
  "webSocketHandshakeResponseReceived",
  "webSocketFrameSent",
  "webSocketFrameReceived",
  "webSocketClosed",
].map((name) => `Network.${name}`);

/** Listens to a page as the network panel does; gives what it hears, and when a WebSocket was closed. */
export async function listenTo(page) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  const closed = new Promise((resolve) => session.on("Network.webSocketClosed", resolve));
  for (const name of EVENTS) session.on(name, (event) => events.push([name, event]));
  await session.send("Network.enable");
  // A listener that came first hears first: behind this one all is noted.
  return { events, closed };
}
