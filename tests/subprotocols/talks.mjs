// Software that speaks a subprotocol, as people run it: a server of each, and its own client. Where a protocol has no server
// for Node, a small one here says what its own would.
//
// A talk is `{ protocol, serve(t, http), talk(port) }`: `serve` hangs the server on an HTTP server, `talk` says a piece through
// a port, which is the server's or a proxy's, and resolves when both ends know that it is over.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { HttpTransportType, HubConnectionBuilder, LogLevel } from "@microsoft/signalr";
import { Client as Stomp } from "@stomp/stompjs";
import { Aedes } from "aedes";
import { buildSchema } from "graphql";
import { createClient } from "graphql-ws";
import { useServer } from "graphql-ws/use/ws";
import mqtt from "mqtt";
import packets from "mqtt-packet";
import { Socket as Phoenix } from "phoenix";
import { Client as Rpc, Server as RpcServer } from "rpc-websockets";
import { Server as SocketIo } from "socket.io";
import { io } from "socket.io-client";
import { createWebSocketStream, WebSocket, WebSocketServer } from "ws";

/** A server of WebSocket on an HTTP server, that ends with the test. */
function webSockets(t, http, options = {}) {
  const server = new WebSocketServer({ server: http, ...options });
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return server;
}

/** One event, the first there is of these names; an error fails. */
const first = (emitter, name) => once(emitter, name);

// ---- socket.io -----------------------------------------------------------------------------------------

const socketIo = {
  protocol: "socket.io",
  serve(t, http) {
    const server = new SocketIo(http, { serveClient: false });
    t.after(() => server.close());
    server.of("/news").on("connection", (socket) => {
      socket.on("add", (one, other, answer) => answer(one + other));
      socket.on("picture", (bytes) => socket.emit("picture", bytes));
    });
  },
  async talk(port) {
    const socket = io(`http://127.0.0.1:${port}/news`, { transports: ["websocket"], reconnection: false });
    await first(socket, "connect");
    assert.equal(await socket.emitWithAck("add", 2, 3), 5);
    socket.emit("picture", Buffer.from([1, 2, 3, 250]));
    const [bytes] = await first(socket, "picture");
    assert.deepEqual([...bytes], [1, 2, 3, 250]);
    socket.close();
  },
};

// ---- GraphQL -------------------------------------------------------------------------------------------

