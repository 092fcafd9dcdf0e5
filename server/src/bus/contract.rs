//! What each bus and each keeper of leases is held to, written once and run for each.
//!
//! Each test gets two of them, as two nodes of a cluster would have: what one says, the other hears.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use framescope_codec::{Broadcast, Config};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::timeout;

use super::local::{LocalBus, LocalLeases};
use super::*;

type Buses = [Arc<dyn Bus>; 2];
type Keepers = [Arc<dyn Leases>; 2];

/// Runs each of these for each implementation there is.
macro_rules! contract {
    (buses: $($bus:ident)*; leases: $($leases:ident)*;) => {
        mod local {
            use super::*;

            $(#[tokio::test]
            async fn $bus() {
                let bus = Arc::new(LocalBus::default());
                super::$bus([bus.clone(), bus]).await;
            })*

            $(#[tokio::test]
            async fn $leases() {
                let keeper = Arc::new(LocalLeases::default());
                super::$leases([keeper.clone(), keeper]).await;
            })*
        }
    };
}

contract! {
    buses:
    notes_are_heard_by_all_who_listen_to_the_topic
    notes_are_heard_in_the_order_in_which_they_were_published
    nothing_is_heard_after_unsubscribing
    somebody_may_listen_twice
    publishing_and_subscribing_at_the_same_time_is_safe;
    leases:
    a_name_is_claimed_by_one_only
    a_name_is_free_again_when_its_lease_is_dropped
    the_same_name_may_be_claimed_in_other_spaces
    of_many_at_once_one_gets_the_name
    claims_are_listed_in_the_order_in_which_they_were_made
    a_watch_hears_what_its_listing_does_not_have
    a_watch_that_was_dropped_hears_nothing
    a_listing_and_its_watch_have_no_hole_and_no_double;
}

const PATIENCE: Duration = Duration::from_secs(20);

/// Puts what it hears into a channel.
struct Recorder<W>(Mutex<UnboundedSender<W>>);

impl Ear<Topic, Arc<Note>> for Recorder<u64> {
    fn hear(&self, _about: &Topic, what: &Arc<Note>) {
        // The test may be over.
        let _ = self.0.lock().unwrap().send(what.seq);
    }
}

impl Ear<Space, Change> for Recorder<Change> {
    fn hear(&self, _about: &Space, what: &Change) {
        let _ = self.0.lock().unwrap().send(what.clone());
    }
}

fn recorder<W>() -> (Arc<Recorder<W>>, UnboundedReceiver<W>) {
    let (sender, heard) = mpsc::unbounded_channel();
    (Arc::new(Recorder(Mutex::new(sender))), heard)
}

async fn next<W>(heard: &mut UnboundedReceiver<W>) -> W {
    timeout(PATIENCE, heard.recv()).await.expect("it is heard in time").expect("the ear is there")
}

fn note(seq: u64) -> Arc<Note> {
    let message = Broadcast::new("note", &Config::default());
    Arc::new(Note { seq, stream: None, from: SocketId::generate(1), message, more: None })
}

fn room(id: &str) -> Topic {
    Topic::Room(id.into())
}

async fn notes_are_heard_by_all_who_listen_to_the_topic([one, other]: Buses) {
    let (ears, mut heard): (Vec<_>, Vec<_>) = (0..4).map(|_| recorder()).unzip();
    let mut subscriptions = Vec::new();
    for (number, ear) in ears.into_iter().enumerate() {
        let bus = if number % 2 == 0 { &one } else { &other };
        let topic = if number < 3 { room("a") } else { room("b") };
        subscriptions.push(bus.subscribe(topic, ear).await);
    }
    one.publish(room("a"), note(1));
    one.publish(room("b"), note(2));
    one.publish(Topic::Board, note(3));
    one.publish(room("a"), note(4));
    one.publish(room("b"), note(5));
    for heard in &mut heard[..3] {
        assert_eq!([next(heard).await, next(heard).await], [1, 4]);
    }
    assert_eq!([next(&mut heard[3]).await, next(&mut heard[3]).await], [2, 5]);
}

async fn notes_are_heard_in_the_order_in_which_they_were_published([one, other]: Buses) {
    let (ear, mut heard) = recorder();
    let _listening = other.subscribe(Topic::Board, ear).await;
    for seq in 0..1000 {
        one.publish(Topic::Board, note(seq));
    }
    for seq in 0..1000 {
        assert_eq!(next(&mut heard).await, seq);
    }
}

async fn nothing_is_heard_after_unsubscribing([one, other]: Buses) {
    let (ear, mut heard) = recorder();
    let (witness, mut witnessed) = recorder();
    let listening = other.subscribe(Topic::Board, ear).await;
    let _witnessing = other.subscribe(Topic::Board, witness).await;
    one.publish(Topic::Board, note(1));
    assert_eq!((next(&mut heard).await, next(&mut witnessed).await), (1, 1));
    drop(listening);
    one.publish(Topic::Board, note(2));
    assert_eq!(next(&mut witnessed).await, 2);
    assert_eq!(heard.recv().await, None, "the ear was let go");
}

