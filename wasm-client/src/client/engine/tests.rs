use super::*;

/// Keys of zeros, so that frames can be written down.
fn no_random(bytes: &mut [u8]) {
    bytes.fill(0);
}

const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";

fn asking() -> Protocol {
    let mut protocol = Protocol::new(no_random);
    protocol.prepare("ws://example.com/", &Asked::default()).unwrap();
    protocol.request();
    let mut request = Vec::new();
    protocol.output(&mut |bytes| request.extend_from_slice(bytes));
    assert!(request.starts_with(b"GET / HTTP/1.1\r\nHost: example.com\r\n"));
    protocol
}

fn open() -> Protocol {
    let mut protocol = asking();
    assert_eq!(happenings(&mut protocol, ANSWER), [(Happening::Opened, vec![])]);
    protocol
}

fn happenings(protocol: &mut Protocol, bytes: &[u8]) -> Vec<(Happening, Vec<u8>)> {
    let is_one_chunk = protocol.receive(bytes.to_vec());
    let mut all = Vec::new();
    loop {
        let mut data = Vec::new();
        let happening = protocol.next(&mut |bytes| data = bytes.to_vec());
        if !protocol.place().is_empty() {
            assert!(data.is_empty() && is_one_chunk);
            data = bytes[protocol.place().clone()].to_vec();
        }
        if matches!(happening, Happening::Nothing | Happening::Stalled) {
            return all;
        }
        all.push((happening, data));
    }
}

fn output(protocol: &mut Protocol) -> Vec<u8> {
    let mut output = Vec::new();
    protocol.output(&mut |bytes| output.extend_from_slice(bytes));
    output
}

#[test]
fn frames_that_come_with_the_answer_are_not_lost_however_it_is_cut() {
    let stream = [ANSWER, b"\x81\x02hi"].concat();
    for cut in 0..=stream.len() {
        let mut protocol = asking();
        let mut all = happenings(&mut protocol, &stream[..cut]);
        all.extend(happenings(&mut protocol, &stream[cut..]));
        assert_eq!(all, [(Happening::Opened, vec![]), (Happening::Text, b"hi".to_vec())], "cut at {cut}");
    }
}

#[test]
fn a_refusal_keeps_its_head_and_the_beginning_of_its_body() {
    let mut protocol = asking();
    let head = b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nno";
    assert_eq!(happenings(&mut protocol, head), [(Happening::Refused, vec![])]);
    assert_eq!((protocol.trouble().number, protocol.body_missing()), (404, 3));
    assert_eq!(happenings(&mut protocol, b"peX"), []);
    assert_eq!((protocol.response().lines().last(), protocol.body_missing()), (Some("nopeX"), 0));
    assert_eq!(protocol.end(), 1006);
}

#[test]
fn a_wrong_accept_names_its_rule() {
    let mut protocol = asking();
    let wrong = String::from_utf8_lossy(ANSWER).replace("ICX", "ICY");
    assert_eq!(happenings(&mut protocol, wrong.as_bytes()), [(Happening::Refused, vec![])]);
    assert_eq!((protocol.trouble().rule, protocol.trouble().section), ("accept-mismatch", "RFC 6455, 4.2.2"));
    assert_eq!(protocol.body_missing(), 0);
}

#[test]
fn each_frame_is_shown_before_what_it_means() {
    let mut protocol = open();
    protocol.watch(true);
    let mut all = happenings(&mut protocol, b"\x01\x01a\x80\x01");
    all.extend(happenings(&mut protocol, b"b\x89\x00"));
    let expected: [(Happening, &[u8]); 5] = [
        (Happening::Frame, b"\x01\x01a"),
        (Happening::Frame, b"\x80\x01b"),
        (Happening::Text, b"ab"),
        (Happening::Frame, b"\x89\x00"),
        (Happening::Ping, b""),
    ];
    assert_eq!(all, expected.map(|(happening, data)| (happening, data.to_vec())));
}

#[test]
fn a_broken_rule_is_answered_and_named() {
    let mut protocol = open();
    assert_eq!(happenings(&mut protocol, b"\x81\x01\xff\x81\x01x"), [(Happening::Failed, vec![])]);
    assert_eq!((protocol.trouble().rule, protocol.trouble().number), ("invalid-utf8", 1007));
    assert!(output(&mut protocol).starts_with(b"\x88"));
    assert!(protocol.is_ended());
    assert_eq!(protocol.end(), 1006);
}

#[test]
fn answers_go_first_and_a_close_goes_last() {
    let mut protocol = open();
    protocol.send(Message::Text("x"), 0, true);
    happenings(&mut protocol, b"\x89\x00");
    assert_eq!(output(&mut protocol), b"\x8a\x80\0\0\0\0\x81\x81\0\0\0\0x");
    protocol.send(Message::Text("y"), 0, true);
    happenings(&mut protocol, b"\x89\x00\x88\x00");
    assert_eq!(output(&mut protocol), b"\x81\x81\0\0\0\0y\x8a\x80\0\0\0\0\x88\x80\0\0\0\0");
    assert_eq!((protocol.end(), protocol.trouble().number), (1005, 1));
}

#[test]
fn pings_wait_while_their_pongs_do() {
    let mut protocol = open();
    let pings = b"\x89\x7d".iter().chain(&[0; 125]).copied().collect::<Vec<_>>().repeat(1000);
    let taken = happenings(&mut protocol, &pings).len();
    assert!((400..600).contains(&taken), "{taken}");
    assert!((ANSWERS_MAX..ANSWERS_MAX + 200).contains(&protocol.due()));
    output(&mut protocol);
    assert!(happenings(&mut protocol, b"").len() >= 400);
}

#[test]
fn a_hand_made_close_is_the_only_one() {
    let mut protocol = open();
    protocol.send_raw(b"\x88\x82\0\0\0\0\x03\xe8");
    output(&mut protocol);
    assert_eq!(happenings(&mut protocol, b"\x88\x02\x03\xe8"), [(Happening::Closing, vec![])]);
    assert_eq!(output(&mut protocol), b"");
    assert_eq!((protocol.end(), protocol.trouble().number), (1000, 1));
}

#[test]
fn what_was_sent_is_cut_into_frames_too() {
    let mut protocol = open();
    protocol.watch(true);
    protocol.send(Message::Binary(b"abc"), 2, true);
    protocol.send_raw(b"\xff");
    output(&mut protocol);
    let mut frames = Vec::new();
    let mut sent = |protocol: &mut Protocol| {
        for _ in 0..3 {
            protocol.next_sent(&mut |frame| frames.push(frame.to_vec()));
        }
    };
    sent(&mut protocol);
    protocol.send_raw(b"\x00");
    output(&mut protocol);
    sent(&mut protocol);
    assert_eq!(frames, [&b"\x02\x82\0\0\0\0ab"[..], b"\x80\x81\0\0\0\0c", b"\xff\x00"]);
}
