//! Every way to ask for what is not on the list, and every name that leads where it should not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::net::dial::tests::{authority, serve, trusting};

fn targets(entries: &[&str]) -> Result<Targets, String> {
    listed(entries, &[])
}

/// A list, under a name server that knows of every name these addresses.
fn listed(entries: &[&str], addresses: &[&str]) -> Result<Targets, String> {
    let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let lookup = move |_, port| {
        let found = addresses.iter().map(|address| SocketAddr::new(*address, port)).collect();
        Box::pin(std::future::ready(Ok(found))) as Pin<Box<dyn Future<Output = _> + Send>>
    };
    Targets::with_lookup(&entries, Arc::new(lookup))
}

#[test]
fn targets_are_found_by_name_or_by_host_and_port_and_by_nothing_else() {
    let list = [
        "reference=ws://127.0.0.1:3051/",
        "ws://LAB.example/socket?a=b",
        "six=ws://[2001:db8::1]:81/",
        "ws://localhost:9000",
    ];
    let targets = targets(&list).unwrap();
    for (to, name) in [
        ("reference", "reference"),
        ("127.0.0.1:3051", "reference"),
        ("lab.example:80", "lab.example:80"),
        ("[2001:db8::1]:81", "six"),
        ("localhost:9000", "localhost:9000"),
    ] {
        assert_eq!(targets.find(to).map(|target| &*target.name), Some(name), "{to}");
    }
    for to in [
        "",
        "Reference",
        "reference:3051",
        "127.0.0.1",
        "127.0.0.1:3052",
        "127.0.0.1:03051",
        "127.0.0.1:5432",
        "127.1:3051",
        "2130706433:3051",
        "0x7f000001:3051",
        "0177.0.0.1:3051",
        "127.0.0.1.:3051",
        "[::ffff:127.0.0.1]:3051",
        "[::1]:3051",
        "0.0.0.0:3051",
        "localhost:3051",
        "localhost.:9000",
        "LOCALHOST:9000",
        "LAB.example:80",
        "lab.example.:80",
        "lab.example",
        "user@lab.example:80",
        "lab.example:80@127.0.0.1:3051",
        "lab.example:80/",
        " lab.example:80",
        "lab.example:443",
        "169.254.169.254:80",
        "2001:db8::1:81",
        "[2001:DB8::1]:81",
        "[2001:db8:0::1]:81",
        "six ",
        "six\0",
        "ws://127.0.0.1:3051/",
        "lab.example:80\r\nHost: a",
    ] {
        assert!(targets.find(to).is_none(), "{to:?}");
    }
}

#[test]
fn a_list_that_is_none_is_one_clear_line() {
    for (entries, error) in [
        (&["reference"][..], "begins with ws:// or wss://"),
        (&["reference=127.0.0.1:3051"], "begins with ws:// or wss://"),
        (&["ftp://h"], "begins with ws:// or wss://"),
        (&["ws://user:word@h"], "user name"),
        (&["ws://h/#a"], "#fragment"),
        (&["ws://h; script-src *"], "no valid host"),
        (&["=ws://h"], "is no name"),
        (&["a:80=ws://h"], "is no name"),
        (&["self=ws://h"], "itself already"),
        (&["a=ws://h", "a=ws://i"], "twice"),
        (&["ws://h", "ws://H:80/other"], "twice"),
    ] {
        let refused = targets(entries).unwrap_err();
        assert!(refused.starts_with("tunnel-to: ") && refused.contains(error), "{refused}");
        assert!(!refused.contains('\n'), "{refused}");
    }
}

