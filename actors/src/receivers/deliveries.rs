//! What has been published of one subject and is not confirmed yet.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Confirmation, asks_for_confirmation};
use crate::alerts::{AlertChange, Cause, Finding, Moment, Presence, Timing};
use crate::clock::{Span, Uptime};
use crate::conditions::{Condition, Priority};
use crate::people::ReceiverName;
use crate::settings::Receivers;

/// How many changes of one subject wait for a confirmation at most; the oldest then counts as not confirmed.
const MOST: usize = 256;

/// What has been published of one subject and is not confirmed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deliveries {
    /// In the order in which they were published.
    pending: Vec<Pending>,
    /// Whose time is over, one of a receiver.
    overdue: Vec<Overdue>,
}

/// A change that a receiver has yet to confirm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    receiver: ReceiverName,
    alert: Uuid,
    sequence: u32,
    condition: Condition,
    due: Uptime,
}

/// A change that a receiver did not confirm in time, the first of those that it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overdue {
    pub receiver: ReceiverName,
    alert: Uuid,
    sequence: u32,
    condition: Condition,
    /// Whether somebody there rejected it.
    #[serde(default)]
    rejected: bool,
}

impl Deliveries {
    /// Whether nothing is to be confirmed.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.overdue.is_empty()
    }

    /// What is published now is to be confirmed by whoever it concerns; where one of those is gone and the site calls
    /// nobody for the alert, its fallback route is called.
    pub fn ask_for(
        &mut self,
        changes: &mut [AlertChange],
        receivers: &Receivers,
        gone: &BTreeSet<ReceiverName>,
        now: Uptime,
    ) {
        if receivers.is_empty() {
            return;
        }
        for change in changes.iter_mut().filter(|change| asks_for_confirmation(&change.condition)) {
            let priorities = [Some(change.priority), change.previous_priority];
            for (name, receiver) in receivers {
                if !receiver.receives(priorities, &change.subject) {
                    continue;
                }
                if gone.contains(name) {
                    change.route.get_or_insert_with(|| receiver.fallback.clone());
                    continue;
                }
                self.pending.push(Pending {
                    receiver: name.clone(),
                    alert: change.id,
                    sequence: change.sequence,
                    condition: change.condition.clone(),
                    due: now + receiver.within,
                });
            }
        }
        let beyond = self.pending.len().saturating_sub(MOST);
        let oldest: Vec<_> = self.pending.drain(..beyond).collect();
        oldest.into_iter().for_each(|pending| self.note_overdue(pending, false));
    }

    /// A receiver has confirmed a change, and with it all earlier ones of its alert. What else it missed of alerts that
    /// are over is not asked for any more.
    pub fn confirm(&mut self, by: &Confirmation, is_open: impl Fn(Uuid) -> bool) {
        let covers = |receiver: &ReceiverName, alert: Uuid, sequence: u32| {
            *receiver == by.receiver && alert == by.alert && sequence <= by.sequence
        };
        self.pending.retain(|of| !covers(&of.receiver, of.alert, of.sequence));
        self.overdue.retain(|of| {
            !covers(&of.receiver, of.alert, of.sequence) && (of.receiver != by.receiver || is_open(of.alert))
        });
    }

    /// Somebody there rejects, and nobody else is called by the site: whoever stands in for it is.
    pub fn reject(&mut self, by: &Confirmation, condition: Condition) {
        let Confirmation { receiver, alert, sequence, .. } = by.clone();
        self.note_overdue(Pending { receiver, alert, sequence, condition, due: Uptime::START }, true);
    }

    /// Whose time is over at `due`; whether there are any.
    pub fn run_out(&mut self, due: Uptime) -> bool {
        let over: Vec<_> = self.pending.extract_if(.., |of| of.due <= due).collect();
        let any = !over.is_empty();
        over.into_iter().for_each(|pending| self.note_overdue(pending, false));
        any
    }

    fn note_overdue(
        &mut self,
        Pending { receiver, alert, sequence, condition, .. }: Pending,
        rejected: bool,
    ) {
        if !self.overdue.iter().any(|of| of.receiver == receiver) {
            self.overdue.push(Overdue { receiver, alert, sequence, condition, rejected });
        }
    }

    /// When the time of the first is over.
    pub fn deadline(&self) -> Option<Uptime> {
        self.pending.iter().map(|of| of.due).min()
    }

    /// Nothing more is asked of this receiver: it is gone, and that is an alert of its own; or it is listed no more.
    pub fn give_up(&mut self, mut whom: impl FnMut(&ReceiverName) -> bool) {
        self.pending.retain(|of| !whom(&of.receiver));
        self.overdue.retain(|of| !whom(&of.receiver));
    }

    /// The receivers that did not confirm in time.
    pub fn overdue(&self) -> impl Iterator<Item = &ReceiverName> {
        self.overdue.iter().map(|of| &of.receiver)
    }

    /// The alerts of which something is to be confirmed.
    pub fn alerts(&self) -> impl Iterator<Item = Uuid> {
        self.pending.iter().map(|of| of.alert).chain(self.overdue.iter().map(|of| of.alert))
    }

    /// Whether this change is to be confirmed.
    pub fn is_pending(&self, alert: Uuid, sequence: u32) -> bool {
        self.pending.iter().any(|of| of.alert == alert && of.sequence == sequence)
    }

    /// After a restart: what is `published` again gets its time anew, and of what is over nothing more is asked.
    pub fn begin_anew(
        &mut self,
        receivers: &Receivers,
        now: Uptime,
        is_published: impl Fn(Uuid, u32) -> bool,
    ) {
        self.give_up(|receiver| !receivers.contains_key(receiver));
        self.pending.retain(|of| is_published(of.alert, of.sequence));
        for of in &mut self.pending {
            of.due = now + receivers.get(&of.receiver).map_or(Span::ZERO, |receiver| receiver.within);
        }
    }

    /// Moves what was noted on the uptime clock by `by`.
    pub fn shift(&mut self, by: Span) {
        self.pending.iter_mut().for_each(|of| of.due = of.due + by);
    }

    /// What there is to say of what was not confirmed, and who is called for it.
    pub fn finding(&self, receivers: &Receivers, moment: &Moment) -> Option<Finding> {
        if self.overdue.is_empty() {
            return None;
        }
        let said = |of: &Overdue| {
            let Overdue { receiver, condition, rejected, .. } = of;
            let within = receivers.get(receiver).map_or(Span::ZERO, |receiver| receiver.within);
            match rejected {
                true => format!("{receiver} rejected {condition}"),
                false => format!("{receiver} did not confirm {condition} within {within}"),
            }
        };
        let words: Vec<_> = self.overdue.iter().map(said).collect();
        Some(Finding {
            condition: Condition::DeliveryUnconfirmed(None),
            reached: Some(Priority::High),
            kept: Some(Priority::High),
            presence: Presence::Present,
            cause: Cause::Words { words: words.join("; ") },
            at: moment.at,
            measured: moment.measured,
            reading: None,
            timing: Timing::IMMEDIATE,
            reason: None,
        })
    }

    /// Who stands in for the first receiver that did not confirm.
    pub fn fallback<'a>(&self, receivers: &'a Receivers) -> Option<&'a str> {
        let receiver = self.overdue.iter().find_map(|of| receivers.get(&of.receiver))?;
        Some(&receiver.fallback)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ConfirmationStatus;
    use super::*;
    use crate::alerts::{Caption, wording};
    use crate::clock::{Now, Timestamp};
    use crate::people::Subject;
    use crate::vitals::Vital;

    fn receivers() -> Receivers {
        let text = r#"{"pager":{"filters":["alerts/high/icu-1/#"],"within":"10s","fallback":"charge-nurse"},
            "screen":{"filters":["alerts/#"],"within":"2s","fallback":"technician"}}"#;
        serde_json::from_str(text).unwrap()
    }

    fn change(alert: u128, sequence: u32, condition: Condition, priority: Priority) -> AlertChange {
        let subject = Subject::Patient("icu-1/p-17".parse().unwrap());
        let at = Timestamp::from_unix_ms(0);
        let caption = Caption {
            subject: &subject,
            bed: None,
            simulated: false,
            words_of: |_| wording::plain,
            stay: at,
            policy: None,
        };
        let word =
            AlertChange::word(Uuid::from_u128(alert), (condition, priority), String::new(), &caption, at);
        AlertChange { sequence, ..word }
    }

    fn high(alert: u128, sequence: u32) -> AlertChange {
        change(alert, sequence, Condition::High(Vital::HeartRate), Priority::High)
    }

    fn at(ms: i64) -> Uptime {
        Uptime::from_ms(ms)
    }

    fn name(name: &str) -> ReceiverName {
        name.parse().unwrap()
    }

    fn confirms(receiver: &str, alert: u128, sequence: u32) -> Confirmation {
        let (receiver, alert) = (name(receiver), Uuid::from_u128(alert));
        Confirmation { receiver, alert, sequence, status: ConfirmationStatus::Received }
    }

    /// What was published of alert 1 by now, all of it at once.
    fn expecting(changes: &mut [AlertChange]) -> Deliveries {
        let mut deliveries = Deliveries::default();
        deliveries.ask_for(changes, &receivers(), &BTreeSet::new(), at(0));
        deliveries
    }

    fn overdue(deliveries: &Deliveries) -> Vec<String> {
        deliveries.overdue().map(ToString::to_string).collect()
    }

    fn words(deliveries: &Deliveries) -> Option<String> {
        let moment = Moment::without_reading(Now { uptime: at(0), wall: Timestamp::from_unix_ms(0) });
        match deliveries.finding(&receivers(), &moment)?.cause {
            Cause::Words { words } => Some(words),
            _ => None,
        }
    }

    #[test]
    fn whoever_does_not_confirm_in_its_time_is_named_with_who_stands_in_for_it() {
        let mut deliveries = expecting(&mut [high(1, 1)]);
        assert_eq!(deliveries.deadline(), Some(at(2000)));
        assert!(!deliveries.run_out(at(1999)));
        assert!(deliveries.run_out(at(2000)));
        assert_eq!(words(&deliveries).as_deref(), Some("screen did not confirm heart_rate.high within 2 s"));
        assert_eq!(deliveries.fallback(&receivers()), Some("technician"));
        deliveries.confirm(&confirms("pager", 1, 1), |_| true);
        assert_eq!((deliveries.deadline(), overdue(&deliveries)), (None, vec!["screen".to_owned()]));
        deliveries.confirm(&confirms("screen", 1, 1), |_| true);
        assert!(deliveries.is_empty() && words(&deliveries).is_none());
    }

    #[test]
    fn a_confirmation_covers_all_earlier_changes_of_its_alert_and_no_other() {
        // (what is confirmed, what is still awaited of pager)
        for (alert, sequence, left) in
            [(1, 2, vec![(1, 3), (2, 1)]), (1, 3, vec![(2, 1)]), (2, 9, vec![(1, 1), (1, 2), (1, 3)])]
        {
            let mut deliveries = expecting(&mut [high(1, 1), high(1, 2), high(1, 3), high(2, 1)]);
            deliveries.confirm(&confirms("pager", alert, sequence), |_| true);
            let of_pager = deliveries.pending.iter().filter(|of| of.receiver == name("pager"));
            let awaited: Vec<_> = of_pager.map(|of| (of.alert.as_u128(), of.sequence)).collect();
            assert_eq!(awaited, left, "{alert} {sequence}");
        }
    }

    #[test]
    fn each_confirms_what_it_is_listed_for_and_what_says_that_nobody_answers_asks_for_nothing() {
        let mut deliveries = expecting(&mut [
            change(1, 1, Condition::High(Vital::HeartRate), Priority::Medium),
            change(2, 1, Condition::AlertUnanswered, Priority::High),
            change(3, 1, Condition::DeliveryUnconfirmed(None), Priority::High),
        ]);
        deliveries.run_out(at(60_000));
        assert_eq!(overdue(&deliveries), ["screen"]);
        assert_eq!(deliveries.alerts().collect::<Vec<_>>(), [Uuid::from_u128(1)]);
        // One whose priority fell is published on the topic of the one before, too.
        let fallen = AlertChange {
            previous_priority: Some(Priority::High),
            ..change(4, 2, Condition::High(Vital::HeartRate), Priority::Medium)
        };
        assert_eq!(expecting(&mut [fallen]).alerts().count(), 2);
    }

    #[test]
    fn of_whoever_is_gone_nothing_is_asked_and_its_fallback_is_called_where_nobody_else_is() {
        let (mut deliveries, gone) = (Deliveries::default(), BTreeSet::from([name("pager")]));
        let called = AlertChange { route: Some("nurse".to_owned()), ..high(2, 1) };
        let mut changes = [high(1, 1), called];
        deliveries.ask_for(&mut changes, &receivers(), &gone, at(0));
        let routes = changes.map(|change| change.route);
        assert_eq!(routes, [Some("charge-nurse".to_owned()), Some("nurse".to_owned())]);
        deliveries.run_out(at(60_000));
        assert_eq!(overdue(&deliveries), ["screen"]);
        deliveries.give_up(|receiver| *receiver == name("screen"));
        assert!(deliveries.is_empty());
    }

    #[test]
    fn what_was_missed_of_an_alert_that_is_over_ends_with_the_next_confirmation() {
        let mut deliveries = expecting(&mut [high(1, 1), high(2, 1)]);
        deliveries.run_out(at(60_000));
        deliveries.confirm(&confirms("screen", 2, 1), |_| true);
        assert_eq!(overdue(&deliveries), ["pager", "screen"], "alert 1 is open");
        deliveries.confirm(&confirms("screen", 2, 1), |alert| alert == Uuid::from_u128(2));
        assert_eq!(overdue(&deliveries), ["pager"]);
    }

    #[test]
    fn more_than_can_be_meant_counts_as_not_confirmed_and_takes_no_more_room() {
        let mut changes: Vec<_> = (1..=MOST as u32).map(|sequence| high(1, sequence)).collect();
        let deliveries = expecting(&mut changes);
        assert_eq!((deliveries.pending.len(), overdue(&deliveries).len()), (MOST, 2));
    }

    #[test]
    fn after_a_restart_what_is_published_again_has_its_time_anew() {
        let mut deliveries = expecting(&mut [high(1, 1), high(2, 1)]);
        deliveries.run_out(at(2000));
        deliveries.shift(Span::from_ms(-500));
        deliveries.begin_anew(&receivers(), at(60_000), |alert, _| alert == Uuid::from_u128(1));
        assert_eq!((deliveries.deadline(), deliveries.pending.len()), (Some(at(70_000)), 1));
        assert!(
            deliveries.is_pending(Uuid::from_u128(1), 1) && !deliveries.is_pending(Uuid::from_u128(2), 1)
        );
        assert_eq!(overdue(&deliveries), ["screen"], "and who did not confirm before has not done so since");
    }
}
