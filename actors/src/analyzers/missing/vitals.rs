//! A vital sign that stops coming while its device goes on; what one probe measures stops as one.

use super::devices::{Stream, Watched};
use super::{MissingCheck, Silence};
use crate::alerts::Cause;
use crate::clock::Uptime;
use crate::conditions::{Condition, Priority};
use crate::vitals::{Vital, VitalSet};

/// What one probe, or one line, measures together: the first names the alert (clinical reference, section 4).
const TOGETHER: [(Vital, &[Vital]); 2] = [
    (Vital::OxygenSaturation, &[Vital::PulseRate]),
    (Vital::SystolicPressure, &[Vital::DiastolicPressure, Vital::MeanPressure]),
];

/// A stream of a vital, with the device it comes from.
type Of<'a> = (&'a Watched<'a>, &'a Stream);

impl MissingCheck<'_> {
    /// Judges each vital by the device from which it was expected last.
    pub(super) fn vitals(&mut self, watched: &[Watched<'_>]) {
        for vital in Vital::ALL {
            if self.not_measured(vital) {
                continue;
            }
            let streams = watched.iter().filter_map(|of| Some((of, of.stream(vital)?)));
            // A device that is gone keeps no other from being reported.
            let expected =
                streams.max_by_key(|(of, stream)| (!of.gone, self.counts_from(of, stream) + stream.span));
            match expected {
                Some(of) => self.vital(vital, of),
                None => self.still_not_measured(vital),
            }
        }
    }

    fn vital(&mut self, vital: Vital, (of, stream): Of<'_>) {
        let measured = self.measured_by_another(vital, of).unwrap_or(stream.heard);
        let from = self.counts_from(of, stream).max(measured);
        let goes_with = leader(vital).and_then(|leader| of.stream(leader)).is_some_and(|leader| {
            // The leader's next value says whether the probe is off; until then they may have stopped as one.
            leader.heard.since(stream.heard) * 2 < stream.span
        });
        let heard_lately = self.view.silent_for(of.device.live, stream.span) * 2 < stream.span;
        let cause = Cause::Missing {
            vital,
            with: self.stopped_with(vital, of),
            since: self.view.now.wall_at(stream.heard.max(measured)),
        };
        self.judge(Silence {
            condition: Condition::Missing(vital),
            cause,
            keeps: stream.heard < from || self.view.chart.not_measured_since(vital).is_some(),
            from,
            span: stream.span,
            lasting_since: None,
            may_begin: !of.gone && !goes_with && (heard_lately || stream.left_out),
        });
    }

    /// When another device measured the vital last, if it speaks: one whose rhythm is not known yet, too.
    fn measured_by_another(&self, vital: Vital, of: &Watched<'_>) -> Option<Uptime> {
        let latest = self.view.chart.latest(vital).filter(|latest| latest.not_measured.is_none())?;
        (!latest.is_of(&of.device.id)).then_some(latest.heard)
    }

    /// Keeps what was said of a vital that nobody is known to measure often: no value ended it.
    fn still_not_measured(&mut self, vital: Vital) {
        let (view, condition) = (self.view, Condition::Missing(vital));
        if let Some((_, since)) = view.chart.not_measured_since(vital).filter(|_| view.tracks(&condition)) {
            let cause = Cause::Missing { vital, with: VitalSet::default(), since };
            self.find(condition, None, Some(Priority::High), cause, None);
        }
    }

    /// What stopped with this vital, because the same probe measures it.
    fn stopped_with(&self, vital: Vital, of: &Watched<'_>) -> VitalSet {
        let others =
            TOGETHER.iter().find(|(leader, _)| *leader == vital).map_or(&[][..], |(_, others)| others);
        let streams = others.iter().filter_map(|other| of.stream(*other));
        let stopped = streams.filter(|other| self.view.silent_for(other.heard, other.span) * 2 >= other.span);
        stopped.map(|other| other.vital).collect()
    }

    /// From when the silence counts: from when its device came back, and from when we hear.
    fn counts_from(&self, of: &Watched<'_>, stream: &Stream) -> Uptime {
        self.view.counts_from(stream.heard, stream.span).max(of.device.back)
    }
}

/// The vital that names the alert of the probe that measures this one too.
pub(super) fn leader(vital: Vital) -> Option<Vital> {
    TOGETHER.iter().find(|(_, others)| others.contains(&vital)).map(|(leader, _)| *leader)
}
