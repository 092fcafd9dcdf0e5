use super::*;

const NO_WISHES: DeflatePolicy = DeflatePolicy {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: None,
    client_max_window_bits: None,
};

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).expect("8 to 15")
}

/// What a server with `policy` answers to the offers in a header.
fn check_answer(policy: DeflatePolicy, offers: &str, expected: Option<&str>) {
    let parsed = Offer::parse_list(offers.as_bytes()).expect("within the grammar");
    assert_eq!(policy.accept(&parsed).map(|agreement| agreement.answer).as_deref(), expected, "{offers}");
}

#[test]
fn an_offer_outside_the_rules_is_declined() {
    for value in ["7", "16", "08", "0", "99", "256", "1e1", "-9", "+9", "abc", "\"7\""] {
        check_answer(NO_WISHES, &format!("permessage-deflate; server_max_window_bits={value}"), None);
        check_answer(NO_WISHES, &format!("permessage-deflate; client_max_window_bits={value}"), None);
    }
    check_answer(NO_WISHES, "permessage-deflate; server_max_window_bits", None);
    check_answer(NO_WISHES, "permessage-deflate; server_no_context_takeover=1", None);
    check_answer(NO_WISHES, "permessage-deflate; client_no_context_takeover=true", None);
    check_answer(NO_WISHES, "permessage-deflate; unknown", None);
    check_answer(NO_WISHES, "permessage-deflate; Server_No_Context_Takeover", None);
    check_answer(NO_WISHES, "permessage-deflate; client_max_window_bits; client_max_window_bits", None);
    check_answer(NO_WISHES, "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", None);
    check_answer(NO_WISHES, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", None);
    check_answer(NO_WISHES, "permessage-bzip2, x-webkit-deflate-frame", None);
}

#[test]
fn the_first_legal_offer_is_taken() {
    let answer = Some("permessage-deflate; server_max_window_bits=10");
    check_answer(NO_WISHES, "permessage-deflate; q=1, permessage-deflate; server_max_window_bits=10", answer);
    check_answer(NO_WISHES, "permessage-deflate; server_max_window_bits=10, permessage-deflate", answer);
    check_answer(NO_WISHES, "other, permessage-deflate;server_max_window_bits=\"10\"", answer);
}

/// RFC 7692, 7.1.3.
#[test]
fn the_examples_of_the_rfc_come_out() {
    check_answer(NO_WISHES, "permessage-deflate", Some("permessage-deflate"));
    check_answer(
        NO_WISHES,
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
        Some("permessage-deflate; server_max_window_bits=10"),
    );
    check_answer(
        NO_WISHES,
        "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; client_max_window_bits",
        Some("permessage-deflate; server_max_window_bits=10"),
    );
}

#[test]
fn what_the_client_demands_is_promised_and_the_servers_wishes_are_added() {
    check_answer(
        NO_WISHES,
        "permessage-deflate; server_max_window_bits=9; server_no_context_takeover",
        Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=9"),
    );
    check_answer(
        NO_WISHES,
        "permessage-deflate; client_no_context_takeover",
        Some("permessage-deflate; client_no_context_takeover"),
    );
    check_answer(
        NO_WISHES,
        "permessage-deflate; server_max_window_bits=15",
        Some("permessage-deflate; server_max_window_bits=15"),
    );
    let frugal = DeflatePolicy {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: Some(bits(11)),
        client_max_window_bits: Some(bits(10)),
    };
    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    check_answer(frugal, "permessage-deflate", Some(&format!("{BOTH}; server_max_window_bits=11")));
    let answer = format!("{BOTH}; server_max_window_bits=8; client_max_window_bits=10");
    check_answer(frugal, "permessage-deflate; server_max_window_bits=8; client_max_window_bits", Some(&answer));
    let answer = format!("{BOTH}; server_max_window_bits=11; client_max_window_bits=10");
    check_answer(frugal, "permessage-deflate; client_max_window_bits=12", Some(&answer));
    let answer = format!("{BOTH}; server_max_window_bits=11"); // 9 is less than we wish for
    check_answer(frugal, "permessage-deflate; client_max_window_bits=9", Some(&answer));
}

/// What a client that made an offer thinks of an answer.
fn check_agreement(offer: &str, answer: &str, expected: Option<DeflateParams>) {
    let [offer] = Offer::parse_list(offer.as_bytes()).expect("within the grammar")[..] else { panic!("one offer") };
    assert_eq!(offer.check_response(answer.as_bytes()), expected, "{offer} against {answer}");
}

#[test]
fn an_answer_has_to_fit_the_offer() {
    const PLAIN: DeflateParams = DeflateParams::DEFAULT;
    const OFFER: &str =
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12";
    let fits = DeflateParams {
        server_no_context_takeover: true,
        server_max_window_bits: bits(10),
        client_max_window_bits: bits(12),
        ..PLAIN
    };
    const SNCT: &str = "permessage-deflate; server_no_context_takeover; server_max_window_bits";
    check_agreement(OFFER, &format!("{SNCT}=10"), Some(fits));
    check_agreement(OFFER, &format!("{SNCT}=8"), Some(DeflateParams { server_max_window_bits: bits(8), ..fits }));
    check_agreement(OFFER, &format!("{SNCT}=11"), None);
    check_agreement(OFFER, "permessage-deflate; server_no_context_takeover", None);
    check_agreement(OFFER, "permessage-deflate; server_max_window_bits=10", None);
    check_agreement(
        OFFER,
        &format!("{SNCT}=10; client_max_window_bits=9; client_no_context_takeover"),
        Some(DeflateParams { client_max_window_bits: bits(9), client_no_context_takeover: true, ..fits }),
    );
    check_agreement(OFFER, &format!("{SNCT}=10; client_max_window_bits=13"), None);
    check_agreement(OFFER, &format!("{SNCT}=10; client_max_window_bits"), None);

    check_agreement("permessage-deflate", "permessage-deflate", Some(PLAIN));
    check_agreement("permessage-deflate", "permessage-deflate; client_max_window_bits=12", None);
    let unasked =
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9; client_no_context_takeover";
    let told = DeflateParams {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: bits(9),
        ..PLAIN
    };
    check_agreement("permessage-deflate", unasked, Some(told));
    for answer in [
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=09",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate, permessage-deflate",
        "other",
        "",
    ] {
        check_agreement("permessage-deflate; client_max_window_bits", answer, None);
    }
}

#[test]
fn both_ends_agree_whatever_is_offered_and_wished_for() {
    let windows: Vec<Option<WindowBits>> = [None].into_iter().chain((8..=15).map(WindowBits::new)).collect();
    let client_windows: Vec<ClientWindow> = [ClientWindow::Fixed, ClientWindow::Limitable]
        .into_iter()
        .chain((8..=15).map(|size| ClientWindow::AtMost(bits(size))))
        .collect();
    let flags = [(false, false), (false, true), (true, false), (true, true)];
    for ((server_no_context_takeover, client_no_context_takeover), wished) in
        flags.into_iter().flat_map(|one| flags.map(|other| (one, other)))
    {
        for (&server_max_window_bits, &policy_server) in
            windows.iter().flat_map(|a| windows.iter().map(move |b| (a, b)))
        {
            for (&client_max_window_bits, &policy_client) in
                client_windows.iter().flat_map(|a| windows.iter().map(move |b| (a, b)))
            {
                let offer = Offer {
                    server_no_context_takeover,
                    client_no_context_takeover,
                    server_max_window_bits,
                    client_max_window_bits,
                };
                let policy = DeflatePolicy {
                    server_no_context_takeover: wished.0,
                    client_no_context_takeover: wished.1,
                    server_max_window_bits: policy_server,
                    client_max_window_bits: policy_client,
                };
                assert_eq!(Offer::parse_list(offer.to_string().as_bytes()), Some(vec![offer]));
                let Agreement { params, answer } = policy.accept(&[offer]).expect("a legal offer");
                assert_eq!(offer.check_response(answer.as_bytes()), Some(params), "{offer} against {policy:?}");
                assert!(policy_server.is_none_or(|wish| params.server_max_window_bits <= wish));
            }
        }
    }
}
