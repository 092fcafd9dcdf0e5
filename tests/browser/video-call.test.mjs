// Video calls between people in browsers of their own, with cameras and microphones that need no hardware.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  checkAxe,
  checkWidth,
  newPerson,
  openPageIn,
  PHONE,
  register,
  SERVER_GONE,
  signIn,
  startBrowser,
  startServer,
  startStoringServer,
  tryNow,
} from "./support.mjs";

const TIMEOUT = { timeout: 240_000 };
const PATH = "/video-call";
// Names of this host that only mDNS resolves, where there is no mDNS.
const FLAGS = ["--disable-features=WebRtcHideLocalIpsWithMdns", "--auto-select-desktop-capture-source=Entire screen"];

const tile = (page, name) =>
  page.getByRole("region", { name: "People in the call" }).getByRole("listitem").filter({ hasText: name });
const tiles = (page) => page.getByRole("region", { name: "People in the call" }).getByRole("listitem");
const screen = (page, name) =>
  page.getByRole("region", { name: "Shared screens" }).getByRole("listitem").filter({ hasText: name });

/** Somebody signed in, in a browser of their own, at `path`. */
async function openPerson(t, url, name, path, { fakeMedia = true, killable = false, mayComplain, ...options } = {}) {
  await register(url, name);
  const browser = await startBrowser(t, { fakeMedia, killable, flags: FLAGS });
  const context = await newPerson(browser, options);
  await signIn(context, url, name);
  const page = await openPageIn(t, context, url + path, { mayComplain });
  return Object.assign(page, { machine: browser });
}

async function join(page) {
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByRole("button", { name: "Leave" }).waitFor();
}

/** The first person makes a call and is in it. Returns its path. */
async function createCall(page, name = "A call") {
  await page.getByLabel("Name of the call").fill(name);
  await page.getByRole("button", { name: "Create and join" }).click();
  await page.waitForURL(/\/video-call\/[^/]+$/);
  await page.getByRole("heading", { name }).waitFor();
  await join(page);
  return new URL(page.url()).pathname;
}

/** Resolves when this tile's picture has moved on by so many frames. */
async function plays(page, place, frames = 5) {
  const video = place.locator("video");
  await video.waitFor();
  const count = () => video.evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);
  const before = await count();
  const handle = await video.elementHandle();
  await page.waitForFunction(
    ([element, least]) => element.getVideoPlaybackQuality().totalVideoFrames >= least,
    [handle, before + frames],
    { polling: 100 },
  );
}

/** Resolves when sound has come in at this tile. */
async function sounds(page, place) {
  const audio = await place.locator("audio").elementHandle();
  await page.waitForFunction(
    (element) =>
      element.srcObject?.getAudioTracks()[0]?.muted === false && !element.paused && element.currentTime > 0.2,
    audio,
    { polling: 100 },
  );
}

