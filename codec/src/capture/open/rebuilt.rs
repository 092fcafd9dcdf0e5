//! What sources that are no captures have in common: addresses that stand in, heads of handshakes, frames.

use std::net::{IpAddr, SocketAddr};

use super::super::packet;
use crate::header::FrameHeader;
use crate::mask::MaskingKey;
use crate::opcode::Opcode;

/// Addresses for the connection of this number, as far as nothing is known of them: those of the documentation, with a
/// port that tells it from others.
pub(super) fn ends(number: u32, server: Option<IpAddr>, server_port: u16) -> (SocketAddr, SocketAddr) {
    let port = FIRST_PORT + u16::try_from(number % u32::from(PORTS)).unwrap_or_default();
    let (client, stand_in) = packet::in_process(port);
    // Both of one family, or they would be shown in each other's clothes.
    let client = if server.is_some_and(|server| server.is_ipv6()) {
        SocketAddr::new(IpAddr::from([0x2001, 0xDB8, 0, 0, 0, 0, 0, 1]), port)
    } else {
        client
    };
    (client, SocketAddr::new(server.unwrap_or_else(|| stand_in.ip()), server_port))
}

/// Appends a line of a head; what would end it early is left out.
pub(super) fn head_line(parts: &[&str], out: &mut Vec<u8>) {
    for part in parts {
        out.extend(part.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    }
    out.extend_from_slice(b"\r\n");
}

/// The host's port and the target in a URL of WebSocket or HTTP.
pub(super) fn port_and_target(url: &str) -> (u16, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let port =
        authority.rsplit_once(':').filter(|(_, port)| !port.contains(']')).and_then(|(_, port)| port.parse().ok());
    let default = if matches!(scheme, "wss" | "https") { 443 } else { 80 };
    let target = target.split('#').next().unwrap_or_default();
    (port.unwrap_or(default), if target.is_empty() { "/" } else { target })
}

/// A frame as RFC 6455 wants it. A key of zeros stands in for that of a client, and leaves the payload as it is.
pub(super) fn frame(opcode: u8, is_from_client: bool, payload: &[u8], out: &mut Vec<u8>) {
    let mut header = FrameHeader::new(Opcode::from_bits(opcode), payload.len() as u64);
    header.masking_key = is_from_client.then_some(MaskingKey([0; 4]));
    header.encode(out);
    out.extend_from_slice(payload);
}

/// The first of the ports that nobody gives out.
const FIRST_PORT: u16 = 49_152;
const PORTS: u16 = 16_384;
