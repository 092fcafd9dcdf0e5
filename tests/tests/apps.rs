//! `/websocket`, as far as it goes: the echo of the board family, and errors for all else.

use framescope_codec::Opcode;
use framescope_tests::{OutFrame, TestServer, WireClient, frames, greeted};
use serde_json::{Value, json};

async fn ask(client: &mut WireClient, text: &str) -> Value {
    client.send_frame(OutFrame::text(text)).await;
    answer(client).await
}

async fn answer(client: &mut WireClient) -> Value {
    let text = client.text().await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Sends this and demands an error message, of the board's kind, and that the connection goes on.
async fn check_error(client: &mut WireClient, text: &str) {
    let shown = &text[..text.floor_char_boundary(200)];
    let value = ask(client, text).await;
    assert_eq!(value["messageType"], "error", "to {shown}");
    assert!(value["error"].as_str().is_some_and(|error| !error.is_empty()), "to {shown}: {value}");
    check_echo(client, "still usable").await;
}

async fn check_echo(client: &mut WireClient, text: &str) {
    let value = ask(client, &json!({"messageType": "echo_client", "text": text}).to_string()).await;
    assert_eq!(value, json!({"messageType": "echo_server", "text": text}));
}

#[tokio::test]
async fn text_comes_back_exactly_whatever_its_length() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    for len in [0, 1, 70, 90, 125, 126, 127, 65_480, 65_535, 65_536, 100_000, 1 << 20] {
        check_echo(&mut client, &"x".repeat(len)).await;
    }
    for text in ["\"quoted\"", "<b>&amp;</b>", "a\nb\tc\u{0}d", "😀\u{FEFF}\u{FFFD}\u{10FFFF}", "\u{2028}", "\\u0041"]
    {
        check_echo(&mut client, text).await;
    }
}

#[tokio::test]
async fn a_message_may_come_in_fragments_or_as_binary() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let message = json!({"messageType": "echo_client", "text": "€😀"}).to_string();
    let bytes = message.as_bytes();
    for cut in 0..bytes.len() {
        let (front, back) = bytes.split_at(cut);
        client
            .send(&frames(&[
                OutFrame::text(front).unfinished(),
                OutFrame::new(Opcode::Ping, b"".to_vec()),
                OutFrame::continuation(back),
            ]))
            .await;
        assert_eq!(answer(&mut client).await["text"], "€😀");
    }
    client.send_frame(OutFrame::binary(bytes)).await;
    assert_eq!(answer(&mut client).await["text"], "€😀");
}

#[tokio::test]
async fn what_is_no_message_gets_an_error() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    for text in [
        "",
        " ",
        "{",
        "{\"messageType\":\"echo_client\",\"text\":\"x\"",
        "[]",
        "null",
        "1e400",
        "true",
        "\"text\"",
        "{}",
        "{\"messageType\":null}",
        "{\"messageType\":7}",
        "{\"messageType\":{}}",
        "{\"messageType\":[]}",
        "{\"messageType\":\"\"}",
        "{\"messageType\":\"nobody knows\"}",
        "{\"messageType\":\"Echo_Client\",\"text\":\"x\"}",
        "{\"messageType\":\"echo_client\"}",
        "{\"messageType\":\"echo_client\",\"text\":7}",
        "{\"messageType\":\"echo_client\",\"text\":null}",
        "{\"messageType\":\"echo_client\",\"text\":[\"x\"]}",
        "{\"messageType\":\"echo_client\",\"text\":1e400}",
        "{\"messageType\":\"active_users_list\",\"users\":[]}",
        "{\"messageType\":\"init_strokes\",\"strokes\":[]}",
        "{\"messageType\":\"echo_server\",\"text\":\"x\"}",
        "{\"messageType\":\"echo_client\",\"text\":\"\\ud800\"}",
        "{\"messageType\":\"echo_client\",\"text\":\"\\udc00\\ud800\"}",
        "\u{FEFF}{\"messageType\":\"echo_client\",\"text\":\"x\"}",
        "{'messageType':'echo_client','text':'x'}",
        "{\"messageType\":\"echo_client\",\"text\":\"x\"}{}",
        "{\"messageType\":\"echo_client\",\"text\":\"a\nb\"}",
        "{\"messageType\":\"nobody knows\",\"type\":\"room-leave\"}",
    ] {
        check_error(&mut client, text).await;
    }
}

#[tokio::test]
async fn an_object_of_the_rooms_family_gets_the_rooms_error() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let value = ask(&mut client, r#"{"type":"nobody knows"}"#).await;
    assert_eq!(value["type"], "error");
    assert!(value["error"].is_string());
    check_echo(&mut client, "still usable").await;
}

#[tokio::test]
async fn deep_nesting_is_an_error_and_no_overflow() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        check_error(&mut client, &deep).await;
        check_error(&mut client, &open.repeat(20_000)).await;
        // In a field that is otherwise ignored it is the sender's choice: an error, or the echo.
        let value =
            ask(&mut client, &format!("{{\"messageType\":\"echo_client\",\"text\":\"x\",\"other\":{deep}}}")).await;
        assert!(value["messageType"] == "error" || value["text"] == "x", "{value}");
        check_echo(&mut client, "still usable").await;
    }
}

#[tokio::test]
async fn other_fields_are_ignored() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let many: String = (0..60_000).map(|at| format!(",\"k{at}\":{at}")).collect();
    let value = ask(&mut client, &format!("{{\"messageType\":\"echo_client\",\"text\":\"x\"{many}}}")).await;
    assert_eq!(value, json!({"messageType": "echo_server", "text": "x"}));
}

#[tokio::test]
async fn a_doubled_field_is_an_error_or_one_of_its_values() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let value = ask(&mut client, r#"{"messageType":"echo_client","text":"a","text":"b"}"#).await;
    assert!(value["messageType"] == "error" || value["text"] == "a" || value["text"] == "b", "{value}");
    check_echo(&mut client, "still usable").await;
}

#[tokio::test]
async fn too_long_a_text_is_an_error() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let text = "x".repeat((1 << 20) + 1);
    check_error(&mut client, &json!({"messageType": "echo_client", "text": text}).to_string()).await;
    // Over the limit on messages it is the connection that ends.
    let mut client = greeted(server.addr(), &[]).await.client;
    client.send(&OutFrame::text("").claiming((8 << 20) + 1).bytes()).await;
    client.assert_closed(1009).await;
}

#[tokio::test]
async fn binary_that_is_not_utf8_is_an_error() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    client.send_frame(OutFrame::binary(vec![0xFF, 0xFE])).await;
    assert_eq!(answer(&mut client).await["messageType"], "error");
    check_echo(&mut client, "still usable").await;
}

#[tokio::test]
async fn many_messages_in_one_write_are_answered_in_order() {
    let server = TestServer::start().await;
    let mut client = greeted(server.addr(), &[]).await.client;
    let all: Vec<_> = (0..500)
        .map(|at| OutFrame::text(json!({"messageType": "echo_client", "text": at.to_string()}).to_string()))
        .collect();
    client.send(&frames(&all)).await;
    for at in 0..500 {
        assert_eq!(answer(&mut client).await["text"], at.to_string());
    }
}