/** Gives a page `waitFor(what)`, which looks again whenever something `happened()`. */
function giveWaiting() {
  const waiting = new Set();
  const happened = () => {
    for (const look of [...waiting]) look();
  };
  const waitFor = (what) =>
    new Promise((resolve) => {
      const look = () => {
        if (!what()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  Object.assign(window, { waitFor, happened });
}

test("two see and hear each other, a third comes, one machine dies, one leaves", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openPerson(t, url, "Ada", PATH);
  const call = await createCall(ada, "Monday’s <b>meeting</b>");
  await ada.getByText("Nobody else is here yet").waitFor();
  const bob = await openPerson(t, url, "Bob", PATH, { killable: true });
  await bob.getByRole("link", { name: "Monday’s <b>meeting</b>" }).click();
  await join(bob);
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(bob, tile(bob, "Ada")), plays(ada, tile(ada, "Ada"))]);
  await Promise.all([sounds(ada, tile(ada, "Bob")), sounds(bob, tile(bob, "Ada"))]);

  const carol = await openPerson(t, url, "Carol", call);
  await join(carol);
  const all = [
    [ada, ["Bob", "Carol"]],
    [bob, ["Ada", "Carol"]],
    [carol, ["Ada", "Bob"]],
  ];
  await Promise.all(all.flatMap(([page, names]) => names.map((name) => plays(page, tile(page, name)))));
  for (const [page] of all) assert.equal(await tiles(page).count(), 3);

  // What one does is seen by the others.
  await carol.getByRole("button", { name: "Mute" }).click();
  for (const page of [ada, bob]) await tile(page, "Carol").getByText("muted").waitFor();
  await carol.getByRole("button", { name: "Unmute" }).click();
  for (const page of [ada, bob]) await tile(page, "Carol").getByText("muted").waitFor({ state: "detached" });
  await carol.getByRole("button", { name: "Camera off" }).click();
  for (const page of [ada, bob, carol]) await tile(page, "Carol").locator("video").waitFor({ state: "hidden" });
  await carol.getByRole("button", { name: "Camera on" }).click();
  await Promise.all([ada, bob, carol].map((page) => plays(page, tile(page, "Carol"))));
  for (const colour of ["light", "dark"]) {
    await carol.emulateMedia({ colorScheme: colour });
    await checkAxe(carol, `the call, ${colour}`);
  }

  await bob.machine.kill9();
  for (const page of [ada, carol]) {
    await tile(page, "Bob").waitFor({ state: "detached" });
    assert.equal(await tiles(page).count(), 2);
  }
  await Promise.all([plays(ada, tile(ada, "Carol")), plays(carol, tile(carol, "Ada"))]);
  await carol.getByRole("button", { name: "Leave" }).click();
  await tile(ada, "Carol").waitFor({ state: "detached" });
  await ada.getByText("Nobody else is here yet").waitFor();
  await carol.getByRole("heading", { name: "Video calls" }).waitFor();
  // Back again, as if nothing had been.
  await carol.goto(url + call);
  await join(carol);
  await Promise.all([plays(ada, tile(ada, "Carol")), plays(carol, tile(carol, "Ada"))]);
  assert.equal(await tiles(ada).count(), 2);
});

test("screens are shown beside the people, by two at once, and taken away", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openPerson(t, url, "Ada", PATH);
  const call = await createCall(ada);
  const bob = await openPerson(t, url, "Bob", call);
  await join(bob);
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(bob, tile(bob, "Ada"))]);
  const share = (page) => page.getByRole("button", { name: "Share screen" }).click();
  const stop = (page) => page.getByRole("button", { name: "Stop sharing" }).click();
  // Both at once.
  await Promise.all([share(ada), share(bob)]);
  await Promise.all([plays(ada, screen(ada, "Bob")), plays(bob, screen(bob, "Ada")), plays(bob, screen(bob, "Bob"))]);
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(bob, tile(bob, "Ada"))]);
  // Who comes later sees both, too.
  const carol = await openPerson(t, url, "Carol", call, PHONE);
  await join(carol);
  await Promise.all([plays(carol, screen(carol, "Ada")), plays(carol, screen(carol, "Bob"))]);
  await checkWidth(carol, "screens on a phone");
  await Promise.all([stop(ada), stop(bob)]);
  for (const page of [ada, bob, carol])
    await page.getByRole("region", { name: "Shared screens" }).waitFor({ state: "hidden" });
  // And once more on the same line; ended this time by the browser's own bar.
  await share(bob);
  await Promise.all([plays(ada, screen(ada, "Bob")), plays(carol, screen(carol, "Bob"))]);
  await bob.evaluate(() => {
    const [track] = document.querySelector("#screens video").srcObject.getTracks();
    track.stop();
    track.dispatchEvent(new Event("ended"));
  });
  for (const page of [ada, bob, carol])
    await page.getByRole("region", { name: "Shared screens" }).waitFor({ state: "hidden" });
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(carol, tile(carol, "Bob"))]);
});

