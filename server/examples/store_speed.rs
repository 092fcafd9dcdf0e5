//! How fast the store takes strokes and messages, gives them back, and starts with what it has.
//!
//! `cargo run --release -p framescope-server --example store_speed -- DIR [ITEMS] [IN_FLIGHT]`. Run it
//! again on the same folder to see how it opens with what the first run left.

use framescope_server::{Config, Load, measure};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data_dir = arguments.next().ok_or("usage: store_speed DIR [ITEMS] [IN_FLIGHT]")?.into();
    let items = arguments.next().map_or(Ok(200_000), |items| items.parse())?;
    let in_flight = arguments.next().map_or(Ok(1000), |in_flight| in_flight.parse())?;
    let config = Config { data_dir, ..Config::default() };
    for load in [Load::Strokes, Load::Messages] {
        let speed = measure(&config, load, items, in_flight)?;
        println!("{items} of {load:?}, {in_flight} on their way:");
        println!("{:>12.1} ms to open", speed.opening.as_secs_f64() * 1e3);
        println!("{:>12.0} stored a second", speed.appended);
        println!("{:>12.1} ms until stored in the middle,", speed.latency[0].as_secs_f64() * 1e3);
        println!("{:>12.1} ms for the slowest hundredth", speed.latency[1].as_secs_f64() * 1e3);
        println!("{:>12.0} read a second, of {}", speed.read, speed.items);
        println!("{:>12.1} ms to close", speed.closing.as_secs_f64() * 1e3);
    }
    Ok(())
}