#[tokio::test]
async fn a_name_leads_to_public_addresses_or_nowhere() {
    for private in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.8",
        "192.0.2.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
    ] {
        // Among others, too.
        for addresses in [&[private][..], &["93.184.216.34", private], &[private, "2606:4700::1111"]] {
            let targets = listed(&["ws://lab.example"], addresses).unwrap();
            let refused = targets.iter().next().unwrap().resolve().await;
            assert_eq!(refused, Err(Refused::NotPublic(private.parse().unwrap())), "{addresses:?}");
        }
    }
    let public = ["93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"];
    let targets = listed(&["ws://lab.example:81"], &public).unwrap();
    let found = targets.iter().next().unwrap().resolve().await.unwrap();
    assert_eq!(found, public.map(|address| SocketAddr::new(address.parse().unwrap(), 81)));
    let nothing = listed(&["ws://lab.example"], &[]).unwrap();
    assert!(matches!(nothing.iter().next().unwrap().resolve().await, Err(Refused::Unreachable(_))));
}

#[tokio::test]
async fn an_address_in_the_list_is_the_operator_s_word() {
    for (entry, addresses, expected) in [
        ("ws://127.0.0.1:81", &[][..], "127.0.0.1:81"),
        ("ws://[::1]:81", &[], "[::1]:81"),
        ("ws://192.168.0.7", &[], "192.168.0.7:80"),
        ("ws://localhost:81", &["127.0.0.1"], "127.0.0.1:81"),
        ("ws://localhost:81", &["::1"], "[::1]:81"),
    ] {
        let targets = listed(&[entry], addresses).unwrap();
        let found = targets.iter().next().unwrap().resolve().await;
        assert_eq!(found, Ok(vec![expected.parse().unwrap()]), "{entry}");
    }
    // These are names, whatever a system makes of them, and so is what only begins or ends like one that is trusted.
    for (entry, address) in [
        ("ws://2130706433", "127.0.0.1"),
        ("ws://0x7f.1", "127.0.0.1"),
        ("ws://0177.0.0.1", "127.0.0.1"),
        ("ws://127.1", "127.0.0.1"),
        ("ws://127.0.0.1.", "127.0.0.1"),
        ("ws://localhost.", "127.0.0.1"),
        ("ws://a.localhost", "127.0.0.1"),
        ("ws://localhost", "10.0.0.1"),
    ] {
        let targets = listed(&[entry], &[address]).unwrap();
        let refused = targets.iter().next().unwrap().resolve().await;
        assert_eq!(refused, Err(Refused::NotPublic(address.parse().unwrap())), "{entry}");
    }
}

#[test]
fn a_policy_names_the_origin_and_no_more() {
    let targets = targets(&["a=ws://h:81/x;y?z", "ws://[::1]/", "ws://h"]).unwrap();
    let origins: Vec<_> = targets.iter().map(Target::origin).collect();
    assert_eq!(origins, ["ws://h:81", "ws://[::1]", "ws://h"]);
}

#[tokio::test]
async fn over_tls_a_target_has_a_certificate_for_the_name_in_the_list() {
    let ca = authority("an authority");
    let port = serve(Some(&ca), "localhost", false).await.port();
    let target = |url: String| Target {
        name: "target".to_owned(),
        url: Url::parse(&url).unwrap(),
        tls: Some(trusting(&ca)),
        lookup: Arc::new(|_, port| Box::pin(std::future::ready(Ok(vec![([127, 0, 0, 1], port).into()])))),
    };
    let mut stream = target(format!("wss://localhost:{port}/")).connect().await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut pong = String::new();
    stream.read_to_string(&mut pong).await.unwrap();
    assert_eq!(pong, "ping");
    let refused = target(format!("wss://127.0.0.1:{port}/")).connect().await.unwrap_err();
    let Refused::Unreachable(why) = refused else { panic!("{refused:?}") };
    assert!(why.starts_with("its certificate is refused: "), "{why}");
}

#[tokio::test]
async fn the_first_address_that_answers_is_taken() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let lookup: Arc<Lookup> = Arc::new(|_, port| {
        let found = vec![([127, 0, 0, 2], port).into(), ([127, 0, 0, 1], port).into()];
        Box::pin(std::future::ready(Ok(found)))
    });
    let targets = Targets::with_lookup(&[format!("ws://localhost:{port}/")], lookup).unwrap();
    targets.iter().next().unwrap().connect().await.unwrap();
    listener.accept().await.unwrap();
}
