//! People who write to each other, two and two: `BENCH_RATE` (10000) messages a second in all, `BENCH_PEOPLE` (100), for
//! `BENCH_SECONDS` (10). Each message is for one connection of each of the two.

use std::rc::Rc;
use std::time::Duration;

use super::client::{Mouth, Wishes, open};
use super::measure::{Run, cores, numbered, quantiles};
use super::measured::number;
use super::people;
use super::server::Server;

pub(crate) async fn run() {
    let (rate, people, seconds) =
        (number("BENCH_RATE", 10_000), number("BENCH_PEOPLE", 100) & !1, number("BENCH_SECONDS", 10));
    println!("direct: {rate} messages a second for {seconds} s, between {people} people, two and two");
    let (folder, cookies) = people::signed_in(people).await;
    let server = Server::start(folder.path());
    server.ready().await;
    let mut ears = Vec::new();
    let mut mouths = Vec::new();
    for cookie in &cookies {
        let (mut ear, mouth) = open(server.addr, "/websocket", Wishes { cookie, deflate: false }).await;
        assert!(ear.hear_until(|text| text.contains("active_users_list")).await);
        ears.push(ear);
        mouths.push(mouth);
    }
    let cpu = server.cpu();
    let run = Rc::new(Run::new(rate, rate * seconds, 2));
    for mut ear in ears {
        let run = Rc::clone(&run);
        tokio::task::spawn_local(async move {
            // The text is the last thing in a message, and JSON in a string in JSON has its quotes escaped.
            let mut last = [None; 2];
            loop {
                let mut now = None;
                let heard = ear
                    .hear(|text| match numbered(&text.replace('\\', "")) {
                        Some(number) => {
                            run.saw(number, *now.get_or_insert_with(|| run.elapsed()));
                            // In the order in which each of the two sent them.
                            let sender = number % people % 2;
                            assert!(last[sender] < Some(number), "{number} after {:?}", last[sender]);
                            last[sender] = Some(number);
                        }
                        None => assert!(!text.contains("\"error\""), "{text}"),
                    })
                    .await;
                if heard == 0 {
                    return;
                }
            }
        });
    }
    let send = |number: usize| {
        let from = number % people;
        mouths[from].say(&format!(
            r#"{{"messageType":"direct_message","targetUser":"{}","text":"Is it there yet? {{\"n\":{number}}}"}}"#,
            people::name(from ^ 1)
        ));
    };
    run.pace(send, || mouths.iter().for_each(Mouth::write)).await;
    for mouth in &mouths {
        mouth.flush().await;
    }
    let is_whole = run.finish(Duration::from_secs(30)).await;
    let (elapsed, cpu) = (run.elapsed(), server.cpu() - cpu);
    println!("  sent to seen by both: {}", quantiles(run.latencies()));
    println!("  server: {}, {:.0} MiB at most", cores(cpu, elapsed), server.peak_rss());
    println!("  {:.0} messages a second", (rate * seconds) as f64 / elapsed.as_secs_f64());
    assert!(is_whole, "{} messages were not shown to somebody", run.left());
    println!("  both saw every message once, in order");
}
