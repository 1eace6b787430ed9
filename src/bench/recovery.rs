//! How long a service that was killed takes until it watches all of its patients again.

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::BenchRun;
use super::candidate::Candidate;
use super::program::Who;
use super::spread::Spread;
use super::table::{Table, number};
use super::witness::{Beat, Witness};

/// Readings of each patient. Only the first is in the snapshot that its alert brought; the others are observed
/// again at the restart. With a fourth, all of them would soon be silent.
const READINGS_EACH: usize = 3;

/// Readings in one write.
const AT_ONCE: usize = 64;

/// What a restart takes and finds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Recovery {
    pub patients: u64,
    pub open_alerts: u64,
    /// From starting the process until its first heartbeat arrives that says `listening`, with all patients and
    /// all open alerts, to a tenth of a second: by then the store is read, what was pending in the last run is with the
    /// broker, the admission records are heard, so is all that was queued, and everybody is watched again.
    pub seconds: Spread,
    /// Alerts that were raised though they were known, each under its known id: changes that the broker had,
    /// which the store did not know yet when it was killed.
    pub raised_again: u64,
    /// Alerts that were raised of which nobody knew, though nothing happened.
    pub raised_anew: u64,
}

/// One restart.
#[derive(Debug, Clone, Copy)]
struct RecoveryRound {
    patients: u64,
    open_alerts: u64,
    seconds: f64,
    raised_again: u64,
    raised_anew: u64,
}

/// Opens the alerts, and kills and starts the service in each round.
pub async fn measure(bench: &BenchRun<'_>) -> Result<Recovery> {
    let settings = bench.settings;
    bench.report(&format!("recovery: an open alert for each of {} patients", settings.restored_patients));
    let mut witness = Witness::start(bench).await?;
    let mut candidate = Candidate::launch(bench, Who::Sqlite).await?;
    witness.until("the service to listen", Beat::listens).await?;
    open_alerts(bench, &mut candidate).await?;
    let mut rounds = Vec::new();
    for round in 1..=settings.rounds {
        bench.report(&format!("recovery, round {round} of {}", settings.rounds));
        rounds.push(measure_round(bench, &mut witness, &mut candidate).await?);
    }
    candidate.end(bench).await?;
    let most = |of: fn(&RecoveryRound) -> u64| rounds.iter().map(of).max().unwrap_or_default();
    Ok(Recovery {
        patients: most(|round| round.patients),
        open_alerts: most(|round| round.open_alerts),
        seconds: Spread::of(rounds.iter().map(|round| round.seconds)),
        raised_again: rounds.iter().map(|round| round.raised_again).sum(),
        raised_anew: rounds.iter().map(|round| round.raised_anew).sum(),
    })
}

/// Lets the SpO2 of everybody fall, and stay low.
async fn open_alerts(bench: &BenchRun<'_>, candidate: &mut Candidate) -> Result<()> {
    let patients = bench.settings.restored_patients;
    for _ in 0..READINGS_EACH {
        let mut falls = bench.markers(patients)?;
        for patient in 0..patients {
            if patient % AT_ONCE == 0 {
                candidate.load.write().await?;
                candidate.load.set_time((bench.settings.wall)());
            }
            candidate.load.add(falls.take_turn().0);
        }
        candidate.load.write().await?;
    }
    Ok(())
}

async fn measure_round(
    bench: &BenchRun<'_>,
    witness: &mut Witness,
    candidate: &mut Candidate,
) -> Result<RecoveryRound> {
    let everybody = bench.settings.restored_patients as u64;
    let settled = witness.ask_until("every alert to be committed and published", |beat| {
        beat.is_settled() && beat.patients == everybody && beat.open_alerts >= everybody
    });
    let (before, _) = settled.await?;
    witness.count_anew();
    candidate.kill();
    let begun = Instant::now();
    candidate.start_again(bench)?;
    let restored = witness.ask_until("all patients and all their open alerts to be restored", |beat| {
        beat.started != before.started
            && (beat.patients, beat.open_alerts) == (before.patients, before.open_alerts)
    });
    let (Beat { patients, open_alerts, .. }, heard) = restored.await?;
    witness.ask_until("nothing pending any more", Beat::is_settled).await?;
    let (raised_anew, raised_again) = witness.raised();
    let seconds = heard.duration_since(begun).as_secs_f64();
    Ok(RecoveryRound { patients, open_alerts, seconds, raised_again, raised_anew })
}

impl Recovery {
    /// Adds the figures.
    pub fn add_to(&self, table: &mut Table) {
        let [patients, open_alerts] = [self.patients, self.open_alerts].map(|count| number(count as f64, 0));
        table.spread(format!("recovery of {patients} patients, s"), self.seconds, 2, "≤ 5 (10,000)");
        table.one(format!("  of {open_alerts} open alerts raised anew"), self.raised_anew as f64, 0, "0");
        table.one("  raised again, under their known ids", self.raised_again as f64, 0, "");
    }
}