async fn somebody_may_listen_twice([one, _]: Buses) {
    let (ear, mut heard) = recorder();
    let first = one.subscribe(Topic::Board, ear.clone()).await;
    let _second = one.subscribe(Topic::Board, ear.clone()).await;
    one.publish(Topic::Board, note(1));
    assert_eq!([next(&mut heard).await, next(&mut heard).await], [1, 1]);
    drop(first);
    let (witness, mut witnessed) = recorder();
    let _witnessing = one.subscribe(Topic::Board, witness).await;
    one.publish(Topic::Board, note(2));
    one.publish(Topic::Board, note(3));
    assert_eq!([next(&mut heard).await, next(&mut heard).await], [2, 3]);
    assert_eq!([next(&mut witnessed).await, next(&mut witnessed).await], [2, 3]);
}

async fn publishing_and_subscribing_at_the_same_time_is_safe([one, other]: Buses) {
    const EACH: u64 = 500;
    let (ear, mut heard) = recorder();
    let _listening = other.subscribe(Topic::Board, ear).await;
    let publishers: Vec<_> = (0..4)
        .map(|number| {
            let bus = one.clone();
            std::thread::spawn(move || (0..EACH).for_each(|seq| bus.publish(Topic::Board, note(number * EACH + seq))))
        })
        .collect();
    for _ in 0..200 {
        let (ear, _) = recorder();
        drop(other.subscribe(Topic::Board, ear).await);
    }
    for publisher in publishers {
        publisher.join().unwrap();
    }
    let mut expected = [0; 4];
    for _ in 0..4 * EACH {
        let seq = next(&mut heard).await;
        let publisher = usize::try_from(seq / EACH).unwrap();
        assert_eq!(seq % EACH, expected[publisher], "what one published stays in its order");
        expected[publisher] += 1;
    }
}

async fn claim(keeper: &Arc<dyn Leases>, space: &Space, name: &str) -> Option<Lease> {
    timeout(PATIENCE, keeper.claim(space.clone(), name.into(), format!("{name}'s"))).await.expect("an answer")
}

async fn names(keeper: &Arc<dyn Leases>, space: &Space) -> Vec<String> {
    let listing = keeper.list(space.clone()).await;
    assert!(listing.claims.iter().all(|claim| claim.value == format!("{}'s", claim.name)));
    listing.claims.into_iter().map(|claim| claim.name).collect()
}

async fn a_name_is_claimed_by_one_only([one, other]: Keepers) {
    let space = Space::Room("r".into());
    let lease = claim(&one, &space, "ann").await.expect("it is free");
    for keeper in [&one, &other] {
        assert!(claim(keeper, &space, "ann").await.is_none());
    }
    assert!(claim(&other, &space, "Ann").await.is_some(), "another name");
    assert_eq!(names(&one, &space).await, ["ann"]);
    drop(lease);
}

async fn a_name_is_free_again_when_its_lease_is_dropped([one, other]: Keepers) {
    let space = Space::Room("r".into());
    let (ear, mut heard) = recorder();
    let (_, _watching) = other.watch(space.clone(), ear).await;
    for _ in 0..10 {
        let lease = claim(&one, &space, "ann").await.expect("it is free");
        let claimed = next(&mut heard).await;
        assert!(claimed.is_new && claimed.claim.name == "ann");
        assert_eq!(claimed.revision, lease.revision);
        drop(lease);
        let given_back = next(&mut heard).await;
        assert!(!given_back.is_new && given_back.claim == claimed.claim && given_back.revision > claimed.revision);
        assert_eq!(names(&one, &space).await, [""; 0]);
    }
}

async fn the_same_name_may_be_claimed_in_other_spaces([one, _]: Keepers) {
    let spaces = ["1", "2"].map(|id| [Space::Room(id.into()), Space::Call(id.into())]);
    let mut leases = Vec::new();
    for space in spaces.iter().flatten().chain([&Space::Presence, &Space::Calls]) {
        leases.push(claim(&one, space, "ann").await.expect("it is free here"));
        assert_eq!(names(&one, space).await, ["ann"]);
    }
    leases.truncate(1);
    assert_eq!(names(&one, &spaces[0][0]).await, ["ann"]);
    assert_eq!(names(&one, &spaces[1][1]).await, [""; 0]);
}

