//! Certificates that end soon, as an alert: without them there is no connection, and nobody hears any alert.

use std::time::Duration;

use actix::Addr;
use tokio::time::Instant;
use tracing::warn;
use wardwatch_actors::clock::{Clock, Span, Timestamp};
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::installation_actor::{Fact, InstallationActor};

use super::setup::Setup;
use crate::link::certificate::CertificateEnd;

/// How long before its end a certificate is reported: two weeks.
const AHEAD: Span = Span::from_hours(14 * 24);
/// How often to look, once there has been time to see the broker's.
const EVERY: Duration = Duration::from_secs(3600);
const FIRST_AFTER: Duration = Duration::from_secs(5);

/// Raises `certificate.expiring`, and ends it when a restart or a connection has brought newer ones.
pub struct CertificateWatch {
    installation: Addr<InstallationActor>,
    clock: Clock,
    /// Those that were read at the start.
    ours: Vec<CertificateEnd>,
    raised: bool,
    look_at: Instant,
}

impl CertificateWatch {
    /// Watches those of this service; `raised` where the alert is open from before a restart.
    pub fn new(installation: Addr<InstallationActor>, setup: &Setup, raised: bool) -> Self {
        let (clock, ours) = (setup.clock.clone(), setup.link.certificates().to_vec());
        Self { installation, clock, ours, raised, look_at: Instant::now() + FIRST_AFTER }
    }

    /// A second went by; the broker's certificate ends then.
    pub fn second(&mut self, broker: Option<Timestamp>) {
        if Instant::now() < self.look_at {
            return;
        }
        self.look_at = Instant::now() + EVERY;
        let now = self.clock.now().wall;
        let words = soonest(&self.ours, broker).and_then(|end| words(&end, now));
        if words.is_some() || self.raised {
            self.raised = words.is_some();
            if let Some(words) = &words {
                warn!("{words}");
            }
            self.installation.do_send(Fact { condition: Condition::CertificateExpiring, words, at: now });
        }
    }
}

fn soonest(ours: &[CertificateEnd], broker: Option<Timestamp>) -> Option<CertificateEnd> {
    let broker = broker.map(|at| CertificateEnd { of: "the broker", at });
    ours.iter().cloned().chain(broker).min_by_key(|end| end.at)
}

fn words(CertificateEnd { of, at }: &CertificateEnd, now: Timestamp) -> Option<String> {
    let ends = if *at <= now { "has ended" } else { "ends" };
    let soon = *at <= now || at.since(now) <= AHEAD;
    soon.then(|| {
        format!("Certificate of {of} {ends} on {at}: without a new one there is no connection to the broker")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_certificate_that_ends_first_is_reported_two_weeks_ahead() {
        let ours =
            [CertificateEnd { of: "WardWatch (mqtt.certificate_file)", at: at("2027-03-01T00:00:00Z") }];
        let soonest = soonest(&ours, Some(at("2026-12-15T00:00:00Z"))).unwrap();
        assert_eq!(words(&soonest, at("2026-11-30T00:00:00Z")), None);
        let expected = "Certificate of the broker ends on 2026-12-15T00:00:00.000Z: without a new one there is no connection to the broker";
        assert_eq!(words(&soonest, at("2026-12-01T00:00:00Z")).as_deref(), Some(expected));
        let ended = words(&soonest, at("2026-12-16T00:00:00Z")).unwrap();
        assert!(ended.starts_with("Certificate of the broker has ended"), "{ended}");
    }
}
