//! What is said when a device's backlog is drained.

use crate::alerts::change::{Event, alert_id};
use crate::alerts::{AlertChange, AlertSet, Caption, Cause, Moment, Passed, Presence, Signal};
use crate::clock::Timestamp;
use crate::conditions::{Condition, Priority};
use crate::people::DeviceId;

/// What is left to say after a device's backlog, and one summary of what came and went.
pub(super) fn release(
    alerts: &mut AlertSet,
    device: &DeviceId,
    moment: &Moment,
    caption: &Caption<'_>,
) -> Vec<AlertChange> {
    let (mut changes, passed, in_all) = alerts.release(device, caption);
    if let Some(first) = passed.first() {
        changes.push(summary(&passed, in_all, first.onset, moment, caption));
    }
    changes
}

/// One advisory word about what came and went while nothing could be told; it is never open.
fn summary(
    passed: &[Passed],
    in_all: u32,
    onset: Timestamp,
    moment: &Moment,
    caption: &Caption<'_>,
) -> AlertChange {
    let named: Vec<_> = passed
        .iter()
        .map(|p| format!("{} ({}) from {} to {}", p.condition, p.priority.name(), p.onset, p.end))
        .collect();
    let more = usize::try_from(in_all).unwrap_or(0).saturating_sub(passed.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let words = format!("While nothing could be told, came and went: {}{more}", named.join("; "));
    let condition = Condition::BacklogSummary;
    AlertChange {
        id: alert_id(caption.subject, &condition, None, Some(onset)),
        sequence: 1,
        event: Event::Raised,
        condition,
        priority: Priority::Info,
        previous_priority: None,
        subject: caption.subject.clone(),
        bed: caption.bed.map(str::to_owned),
        message: words.clone(),
        cause: Cause::Words { words },
        onset,
        time: moment.at,
        reading: moment.reading.clone(),
        presence: Presence::Absent,
        signal: Signal::Off,
        backlog: true,
        simulated: caption.simulated,
        reason: None,
    }
}
