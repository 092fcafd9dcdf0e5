// Captured packets taken apart and put together again, as far as it takes to damage them: pcap, Ethernet, IPv4, TCP.

/** Microseconds and nanoseconds. */
const MAGIC = { us: 0xa1b2c3d4, ns: 0xa1b23c4d };

export const LINK = { null: 0, ethernet: 1, raw: 101, cooked: 113, cooked2: 276 };

/**
 * A TCP segment over IPv4, or another packet as it is.
 *
 * @typedef {object} Packet
 * @property {bigint} time in nanoseconds
 * @property {Buffer} bytes whole, from the link layer on
 * @property {Segment | null} segment
 *
 * @typedef {object} Segment
 * @property {Buffer} ip its header
 * @property {Buffer} tcp its header
 * @property {number} seq
 * @property {Buffer} payload
 * @property {string} from address and port
 */

/** The packets of a pcap file, of this machine's byte order. @param {Buffer} file @returns {Packet[]} */
export function readPcap(file) {
  const unit = file.readUInt32LE(0) === MAGIC.ns ? 1n : 1000n;
  const packets = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const time = BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4)) * unit;
    const length = file.readUInt32LE(at + 8);
    const bytes = file.subarray(at + 16, at + 16 + length);
    packets.push({ time, bytes, segment: segmentOf(bytes) });
    at += 16 + length;
  }
  return packets;
}

/** @param {Buffer} bytes of Ethernet @returns {Segment | null} */
function segmentOf(bytes) {
  if (bytes.readUInt16BE(12) !== 0x0800 || bytes[14 + 9] !== 6) return null;
  const header = (bytes[14] & 15) * 4;
  const ip = bytes.subarray(14, 14 + header);
  const end = 14 + ip.readUInt16BE(2);
  const offset = (bytes[14 + header + 12] >> 4) * 4;
  const tcp = bytes.subarray(14 + header, 14 + header + offset);
  const payload = bytes.subarray(14 + header + offset, end);
  return {
    ip,
    tcp,
    seq: tcp.readUInt32BE(4),
    payload,
    from: `${ip.subarray(12, 16).join(".")}:${tcp.readUInt16BE(0)}`,
  };
}

/** The same packet with other TCP bytes in it. @param {Packet} packet @param {Partial<Segment> & { ack?: number }} change */
export function changed(packet, change) {
  const segment = /** @type {Segment} */ (packet.segment);
  const { seq = segment.seq, payload = segment.payload, ack } = change;
  const [ip, tcp] = [Buffer.from(segment.ip), Buffer.from(segment.tcp)];
  tcp.writeUInt32BE(seq >>> 0, 4);
  if (ack !== undefined) tcp.writeUInt32BE(ack >>> 0, 8);
  ip.writeUInt16BE(ip.length + tcp.length + payload.length, 2);
  const bytes = Buffer.concat([packet.bytes.subarray(0, 14), ip, tcp, payload]);
  return { ...packet, bytes, segment: { ...segment, ip, tcp, seq: seq >>> 0, payload } };
}

/** What there is of a packet from the IP header on. @param {Packet} packet */
export const fromIp = (packet) => packet.bytes.subarray(14);

/** The same segment over IPv6, with the IPv4 addresses at the end of documentation addresses. @param {Packet} packet */
export function overIpv6({ segment }) {
  const { ip, tcp, payload } = /** @type {Segment} */ (segment);
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(tcp.length + payload.length, 4);
  header[6] = 6;
  header[7] = 64;
  for (const [to, from] of [
    [8, 12],
    [24, 16],
  ]) {
    header.writeUInt32BE(0x20010db8, to);
    ip.copy(header, to + 12, from, from + 4);
  }
  return Buffer.concat([header, tcp, payload]);
}

/** An Ethernet frame. @param {number[]} tags of VLANs, each with its EtherType in front @param {number} type @param {Buffer} content */
export function ethernet(tags, type, content) {
  const head = Buffer.alloc(14 + 4 * tags.length);
  let at = 12;
  tags.forEach((tag, place) => {
    // The outer one of two is a service tag.
    head.writeUInt16BE(place + 1 < tags.length ? 0x88a8 : 0x8100, at);
    head.writeUInt16BE(tag, at + 2);
    at += 4;
  });
  head.writeUInt16BE(type, at);
  return Buffer.concat([head, content]);
}

/**
 * A pcap file.
 *
 * @param {{ time: bigint, bytes: Buffer, length?: number }[]} packets
 * @param {{ link?: number, unit?: "us" | "ns", isBigEndian?: boolean }} [options]
 */
export function writePcap(packets, { link = LINK.ethernet, unit = "ns", isBigEndian = false } = {}) {
  const write = (size, values) => {
    const bytes = Buffer.alloc(size * values.length);
    for (const [at, value] of values.entries()) {
      if (isBigEndian) bytes.writeUIntBE(value, size * at, size);
      else bytes.writeUIntLE(value, size * at, size);
    }
    return bytes;
  };
  const u32 = (...values) => write(4, values);
  const parts = [u32(MAGIC[unit]), write(2, [2, 4]), u32(0, 0, 262_144, link)];
  for (const { time, bytes, length = bytes.length } of packets) {
    const part = Number(time % 1_000_000_000n);
    parts.push(
      u32(Number(time / 1_000_000_000n), unit === "ns" ? part : Math.floor(part / 1000), bytes.length, length),
      bytes,
    );
  }
  return Buffer.concat(parts);
}