test("without camera and microphone one joins, sees and is told why one is not seen", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openPerson(t, url, "Ada", PATH);
  const call = await createCall(ada);
  const bob = await openPerson(t, url, "Bob", call, { fakeMedia: false });
  await bob.getByText("No camera was found.").first().waitFor();
  await bob.getByText("No microphone was found.").first().waitFor();
  await bob.getByText("they see only your name").waitFor();
  await checkAxe(bob, "the lobby");
  await join(bob);
  await plays(bob, tile(bob, "Ada"));
  await sounds(bob, tile(bob, "Ada"));
  await tile(ada, "Bob").getByText("muted").waitFor();
  assert.equal(await tile(ada, "Bob").locator("video").isVisible(), false);
  // A screen needs no camera.
  await bob.getByRole("button", { name: "Share screen" }).waitFor();

  // Two without anything see each other's names.
  const carol = await openPerson(t, url, "Carol", call, { fakeMedia: false, ...PHONE });
  await carol.getByText("No camera was found.").first().waitFor();
  await checkWidth(carol, "the lobby on a phone");
  await join(carol);
  await tile(bob, "Carol").waitFor();
  await tile(carol, "Bob").getByText("connecting").waitFor({ state: "detached" });
  await plays(carol, tile(carol, "Ada"));
});

test("devices are chosen before the call and changed in it", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openPerson(t, url, "Ada", PATH);
  await ada.getByLabel("Name of the call").fill("Devices");
  await ada.getByRole("button", { name: "Create and join" }).click();
  const microphones = ada.getByLabel("Microphone").first();
  await ada.waitForFunction(() => document.getElementById("lobby-audio-device")?.options.length > 1);
  await microphones.selectOption({ index: 1 });
  await ada.getByText("The others can see and hear you.").waitFor();
  await ada.getByRole("button", { name: "Camera off" }).click();
  await ada.getByText("Your camera is off.").waitFor();
  await ada.getByRole("button", { name: "Mute" }).click();
  await join(ada);
  const bob = await openPerson(t, url, "Bob", new URL(ada.url()).pathname);
  await join(bob);
  await tile(bob, "Ada").getByText("muted").waitFor();
  assert.equal(await tile(bob, "Ada").locator("video").isVisible(), false);
  await ada.getByRole("button", { name: "Camera on" }).click();
  await ada.getByRole("button", { name: "Unmute" }).click();
  await plays(bob, tile(bob, "Ada"));
  await sounds(bob, tile(bob, "Ada"));
  await ada.getByRole("button", { name: "Devices" }).click();
  const dialog = ada.getByRole("dialog", { name: "Devices" });
  const chosen = dialog.getByLabel("Microphone");
  const before = await chosen.inputValue();
  await chosen.selectOption({ index: 0 });
  await checkAxe(ada, "devices");
  assert.notEqual(await chosen.inputValue(), before);
  await dialog.getByRole("button", { name: "Done" }).click();
  await plays(bob, tile(bob, "Ada"));
  await sounds(bob, tile(bob, "Ada"));
});

test("the call goes on while the server is dead, and takes people in when it is back", TIMEOUT, async (t) => {
  const server = await startStoringServer(t);
  const { url } = server;
  const ada = await openPerson(t, url, "Ada", PATH, { mayComplain: SERVER_GONE });
  const call = await createCall(ada);
  const bob = await openPerson(t, url, "Bob", call, { mayComplain: SERVER_GONE });
  await join(bob);
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(bob, tile(bob, "Ada"))]);
  await server.kill9();
  for (const page of [ada, bob]) {
    await page.getByRole("button", { name: "Try now" }).waitFor();
    await page.getByText("still see and hear each other").waitFor();
  }
  await Promise.all([plays(ada, tile(ada, "Bob"), 30), plays(bob, tile(bob, "Ada"), 30)]);
  await bob.getByRole("button", { name: "Mute" }).click();
  await tile(ada, "Bob").getByText("muted").waitFor();
  await server.restart();
  for (const page of [ada, bob]) await tryNow(page);
  for (const page of [ada, bob]) await page.getByRole("button", { name: "Try now" }).waitFor({ state: "detached" });
  const carol = await openPerson(t, url, "Carol", call);
  await join(carol);
  const all = [
    [ada, ["Bob", "Carol"]],
    [bob, ["Ada", "Carol"]],
    [carol, ["Ada", "Bob"]],
  ];
  await Promise.all(all.flatMap(([page, names]) => names.map((name) => plays(page, tile(page, name), 20))));
  for (const [page] of all) assert.equal(await tiles(page).count(), 3);
});