async fn of_many_at_once_one_gets_the_name(keepers: Keepers) {
    let space = Space::Room("r".into());
    for round in 0..20 {
        let tries: Vec<_> = (0..16)
            .map(|number| {
                let (keeper, space) = (keepers[number % 2].clone(), space.clone());
                tokio::task::spawn_blocking(move || {
                    let claimed = keeper.claim(space, format!("{round}"), format!("{round}'s"));
                    tokio::runtime::Handle::current().block_on(claimed)
                })
            })
            .collect();
        let mut granted = Vec::new();
        for one in tries {
            granted.extend(one.await.unwrap());
        }
        assert_eq!(granted.len(), 1, "round {round}");
        assert_eq!(names(&keepers[0], &space).await, [round.to_string()]);
    }
}

async fn claims_are_listed_in_the_order_in_which_they_were_made([one, other]: Keepers) {
    let space = Space::Room("r".into());
    let mut leases = BTreeMap::new();
    for (number, name) in ["zoe", "ann", "Bob", "carl"].into_iter().enumerate() {
        let keeper = if number % 2 == 0 { &one } else { &other };
        leases.insert(name, claim(keeper, &space, name).await.expect("it is free"));
    }
    for keeper in [&one, &other] {
        assert_eq!(names(keeper, &space).await, ["zoe", "ann", "Bob", "carl"]);
    }
    leases.remove("ann");
    leases.insert("ann", claim(&one, &space, "ann").await.expect("it is free again"));
    assert_eq!(names(&one, &space).await, ["zoe", "Bob", "carl", "ann"], "who comes back stands at the end");
}

async fn a_watch_hears_what_its_listing_does_not_have([one, other]: Keepers) {
    let space = Space::Presence;
    let before = claim(&one, &space, "before").await.expect("it is free");
    let (ear, mut heard) = recorder();
    let (mut listing, _watching) = other.watch(space.clone(), ear).await;
    assert_eq!(listing.claims.iter().map(|claim| &*claim.name).collect::<Vec<_>>(), ["before"]);
    assert!(listing.revision >= before.revision);
    let elsewhere = claim(&one, &Space::Calls, "elsewhere").await;
    let after = claim(&one, &space, "after").await.expect("it is free");
    drop((before, elsewhere));
    let changes = [next(&mut heard).await, next(&mut heard).await];
    assert_eq!(changes[0].revision, after.revision);
    assert!(changes.iter().all(|change| listing.apply(change)), "both are new");
    assert!(!changes.iter().any(|change| listing.apply(change)), "and are so once");
    assert_eq!(listing.claims, one.list(space).await.claims);
}

async fn a_watch_that_was_dropped_hears_nothing([one, other]: Keepers) {
    let (ear, mut heard) = recorder();
    let (_, watching) = other.watch(Space::Presence, ear).await;
    let (witness, mut witnessed) = recorder();
    let (_, _witnessing) = other.watch(Space::Presence, witness).await;
    drop(watching);
    let _lease = claim(&one, &Space::Presence, "ann").await;
    next(&mut witnessed).await;
    assert_eq!(heard.recv().await, None, "the ear was let go");
}

async fn a_listing_and_its_watch_have_no_hole_and_no_double(keepers: Keepers) {
    let space = Space::Room("busy".into());
    let handle = tokio::runtime::Handle::current();
    let busy: Vec<_> = (0..4)
        .map(|number| {
            let (keeper, space, handle) = (keepers[number % 2].clone(), space.clone(), handle.clone());
            std::thread::spawn(move || {
                let mut leases = BTreeMap::new();
                // Comes and goes, in no order that repeats soon, and in the end leaves a few there.
                for step in 0..400_usize {
                    let name = format!("{number}/{}", step * 7 % 11);
                    if leases.remove(&name).is_none() {
                        let claimed = keeper.claim(space.clone(), name.clone(), String::new());
                        leases.insert(name, handle.block_on(claimed).expect("only we use this name"));
                    }
                }
                leases
            })
        })
        .collect();
    let mut watches = Vec::new();
    for number in 0..50 {
        let (ear, heard) = recorder();
        let (listing, watching) = keepers[number % 2].watch(space.clone(), ear).await;
        watches.push((listing, watching, heard));
        tokio::task::yield_now().await;
    }
    let leases: Vec<_> =
        tokio::task::spawn_blocking(move || busy.into_iter().map(|one| one.join().unwrap()).collect()).await.unwrap();
    let last = claim(&keepers[0], &space, "last").await.expect("it is free");
    let settled = keepers[1].list(space).await;
    assert_eq!(settled.claims.len(), leases.iter().map(BTreeMap::len).sum::<usize>() + 1);
    for (mut listing, _watching, mut heard) in watches {
        while listing.revision < last.revision {
            let change = next(&mut heard).await;
            let known = listing.claims.iter().any(|claim| claim.name == change.claim.name);
            if listing.apply(&change) {
                assert_ne!(known, change.is_new, "{change:?}");
            }
        }
        assert_eq!(listing.claims, settled.claims);
    }
}
