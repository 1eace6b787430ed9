//! What goes wrong, when, and for how long: drawn from the seed, done one after the other.

use std::fmt;
use std::time::Duration;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use tokio::time::sleep;
use wardwatch_actors::clock::{Clock, Span, Timestamp};

use super::mosquitto::Mosquitto;
use super::service::Service;
use super::small_disk::SmallDisk;
use super::watcher::Watcher;

/// One thing that goes wrong; durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`, and a start after so long.
    Kill {
        down: u64,
    },
    /// The same while nothing can be committed.
    KillBeforeCommit {
        held: u64,
    },
    /// The broker ends as an operator ends it, and starts after so long.
    RestartBroker {
        down: u64,
    },
    SuspendService {
        held: u64,
    },
    SuspendBroker {
        held: u64,
    },
    /// Another process holds the database.
    HoldStore {
        held: u64,
    },
    /// The same for so long that the store counts as lost, until it is back.
    LoseStore,
    /// The disk is full, until the store counts as lost.
    FillDisk,
}

/// A fault, and how long after the one before, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub after: u64,
    pub fault: Fault,
}

/// Faults that are over before anything heard counts as old.
pub fn short_outages(seed: u64, long: bool) -> Vec<Step> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let times = |short: u32, many: u32| if long { many } else { short };
    let mut faults = Vec::new();
    let mut add = |times: u32, fault: &mut dyn FnMut(&mut ChaCha8Rng) -> Fault| {
        for _ in 0..times {
            faults.push(fault(&mut rng));
        }
    };
    add(times(2, 15), &mut |_| Fault::Kill { down: 0 });
    add(times(1, 5), &mut |rng| Fault::KillBeforeCommit { held: rng.random_range(20..400) });
    add(times(1, 5), &mut |rng| Fault::RestartBroker { down: rng.random_range(100..6000) });
    add(times(1, 5), &mut |rng| Fault::SuspendService { held: rng.random_range(500..6000) });
    add(times(1, 3), &mut |rng| Fault::SuspendBroker { held: rng.random_range(200..6000) });
    add(times(2, 8), &mut |rng| Fault::HoldStore { held: rng.random_range(100..500) });
    add(1, &mut |_| Fault::LoseStore);
    faults.shuffle(&mut rng);
    // Early, while the log of the database still grows: a later one has room in itself for long.
    faults.insert(1, Fault::FillDisk);
    faults.into_iter().map(|fault| Step { after: rng.random_range(300..2500), fault }).collect()
}

/// Outages after which what was queued is a backlog.
pub fn long_outages(seed: u64, long: bool) -> Vec<Step> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut faults = Vec::new();
    for _ in 0..if long { 3 } else { 1 } {
        faults.push(Fault::Kill { down: rng.random_range(7000..10_000) });
        faults.push(Fault::RestartBroker { down: rng.random_range(7000..9000) });
    }
    if long {
        faults.push(Fault::SuspendService { held: rng.random_range(7000..10_000) });
        faults.push(Fault::SuspendService { held: rng.random_range(7000..10_000) });
    }
    faults.shuffle(&mut rng);
    faults.into_iter().map(|fault| Step { after: rng.random_range(7000..9000), fault }).collect()
}

/// About how long all of it takes.
pub fn lasts(steps: &[Step]) -> Duration {
    let of = |step: &Step| {
        step.after
            + match step.fault {
                Fault::Kill { down } | Fault::RestartBroker { down } => down + 500,
                Fault::KillBeforeCommit { held }
                | Fault::SuspendService { held }
                | Fault::SuspendBroker { held }
                | Fault::HoldStore { held } => held,
                Fault::LoseStore | Fault::FillDisk => 4000,
            }
    };
    Duration::from_millis(steps.iter().map(of).sum())
}

/// What there is to break.
pub struct Ward<'a> {
    pub broker: &'a mut Mosquitto,
    pub service: &'a Service,
    pub watcher: &'a Watcher,
    /// Where the store is.
    pub disk: Option<&'a SmallDisk>,
    /// Losses of the store so far.
    pub losses: usize,
}

/// When something was wrong.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    pub fault: Fault,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// WardWatch tries to reach a broker that was gone at least this often.
const TRIES_EVERY: Span = Span::from_secs(3);

/// For how long WardWatch may at most have found no broker: between two outages that lie close together it need
/// not find one.
pub fn longest_without_a_broker(outages: &[Outage]) -> Span {
    let is_of_broker =
        |of: &&Outage| matches!(of.fault, Fault::RestartBroker { .. } | Fault::SuspendBroker { .. });
    let (mut longest, mut since) = (Span::ZERO, None::<(Timestamp, Timestamp)>);
    for outage in outages.iter().filter(is_of_broker) {
        let from = since
            .filter(|(_, back)| outage.from.since(*back) < TRIES_EVERY)
            .map_or(outage.from, |(from, _)| from);
        longest = longest.max(outage.to.since(from) + TRIES_EVERY);
        since = Some((from, outage.to));
    }
    longest
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} from {} to {}", self.fault, self.from, self.to)
    }
}

impl Ward<'_> {
    /// Does everything, and says when each was.
    pub async fn suffer(&mut self, steps: &[Step]) -> Vec<Outage> {
        let clock = Clock::system();
        let mut outages = Vec::new();
        for step in steps {
            sleep(Duration::from_millis(step.after)).await;
            let from = clock.now().wall;
            println!("{from} {:?}", step.fault);
            self.break_down(step.fault).await;
            outages.push(Outage { fault: step.fault, from, to: clock.now().wall });
        }
        outages
    }

    async fn break_down(&mut self, fault: Fault) {
        match fault {
            Fault::Kill { down } => {
                self.service.kill();
                pause(down).await;
                self.service.launch();
            }
            Fault::KillBeforeCommit { held } => {
                let lock = self.hold_store();
                pause(held).await;
                self.service.kill();
                drop(lock);
                self.service.launch();
            }
            Fault::RestartBroker { down } => {
                self.broker.stop();
                pause(down).await;
                self.broker.restart();
            }
            Fault::SuspendService { held } => {
                self.service.suspend();
                pause(held).await;
                self.service.resume();
            }
            Fault::SuspendBroker { held } => {
                self.broker.suspend();
                pause(held).await;
                self.broker.resume();
            }
            Fault::HoldStore { held } => {
                let _lock = self.hold_store();
                pause(held).await;
            }
            Fault::LoseStore => self.lose_store().await,
            Fault::FillDisk => self.fill_disk().await,
        }
    }

    async fn lose_store(&mut self) {
        let lock = self.hold_store();
        self.hear_loss().await;
        drop(lock);
        self.hear_return().await;
    }

    async fn fill_disk(&mut self) {
        let Some(disk) = self.disk else {
            return println!("no full disk: mounting a file system is not permitted here");
        };
        disk.fill();
        self.hear_loss().await;
        disk.free();
        self.hear_return().await;
    }

    async fn hear_loss(&mut self) {
        self.losses += 1;
        self.watcher.hear("store.lost", "raised", self.losses).await;
    }

    async fn hear_return(&mut self) {
        self.watcher.hear("store.lost", "cleared", self.losses).await;
    }

    /// Lets nobody commit until its value ends.
    fn hold_store(&self) -> Connection {
        let store = self.service.store();
        store.execute_batch("BEGIN IMMEDIATE").expect("the store's lock");
        store
    }
}

async fn pause(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}