test("whose connection to the server blinks stays in the picture, once", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  await register(url, "Ada");
  const context = await newPerson(await startBrowser(t, { fakeMedia: true, flags: FLAGS }));
  await signIn(context, url, "Ada");
  let blink = () => {};
  await context.routeWebSocket("**/websocket", (socket) => {
    const server = socket.connectToServer();
    blink = () => {
      server.close();
      socket.close({ code: 1001 });
    };
  });
  const ada = await openPageIn(t, context, url + PATH);
  const call = await createCall(ada);
  const bob = await openPerson(t, url, "Bob", call);
  await join(bob);
  const carol = await openPerson(t, url, "Carol", call);
  await join(carol);
  await Promise.all([plays(ada, tile(ada, "Bob")), plays(bob, tile(bob, "Ada")), plays(carol, tile(carol, "Ada"))]);
  // The most tiles there ever are, and whether Ada's was ever missing.
  await bob.evaluate(() => {
    window.seen = { most: 0, least: 9 };
    const look = () => {
      const count = document.querySelectorAll("#tiles .tile").length;
      window.seen = { most: Math.max(window.seen.most, count), least: Math.min(window.seen.least, count) };
    };
    new MutationObserver(look).observe(document.getElementById("tiles"), { childList: true });
    look();
  });
  const before = await bob.evaluate(() => document.querySelector("#tiles [data-key=p1] video").srcObject.id);
  blink();
  // The new connection's picture takes the place of the old one's.
  await bob.waitForFunction((id) => document.querySelector("#tiles [data-key=p1] video").srcObject?.id !== id, before, {
    polling: 100,
  });
  for (const [page, names] of [
    [ada, ["Bob", "Carol"]],
    [bob, ["Ada", "Carol"]],
    [carol, ["Ada", "Bob"]],
  ]) {
    await Promise.all(names.map((name) => plays(page, tile(page, name), 20)));
    assert.equal(await tiles(page).count(), 3);
  }
  assert.deepEqual(await bob.evaluate(() => window.seen), { most: 3, least: 3 });
});

test("an unknown call is told, with the way back", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const ada = await openPerson(t, url, "Ada", `${PATH}/no-such-call`, PHONE);
  await ada.getByText("This call is not among those that are going on").waitFor();
  await ada.getByRole("button", { name: "Join", exact: true }).click();
  await ada.getByRole("heading", { name: "There is no such call" }).waitFor();
  await checkAxe(ada, "no such call");
  await ada.getByRole("link", { name: "See the calls there are" }).click();
  await ada.getByText("No calls yet").waitFor();
  await checkAxe(ada, "no calls");
  await checkWidth(ada, "no calls");
  // A name is needed, and a short one.
  await ada.getByRole("button", { name: "Create and join" }).tap();
  await ada.getByText("Give the call a name.").waitFor();
  await ada.getByLabel("Name of the call").fill("x".repeat(65));
  await ada.getByRole("button", { name: "Create and join" }).tap();
  await ada.getByText(/1.character too long/).waitFor();
  await ada.getByLabel("Name of the call").fill("é".repeat(64));
  await ada.getByRole("button", { name: "Create and join" }).tap();
  await ada.getByRole("heading", { name: "é".repeat(64) }).waitFor();
  await checkWidth(ada, "a long name");
});

test("guests sign in first, and come back to the call", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const context = await newPerson(await startBrowser(t, { fakeMedia: true, flags: FLAGS }));
  const page = await openPageIn(t, context, `${url}${PATH}/some-call`);
  await page.waitForURL(/\/login\?next=%2Fvideo-call%2Fsome-call$/);
});

