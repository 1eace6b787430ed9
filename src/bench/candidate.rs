//! One process under measurement, its answers, and the load on it; it ends with its value.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{sleep, timeout};

use super::listener::{Listener, TimedAnswer};
use super::load::Load;
use super::packets::{BenchWard, Encoded, Markers};
use super::process::OwnChild;
use super::program::{self, Who};
use super::stores::Folder;
use super::{ASK_EVERY, BenchRun, PATIENCE, broker, process};

/// Readings in one write.
const AT_ONCE: u64 = 64;

/// Readings between two markers, whose answers show how far the candidate is.
const MARKER_EVERY: u64 = 5000;

/// Markers that may be unanswered: the candidate always has readings waiting, and the broker never very many.
const MARKERS_AHEAD: u64 = 3;

/// A process under measurement, its answers, and the load on it.
pub struct Candidate {
    who: Who,
    child: OwnChild,
    /// Goes after the process that writes to it.
    store: Option<Folder>,
    pub listener: Listener<TimedAnswer>,
    pub load: Load,
}

impl Candidate {
    /// Starts the process, and waits until it answers a marker.
    pub async fn start(bench: &BenchRun<'_>, who: Who, markers: &mut Markers) -> Result<Self> {
        let mut candidate = Self::launch(bench, who).await?;
        let answered = timeout(PATIENCE, candidate.until_it_answers(bench, markers)).await;
        answered.context("it does not begin to answer")??;
        Ok(candidate)
    }

    /// Starts the process, with a store of its own.
    pub async fn launch(bench: &BenchRun<'_>, who: Who) -> Result<Self> {
        let (prefix, broker) = (&bench.prefix, &bench.settings.broker);
        let listener = Listener::answers(broker, &bench.topics(), &format!("{prefix}-listener")).await?;
        let load = Load::connect(broker, &format!("{prefix}-devices"), 0).await?;
        let store = match who {
            Who::Sqlite => Some(bench.new_store()?),
            Who::Memory | Who::Plain => None,
        };
        let child = OwnChild::start(program::command(bench, who, store.as_ref()))?;
        Ok(Self { who, child, store, listener, load })
    }

    /// Ends the process as a crash does. The broker keeps its session.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Starts it again on the same store.
    pub fn start_again(&mut self, bench: &BenchRun<'_>) -> Result<()> {
        self.child = OwnChild::start(program::command(bench, self.who, self.store.as_ref()))?;
        Ok(())
    }

    async fn until_it_answers(&mut self, bench: &BenchRun<'_>, markers: &mut Markers) -> Result<()> {
        loop {
            self.load.set_time((bench.settings.wall)());
            self.load.add(markers.take_turn().0);
            self.load.write().await?;
            sleep(ASK_EVERY).await;
            if self.listener.next_now().is_some() {
                return Ok(());
            }
            if let Some(status) = self.child.ended()? {
                bail!("the process under measurement ended by itself, with {status}");
            }
        }
    }

    /// Publishes so many readings as fast as they are followed, and returns when the last is followed.
    pub async fn follow(
        &mut self,
        bench: &BenchRun<'_>,
        ward: &mut BenchWard,
        markers: &mut Markers,
        readings: u64,
    ) -> Result<()> {
        let mut unanswered = VecDeque::new();
        let mut turns = Turns { ward, markers, left: readings };
        while turns.left > 0 {
            unanswered.extend(self.publish_some(bench, &mut turns).await?);
            while let Some(answer) = self.listener.next_now() {
                unanswered.retain(|seq| *seq > answer.seq);
            }
            while unanswered.len() as u64 > MARKERS_AHEAD {
                let answer = self.listener.next().await?;
                unanswered.retain(|seq| *seq > answer.seq);
            }
        }
        if let Some(last) = unanswered.back() {
            self.until_answered(*last).await?;
        }
        Ok(())
    }

    /// Publishes so many readings as fast as the broker takes them; answers the first and the last, both markers.
    pub async fn publish(
        &mut self,
        bench: &BenchRun<'_>,
        ward: &mut BenchWard,
        markers: &mut Markers,
        readings: u64,
    ) -> Result<(u64, u64)> {
        let first = self.load.add(markers.take_turn().0);
        let mut turns = Turns { ward, markers, left: readings - 1 };
        let mut last = first;
        while turns.left > 0 {
            last = self.publish_some(bench, &mut turns).await?.pop().unwrap_or(last);
        }
        Ok((first, last))
    }

    /// Publishes the next readings in one write, and answers the markers among them; the very last is one.
    async fn publish_some(&mut self, bench: &BenchRun<'_>, turns: &mut Turns<'_>) -> Result<Vec<u64>> {
        let mut markers = Vec::new();
        self.load.set_time((bench.settings.wall)());
        for _ in 0..AT_ONCE.min(turns.left) {
            let (packet, is_marker) = turns.take();
            let seq = self.load.add(packet);
            markers.extend(is_marker.then_some(seq));
        }
        self.load.write().await?;
        Ok(markers)
    }

    /// Waits until this reading or a later one is answered.
    pub async fn until_answered(&mut self, seq: u64) -> Result<TimedAnswer> {
        loop {
            let answer = self.listener.next().await?;
            if answer.seq >= seq {
                return Ok(answer);
            }
        }
    }

    /// The CPU that it has used.
    pub fn cpu(&self) -> Result<Duration> {
        process::cpu(self.child.id())
    }

    /// The CPU that it has used since then.
    pub fn cpu_since(&self, before: Duration) -> Result<Duration> {
        process::cpu_since(self.child.id(), before)
    }

    /// The memory that it has now, in bytes.
    pub fn memory(&self) -> Result<u64> {
        process::memory(self.child.id())
    }

    /// Ends the process, its store, and its sessions at the broker.
    pub async fn end(mut self, bench: &BenchRun<'_>) -> Result<()> {
        self.child.kill();
        if let Some(store) = self.store {
            store.remove()?;
        }
        broker::forget_sessions(&bench.settings.broker, &program::client_ids(&bench.prefix)).await
    }
}

/// The readings of a ward, with a marker among so many of them.
struct Turns<'a> {
    ward: &'a mut BenchWard,
    markers: &'a mut Markers,
    left: u64,
}

impl Turns<'_> {
    /// The next packet, and whether it is a marker.
    fn take(&mut self) -> (Encoded<'_>, bool) {
        self.left -= 1;
        match self.left.is_multiple_of(MARKER_EVERY) {
            true => (self.markers.take_turn().0, true),
            false => (self.ward.take_turn(), false),
        }
    }
}