const schema = buildSchema("type Query { hello(name: String): String } type Subscription { ticks: Int }");
const graphql = {
  protocol: "graphql-transport-ws",
  serve(t, http) {
    const roots = {
      query: { hello: ({ name }) => `hello ${name}` },
      subscription: {
        async *ticks() {
          for (const ticks of [1, 2]) yield { ticks };
        },
      },
    };
    const server = webSockets(t, http, { handleProtocols: () => "graphql-transport-ws" });
    useServer({ schema, roots }, server);
  },
  async talk(port) {
    const client = createClient({ url: `ws://127.0.0.1:${port}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0 });
    const all = async (query) => {
      const found = [];
      for await (const result of client.iterate({ query })) found.push(result);
      return found;
    };
    const [answer] = await all('{ hello(name: "you") }');
    assert.equal(answer.data.hello, "hello you");
    assert.equal((await all("subscription { ticks }")).length, 2);
    await assert.rejects(all("{ goodbye }"));
    await client.dispose();
  },
};

// ---- MQTT ----------------------------------------------------------------------------------------------

/** Says a piece to a broker, and hears it back. */
async function talkMqtt(port, protocolVersion) {
  const options = { reconnectPeriod: 0, clientId: "somebody", keepalive: 60, clean: true };
  const client = await mqtt.connectAsync(`ws://127.0.0.1:${port}/mqtt`, { ...options, protocolVersion });
  await client.subscribeAsync("rooms/+", { qos: 1 });
  const heard = once(client, "message");
  await client.publishAsync("rooms/kitchen", "21.5 °C", { qos: 1 });
  const [topic, payload] = await heard;
  assert.deepEqual([topic, payload.toString()], ["rooms/kitchen", "21.5 °C"]);
  await client.publishAsync("rooms/hall", Buffer.from([0, 255]), { qos: 2, retain: true });
  await client.unsubscribeAsync("rooms/+");
  await client.endAsync();
}

const mqtt4 = {
  protocol: "mqtt",
  async serve(t, http) {
    const broker = await Aedes.createBroker();
    t.after(() => new Promise((done) => broker.close(done)));
    const server = webSockets(t, http, { handleProtocols: () => "mqtt" });
    server.on("connection", (socket, request) => broker.handle(createWebSocketStream(socket), request));
  },
  talk: (port) => talkMqtt(port, 4),
};

/** What a broker of version 5 answers to each packet; Aedes speaks up to 3.1.1. */
function answerMqtt5({ cmd, messageId, subscriptions, unsubscriptions, qos, topic, payload }) {
  const properties = { reasonString: "as you wish" };
  if (cmd === "connect") return [{ cmd: "connack", reasonCode: 0, properties: { topicAliasMaximum: 10 } }];
  if (cmd === "subscribe")
    return [{ cmd: "suback", messageId, granted: subscriptions.map(({ qos: granted }) => granted) }];
  if (cmd === "unsubscribe") return [{ cmd: "unsuback", messageId, granted: unsubscriptions.map(() => 0) }];
  if (cmd === "publish" && qos === 1)
    return [
      { cmd: "puback", messageId, reasonCode: 0, properties },
      { cmd: "publish", topic, payload, qos: 0, properties: { userProperties: { from: "somebody" } } },
    ];
  if (cmd === "publish" && qos === 2) return [{ cmd: "pubrec", messageId, reasonCode: 0 }];
  if (cmd === "pubrel") return [{ cmd: "pubcomp", messageId, reasonCode: 0 }];
  return [];
}

const mqtt5 = {
  protocol: "mqtt",
  serve(t, http) {
    const options = { protocolVersion: 5 };
    webSockets(t, http, { handleProtocols: () => "mqtt" }).on("connection", (socket) => {
      const parser = packets.parser(options);
      parser.on("packet", (packet) => {
        for (const answer of answerMqtt5(packet)) socket.send(packets.generate(answer, options));
      });
      socket.on("message", (data) => parser.parse(data));
    });
  },
  talk: (port) => talkMqtt(port, 5),
};

// ---- STOMP ---------------------------------------------------------------------------------------------

const frame = (command, headers, body = "") =>
  `${[command, ...Object.entries(headers).map(([name, value]) => `${name}:${value}`)].join("\n")}\n\n${body}\0`;

/** What it answers to each command; enough for a client that subscribes, sends and goes. */
function answerStomp(socket, text) {
  const [head, body] = text.replace(/\0\s*$/u, "").split("\n\n");
  const [command, ...lines] = head.split("\n");
  const headers = Object.fromEntries(lines.map((line) => line.split(":")));
  if (command === "CONNECT") socket.send(frame("CONNECTED", { version: "1.2", "heart-beat": "0,0", session: "s-1" }));
  else if (command === "SEND") {
    const about = { subscription: "sub-0", "message-id": "m-1", destination: headers.destination, ack: "a-1" };
    socket.send(frame("MESSAGE", { ...about, "content-type": "text/plain" }, body));
  }
  if (headers.receipt) socket.send(frame("RECEIPT", { "receipt-id": headers.receipt }));
}

const stomp = {
  protocol: "stomp",
  serve(t, http) {
    const server = webSockets(t, http, { handleProtocols: () => "v12.stomp" });
    server.on("connection", (socket) => socket.on("message", (data) => answerStomp(socket, data.toString())));
  },
  async talk(port) {
    const client = new Stomp({
      webSocketFactory: () => new WebSocket(`ws://127.0.0.1:${port}/stomp`, ["v12.stomp"]),
      reconnectDelay: 0,
      heartbeatIncoming: 0,
      heartbeatOutgoing: 0,
    });
    await new Promise((done) => {
      client.onConnect = done;
      client.activate();
    });
    await new Promise((done) => {
      const take = (message) => {
        assert.equal(message.body, "three of them");
        message.ack();
        done();
      };
      client.subscribe("/queue/orders", take, { ack: "client-individual" });
      client.publish({ destination: "/queue/orders", body: "three of them" });
    });
    await client.deactivate();
  },
};

// ---- JSON-RPC ------------------------------------------------------------------------------------------

const jsonRpc = {
  protocol: "json-rpc",
  serve(t, http) {
    const server = new RpcServer({ server: http });
    t.after(() => server.close());
    server.register("sum", ([one, other]) => one + other);
    server.register("seen", () => null);
    server.event("news");
  },
  async talk(port) {
    const client = new Rpc(`ws://127.0.0.1:${port}/`, { reconnect: false });
    await first(client, "open");
    assert.equal(await client.call("sum", [2, 3]), 5);
    await assert.rejects(client.call("no such method"));
    await client.subscribe("news");
    await client.notify("seen", { number: 7 });
    const closed = first(client, "close");
    client.close();
    await closed;
  },
};

// ---- SignalR -------------------------------------------------------------------------------------------

const RECORD = "\x1e";
const signalR = {
  protocol: "signalr",
  serve(t, http) {
    webSockets(t, http).on("connection", (socket) => {
      const say = (...messages) => socket.send(messages.map((one) => JSON.stringify(one) + RECORD).join(""));
      socket.on("message", (data) => {
        for (const text of data.toString().split(RECORD).filter(Boolean)) {
          const { protocol, type, target, invocationId, arguments: given } = JSON.parse(text);
          if (protocol) say({});
          else if (type === 1 && invocationId)
            say(
              { type: 1, target: "said", arguments: [target, ...given] },
              { type: 3, invocationId, result: given.length },
            );
          else if (type === 4)
            say({ type: 2, invocationId, item: 1 }, { type: 2, invocationId, item: 2 }, { type: 3, invocationId });
        }
      });
    });
  },
  async talk(port) {
    const connection = new HubConnectionBuilder()
      .withUrl(`http://127.0.0.1:${port}/hub`, { skipNegotiation: true, transport: HttpTransportType.WebSockets })
      .configureLogging(LogLevel.None)
      .build();
    const events = new EventEmitter();
    connection.on("said", (...args) => events.emit("said", ...args));
    await connection.start();
    const said = once(events, "said");
    assert.equal(await connection.invoke("Say", "hello", 7), 2);
    assert.deepEqual(await said, ["Say", "hello", 7]);
    const items = [];
    await new Promise((complete, error) =>
      connection.stream("Count", 2).subscribe({ next: (item) => items.push(item), complete, error }),
    );
    assert.deepEqual(items, [1, 2]);
    await connection.stop();
  },
};

// ---- Phoenix -------------------------------------------------------------------------------------------

const phoenix = {
  protocol: "phoenix",
  serve(t, http) {
    webSockets(t, http).on("connection", (socket) =>
      socket.on("message", (data) => {
        const [join, ref, topic, event, payload] = JSON.parse(data.toString());
        const reply = (status, response) =>
          socket.send(JSON.stringify([join, ref, topic, "phx_reply", { status, response }]));
        if (event === "fail") reply("error", { reason: "no" });
        else reply("ok", {});
        if (event === "say") socket.send(JSON.stringify([null, null, topic, "said", payload]));
        if (event === "phx_leave") socket.send(JSON.stringify([join, ref, topic, "phx_close", {}]));
      }),
    );
  },
  async talk(port) {
    const socket = new Phoenix(`ws://127.0.0.1:${port}/socket`, { transport: WebSocket, vsn: "2.0.0" });
    socket.connect();
    const channel = socket.channel("room:lobby", { token: "none" });
    const reply = (push, status) => new Promise((done) => push.receive(status, done));
    const said = new Promise((done) => channel.on("said", done));
    await reply(channel.join(), "ok");
    await reply(channel.push("say", { text: "hello" }), "ok");
    assert.deepEqual(await said, { text: "hello" });
    await reply(channel.push("fail", {}), "error");
    await reply(channel.leave(), "ok");
    await new Promise((done) => socket.disconnect(done));
  },
};

/** By the name of the fixture. */
export const TALKS = {
  "socket.io": socketIo,
  graphql,
  "mqtt-3.1.1": mqtt4,
  "mqtt-5": mqtt5,
  stomp,
  "json-rpc": jsonRpc,
  signalr: signalR,
  phoenix,
};