test("offers that cross settle, and a path is changed while the picture goes on", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t, { fakeMedia: true, flags: FLAGS });
  const page = await openPageIn(t, await newPerson(browser), url);
  await page.evaluate(giveWaiting);
  // Two meshes in one page, and between them a wire that can be held.
  await page.evaluate(async () => {
    const { createMesh } = await import("/video-call/room/mesh.js");
    const [track] = (await navigator.mediaDevices.getUserMedia({ video: true })).getTracks();
    const held = [];
    const log = [];
    let isHeld = false;
    const deliver = () => {
      while (!isHeld && held.length > 0) held.shift()();
    };
    const meshes = {};
    const make = (name, other) =>
      createMesh({
        send: (message) => {
          const copy = structuredClone(JSON.parse(JSON.stringify(message)));
          log.push(`${name} ${copy.messageType}`);
          happened();
          held.push(() => meshes[other].heard({ ...copy, socketId: name, username: name }));
          deliver();
        },
        changed: happened,
        iceServers: async () => [],
      });
    meshes.early = make("early", "later");
    meshes.later = make("later", "early");
    const hold = (is) => {
      isHeld = is;
      deliver();
    };
    const video = (mesh, which) => meshes[mesh].people[0]?.[which] ?? null;
    const element = () => {
      const made = document.createElement("video");
      made.muted = true;
      made.addEventListener("timeupdate", happened);
      document.body.append(made);
      return made;
    };
    const elements = { early: element(), later: element() };
    const framesOn = async (mesh, which, count) => {
      await waitFor(() => video(mesh, which));
      const shown = elements[mesh];
      if (shown.srcObject !== video(mesh, which)) {
        shown.srcObject = video(mesh, which);
        await shown.play();
      }
      const before = shown.getVideoPlaybackQuality().totalVideoFrames;
      await waitFor(() => shown.getVideoPlaybackQuality().totalVideoFrames >= before + count);
    };
    const pc = (mesh) => meshes[mesh].connections[0];
    const settled = () => {
      for (const mesh of Object.keys(meshes)) pc(mesh).addEventListener("signalingstatechange", happened);
      return waitFor(() => Object.keys(meshes).every((mesh) => pc(mesh).signalingState === "stable"));
    };
    Object.assign(window, { meshes, track, hold, log, framesOn, pc, settled });
  });

  // Both offer at the very beginning: the earlier one had waited long enough.
  await page.evaluate(async () => {
    hold(true);
    for (const mesh of Object.values(meshes)) mesh.update({ video: track.clone() }, { camera: true });
    meshes.early.entered({ socketId: "later", username: "later" });
    await waitFor(() => log.includes("early offer"));
    meshes.later.joined([{ socketId: "early", username: "early" }]);
    await waitFor(() => log.includes("later offer"));
    hold(false);
    await Promise.all([framesOn("early", "video", 5), framesOn("later", "video", 5)]);
    await settled();
  });
  const lines = () =>
    page.evaluate(() =>
      ["early", "later"].map((name) =>
        pc(name)
          .localDescription.sdp.match(/^m=\w+/gm)
          .join(" "),
      ),
    );
  const [early, later] = await lines();
  assert.equal(early, later);
  assert.equal(early, "m=audio m=video m=video m=application", "nothing is there twice");

  // Both show a screen at once: there is nothing to agree upon.
  await page.evaluate(async () => {
    log.length = 0;
    for (const mesh of Object.values(meshes)) mesh.update({ screen: track.clone() }, { screen: true });
    await Promise.all([framesOn("early", "screen", 5), framesOn("later", "screen", 5)]);
    await Promise.all([framesOn("early", "video", 5), framesOn("later", "video", 5)]);
  });
  const said = await page.evaluate(() => log.filter((line) => !line.endsWith("candidate")));
  assert.deepEqual(said, []);

  // Another path: new credentials on both sides, and the picture goes on.
  const credentials = () =>
    page.evaluate(() => ["early", "later"].map((name) => /a=ice-ufrag:(\S+)/.exec(pc(name).localDescription.sdp)[1]));
  const before = await credentials();
  await page.evaluate(async () => {
    log.length = 0;
    meshes.early.restart();
    meshes.later.restart();
    await waitFor(() => log.some((line) => line.endsWith("answer")));
    await settled();
    await Promise.all([framesOn("early", "video", 20), framesOn("later", "video", 20)]);
    await Promise.all([framesOn("early", "screen", 20), framesOn("later", "screen", 20)]);
  });
  // Whoever is asked by both sides offers; nobody has to take anything back.
  assert.ok(!(await page.evaluate(() => log)).includes("early offer"));
  const after = await credentials();
  assert.notEqual(after[0], before[0]);
  assert.notEqual(after[1], before[1]);
  await page.evaluate(() =>
    waitFor(() => Object.values(meshes).every(({ people }) => people.length === 1 && people[0].state === "connected")),
  );
});

