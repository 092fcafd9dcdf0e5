//! People who draw, and everybody watches: `BENCH_RATE` (20000) strokes a second in all, `BENCH_WATCHERS` (100)
//! connections of which every tenth draws, for `BENCH_SECONDS` (10).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::client::{Mouth, Wishes, open};
use super::measure::{Run, cores, numbered, quantiles};
use super::measured::number;
use super::server::{Folder, Server};

pub(crate) fn stroke(number: usize) -> String {
    let (x, y) = (number % 800, number / 800 % 600);
    format!(
        r##"{{"messageType":"drawing","startX":{x},"startY":{y},"endX":{}.5,"endY":{},"color":"#{:06x}","n":{number}}}"##,
        x + 3,
        y + 2,
        number & 0xff_ffff
    )
}

pub(crate) async fn run() {
    let (rate, watchers, seconds) =
        (number("BENCH_RATE", 20_000), number("BENCH_WATCHERS", 100), number("BENCH_SECONDS", 10));
    println!("strokes: {rate} a second for {seconds} s, {watchers} connections, every tenth draws");
    let folder = Folder::new();
    let server = Server::start(folder.path());
    server.ready().await;
    let mut ears = Vec::new();
    let mut drawers: Vec<Mouth> = Vec::new();
    for at in 0..watchers {
        let (mut ear, mouth) = open(server.addr, "/websocket", Wishes::default()).await;
        assert!(ear.hear_until(|text| text.contains("init_strokes")).await);
        ears.push(ear);
        if at % 10 == 0 {
            drawers.push(mouth);
        }
    }
    let cpu = server.cpu();
    let run = Rc::new(Run::new(rate, rate * seconds, watchers));
    let orders: Rc<Vec<Cell<u64>>> = Rc::new(vec![Cell::new(0); watchers]);
    for (at, mut ear) in ears.into_iter().enumerate() {
        let (run, orders) = (Rc::clone(&run), Rc::clone(&orders));
        tokio::task::spawn_local(async move {
            loop {
                let mut now = None;
                let heard = ear
                    .hear(|text| {
                        let Some(number) = numbered(text) else {
                            assert!(!text.contains("\"error\""), "{text}");
                            return;
                        };
                        run.saw(number, *now.get_or_insert_with(|| run.elapsed()));
                        let order = &orders[at];
                        order.set((order.get() ^ number as u64).wrapping_mul(0x0100_0000_01b3));
                    })
                    .await;
                if heard == 0 {
                    return;
                }
            }
        });
    }
    let send = |number: usize| drawers[number % drawers.len()].say(&stroke(number));
    run.pace(send, || drawers.iter().for_each(Mouth::write)).await;
    for drawer in &drawers {
        drawer.flush().await;
    }
    let is_whole = run.finish(Duration::from_secs(30)).await;
    let (elapsed, cpu) = (run.elapsed(), server.cpu() - cpu);
    println!("  sent to seen by the last: {}", quantiles(run.latencies()));
    println!("  server: {}, {:.0} MiB at most", cores(cpu, elapsed), server.peak_rss());
    println!(
        "  {:.0} strokes a second, {:.2} M shown a second",
        (rate * seconds) as f64 / elapsed.as_secs_f64(),
        (rate * seconds * watchers) as f64 / elapsed.as_secs_f64() / 1e6
    );
    assert!(is_whole, "{} strokes were not shown to somebody", run.left());
    assert!(orders.iter().all(|order| *order == orders[0]), "not everybody saw them in the same order");
    println!("  everybody saw every stroke once, all in the same order");
}
