// The same conversation as other networks and other programs would have captured it: in every container and over every
// link, and with what TCP does to segments. Those under WHOLE have lost nothing; those under TORN have.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { changed, ethernet, fromIp, LINK, overIpv6, readPcap, writePcap } from "./packets.mjs";

/** @import { Packet } from "./packets.mjs" */

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const SYN = 2;

const hasPayload = ({ segment }) => segment !== null && segment.payload.length > 0;

/** The TCP of a capture, in segments so short that messages take many. @param {string} file @param {number} [most] */
export function segments(file, most = 200) {
  const pcap = `${file}.pcap`;
  execFileSync("editcap", ["-F", "nsecpcap", file, pcap]);
  const packets = readPcap(readFileSync(pcap)).filter(({ segment }) => segment !== null);
  return packets.flatMap((packet) => {
    const { seq, payload } = /** @type {NonNullable<Packet["segment"]>} */ (packet.segment);
    const parts = [];
    for (let at = 0; at === 0 || at < payload.length; at += most) {
      const part = changed(packet, { seq: seq + at, payload: payload.subarray(at, at + most) });
      parts.push({ ...part, time: packet.time + BigInt(at) });
    }
    return parts;
  });
}

/** Neighbours of one direction change places; who sends has opened the connection before. @param {Packet[]} packets */
function reordered(packets) {
  const order = [...packets];
  for (let at = 1; at + 1 < order.length; at += 2) {
    const [a, b] = [order[at], order[at + 1]];
    if (!hasPayload(a) || !hasPayload(b) || a.segment?.from !== b.segment?.from) continue;
    [order[at], order[at + 1]] = [
      { ...b, time: a.time },
      { ...a, time: b.time },
    ];
  }
  return order;
}

/** Every third segment comes again, some packets later. @param {Packet[]} packets */
function repeated(packets) {
  const late = [];
  return packets.flatMap((packet, at) => {
    if (hasPayload(packet) && at % 3 === 0) late.push({ at: at + 4, packet });
    const due = late[0]?.at === at ? [{ ...late.shift().packet, time: packet.time }] : [];
    return [packet, ...due];
  });
}

/** Each segment begins with the end of the one before it. @param {Packet[]} packets */
function overlapping(packets) {
  const before = new Map();
  return packets.map((packet) => {
    if (!hasPayload(packet)) return packet;
    const { from, seq, payload } = packet.segment;
    const last = before.get(from);
    before.set(from, packet.segment);
    if (!last || (last.seq + last.payload.length) >>> 0 !== seq) return packet;
    const again = last.payload.subarray(-30);
    return changed(packet, { seq: seq - again.length, payload: Buffer.concat([again, payload]) });
  });
}

/** Sequence numbers that go past 2^32 on their way. @param {Packet[]} packets */
function wrapped(packets) {
  const shifts = new Map();
  for (const { segment } of packets) {
    if (segment && (segment.tcp[13] & SYN) !== 0) shifts.set(segment.from, (0xffff_ff00 - segment.seq) >>> 0);
  }
  const [one, other] = [...shifts];
  return packets.map((packet) => {
    const isOne = packet.segment?.from === one[0];
    const [own, its] = isOne ? [one[1], other[1]] : [other[1], one[1]];
    const { seq, tcp } = /** @type {NonNullable<Packet["segment"]>} */ (packet.segment);
    return changed(packet, { seq: seq + own, ack: tcp.readUInt32BE(8) + its });
  });
}

/** One byte before what is due, again and again, as keep-alive does. @param {Packet[]} packets */
function kept(packets) {
  return packets.flatMap((packet) => {
    if (!hasPayload(packet)) return [packet];
    const { seq, payload } = packet.segment;
    return [packet, changed(packet, { seq: seq + payload.length - 1, payload: Buffer.alloc(1) })];
  });
}

const link = (number, wrap) => (packets) =>
  writePcap(
    packets.map((packet) => ({ time: packet.time, bytes: wrap(packet) })),
    { link: number },
  );