test("pages of another make, that know neither glare nor channel, are seen and see", TIMEOUT, async (t) => {
  const { url } = await startServer(t);
  const browser = await startBrowser(t, { fakeMedia: true, flags: FLAGS });
  const page = await openPageIn(t, await newPerson(browser), `${url}/login`);
  await page.evaluate(giveWaiting);
  const seen = await page.evaluate(async () => {
    const { createMesh } = await import("/video-call/room/mesh.js");
    const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    const plays = async (shown) => {
      const video = Object.assign(document.createElement("video"), { muted: true, srcObject: shown });
      video.addEventListener("timeupdate", happened);
      document.body.append(video);
      await video.play();
      await waitFor(() => video.getVideoPlaybackQuality().totalVideoFrames > 5);
    };
    /** The least that makes a call; `tell` sends to the mesh. */
    const plain = (tell) => {
      const pc = new RTCPeerConnection();
      const remote = new Promise((resolve) => {
        pc.ontrack = ({ track, streams }) => track.kind === "video" && resolve(streams[0]);
      });
      for (const track of stream.getTracks()) pc.addTrack(track.clone(), stream);
      pc.onicecandidate = ({ candidate }) => candidate && tell({ messageType: "ice_candidate", candidate });
      const offer = async () => {
        await pc.setLocalDescription(await pc.createOffer());
        tell({ messageType: "offer", offer: pc.localDescription });
      };
      const hear = async (message) => {
        if (message.messageType === "offer") {
          await pc.setRemoteDescription(message.offer);
          await pc.setLocalDescription(await pc.createAnswer());
          tell({ messageType: "answer", answer: pc.localDescription });
        } else if (message.messageType === "answer") await pc.setRemoteDescription(message.answer);
        else await pc.addIceCandidate(message.candidate);
      };
      return { offer, hear, remote };
    };
    /** The mesh and such a page in one call. */
    const meet = async ({ isMeshLater, doesPlainOffer }) => {
      let mesh;
      const copy = (value) => JSON.parse(JSON.stringify(value));
      const other = plain((message) => mesh.heard({ ...copy(message), socketId: "plain", username: "plain" }));
      mesh = createMesh({
        send: (message) => void other.hear(copy(message)),
        changed: happened,
        iceServers: async () => [],
      });
      const [video] = stream.getVideoTracks();
      const [audio] = stream.getAudioTracks();
      mesh.update({ video: video.clone(), audio: audio.clone() }, { mic: true, camera: true });
      const who = { socketId: "plain", username: "plain" };
      if (isMeshLater) mesh.joined([who]);
      else mesh.entered(who);
      if (doesPlainOffer) await other.offer();
      await waitFor(() => mesh.people[0].video && mesh.people[0].audio);
      await Promise.all([plays(mesh.people[0].video), other.remote.then(plays)]);
      const [{ about }] = mesh.people;
      mesh.close();
      return about;
    };
    return [
      await meet({ isMeshLater: true, doesPlainOffer: false }),
      await meet({ isMeshLater: true, doesPlainOffer: true }),
      await meet({ isMeshLater: false, doesPlainOffer: true }),
      // Nobody offers: whoever was there first does so in the end.
      await meet({ isMeshLater: false, doesPlainOffer: false }),
    ];
  });
  assert.deepEqual(seen, Array(4).fill({ mic: true, camera: true, screen: false }));
});