const cooked = (protocol) => Buffer.from([0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, protocol >> 8, protocol & 255]);
const cooked2 = (protocol) =>
  Buffer.from([protocol >> 8, protocol & 255, 0, 0, 0, 0, 0, 1, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
const family = (number) => Buffer.from([number, 0, 0, 0]);

/** Cuts a file into gzip members at places that mean nothing. @param {Buffer} file */
const gzipMembers = (file) =>
  Buffer.concat([file.subarray(0, 1000), file.subarray(1000)].map((part) => gzipSync(part)));

/** @param {string} path @param {Buffer} pcap @param {string[]} args */
function edited(path, pcap, args) {
  writeFileSync(`${path}.in`, pcap);
  execFileSync("editcap", [...args, `${path}.in`, path]);
  return readFileSync(path);
}

/** What one half of the packets is on Ethernet and the other on bare IP. @param {string} path @param {Packet[]} packets */
function twoInterfaces(path, packets) {
  const half = (isFirst) => packets.filter((_, at) => at % 2 === (isFirst ? 0 : 1));
  writeFileSync(`${path}.a`, writePcap(half(true)));
  writeFileSync(`${path}.b`, link(LINK.raw, fromIp)(half(false)));
  execFileSync("mergecap", ["-F", "pcapng", "-w", path, `${path}.a`, `${path}.b`]);
  return readFileSync(path);
}

/** @type {Record<string, (packets: Packet[], path: string) => Buffer>} */
export const WHOLE = {
  "as it is": (packets) => writePcap(packets),
  "overlapping and reordered": (packets) => writePcap(overlapping(reordered(packets))),
  reordered: (packets) => writePcap(reordered(packets)),
  repeated: (packets) => writePcap(repeated(packets)),
  overlapping: (packets) => writePcap(overlapping(packets)),
  "with keep-alive": (packets) => writePcap(kept(packets)),
  "with sequence numbers that wrap": (packets) => writePcap(wrapped(packets)),
  "wrapped, reordered and repeated": (packets) => writePcap(repeated(reordered(wrapped(packets)))),
  "with a VLAN tag": link(LINK.ethernet, (packet) => ethernet([7], IPV4, fromIp(packet))),
  "with two VLAN tags": link(LINK.ethernet, (packet) => ethernet([7, 9], IPV4, fromIp(packet))),
  "over IPv6": link(LINK.ethernet, (packet) => ethernet([], IPV6, overIpv6(packet))),
  "over IPv6 in a VLAN": link(LINK.ethernet, (packet) => ethernet([7], IPV6, overIpv6(packet))),
  "bare IPv4": link(LINK.raw, fromIp),
  "bare IPv6": link(LINK.raw, overIpv6),
  "Linux cooked": link(LINK.cooked, (packet) => Buffer.concat([cooked(IPV4), fromIp(packet)])),
  "Linux cooked, version 2": link(LINK.cooked2, (packet) => Buffer.concat([cooked2(IPV6), overIpv6(packet)])),
  "BSD loopback": link(LINK.null, (packet) => Buffer.concat([family(2), fromIp(packet)])),
  "BSD loopback, IPv6": link(LINK.null, (packet) => Buffer.concat([family(30), overIpv6(packet)])),
  "pcap in microseconds": (packets) => writePcap(packets, { unit: "us" }),
  "pcap, big-endian": (packets) => writePcap(packets, { isBigEndian: true }),
  "pcap, big-endian, in microseconds": (packets) => writePcap(packets, { isBigEndian: true, unit: "us" }),
  "pcapng by editcap": (packets, path) => edited(path, writePcap(packets), ["-F", "pcapng"]),
  "pcapng, two interfaces of two kinds": (packets, path) => twoInterfaces(path, packets),
  "gzip of pcap": (packets) => gzipSync(writePcap(packets)),
  "gzip of pcapng": (packets, path) => gzipSync(edited(path, writePcap(packets), ["-F", "pcapng"])),
  "gzip in two members": (packets) => gzipMembers(writePcap(packets)),
};

/** The nth segment with a payload of either direction. @param {Packet[]} packets @param {(at: number) => boolean} isMeant */
function withPayload(packets, isMeant) {
  const counts = new Map();
  return packets.filter((packet) => {
    if (!hasPayload(packet)) return false;
    const at = counts.get(packet.segment.from) ?? 0;
    counts.set(packet.segment.from, at + 1);
    return isMeant(at);
  });
}

const without = (packets, lost) => packets.filter((packet) => !lost.includes(packet));

/** @type {Record<string, (packets: Packet[], path: string) => Buffer>} */
export const TORN = {
  "a segment is lost either way": (packets) =>
    writePcap(
      without(
        packets,
        withPayload(packets, (at) => at === 12),
      ),
    ),
  "every ninth segment is lost": (packets) =>
    writePcap(
      without(
        packets,
        withPayload(packets, (at) => at % 9 === 8),
      ),
    ),
  "cut at 150 bytes": (packets, path) => edited(path, writePcap(packets), ["-s", "150"]),
  "cut at 150 bytes, pcap": (packets, path) => edited(path, writePcap(packets), ["-F", "nsecpcap", "-s", "150"]),
  "it begins in the middle": (packets) => writePcap(packets.slice(Math.floor(packets.length / 2))),
  "it ends in the middle": (packets) => writePcap(packets.slice(0, Math.floor(packets.length / 2))),
  "the answer is lost": (packets) =>
    writePcap(
      without(
        packets,
        packets.filter((it) => it.segment?.payload.subarray(0, 12).toString() === "HTTP/1.1 101"),
      ),
    ),
  "one direction only": (packets) =>
    writePcap(packets.filter(({ segment }) => segment?.from === packets[0].segment?.from)),
};
