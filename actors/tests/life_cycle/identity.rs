//! Ids, the end of a stay, and the order of timers.

use uuid::Uuid;
use wardwatch_actors::alerts::Moment;
use wardwatch_actors::clock::Uptime;
use wardwatch_actors::conditions::Condition;
use wardwatch_actors::vitals::Vital;

use super::bedside::*;

// Ids.

#[test]
fn the_id_follows_from_the_onset_reading_and_the_next_occurrence_has_another() {
    let run = || {
        let mut bedside = Bedside::new(timing(0, 0, 0));
        for (at, rate) in [(0, 130), (1, 80), (2, 130), (3, 80)] {
            bedside.reads(at, Rate(rate));
        }
        bedside.published.iter().map(|change| (change.id, change.sequence)).collect::<Vec<_>>()
    };
    let published = run();
    assert_eq!(published, run());
    assert_eq!(published.iter().map(|(_, sequence)| *sequence).collect::<Vec<_>>(), [1, 2, 1, 2]);
    assert_eq!((published[0].0, published[2].0), (published[1].0, published[3].0));
    assert_ne!(published[0].0, published[2].0);
}

#[test]
fn the_id_is_that_of_the_first_reading_beyond_the_limit_however_the_delay_ends() {
    let id = |bedside: Bedside| bedside.published[0].id;
    let mut by_reading = Bedside::new(DELAYED);
    by_reading.reads(0, Rate(130));
    by_reading.reads(10, Rate(130));
    let mut by_timer = Bedside::new(DELAYED);
    by_timer.reads(0, Rate(130));
    by_timer.timers(60_000);
    assert_eq!(id(by_reading), id(by_timer));
}

#[test]
fn without_an_onset_reading_the_end_of_the_last_such_alert_names_the_next() {
    let mut bedside = Bedside::new(timing(0, 0, 0));
    for (at, found) in [(0, Rate(130)), (1, Nothing), (2, Rate(130)), (3, Nothing)] {
        bedside.rechecks(at, found);
    }
    let ids: Vec<Uuid> = bedside.published.iter().map(|change| change.id).collect();
    assert_eq!((ids[0], ids[2]), (ids[1], ids[3]));
    assert_ne!(ids[0], ids[2]);
}

// The end of a stay, and timers that fail.

#[test]
fn a_discharge_clears_what_is_open_and_says_why() {
    let mut bedside = Bedside::new(timing(0, 5, 0));
    bedside.reads(0, Rate(130));
    bedside.reads(1, Rate(160));
    let changes = bedside.alerts.end("discharged", Bedside::now(3), &Bedside::caption(&bedside.subject));
    bedside.published.extend(changes);
    bedside.timers(60_000);
    assert_eq!(bedside.lines(), ["0 raised medium", "3 cleared medium"]);
    let cleared = &bedside.published[1];
    assert_eq!(cleared.reason.as_deref(), Some("discharged"));
    assert_eq!(cleared.message, "Heart rate 160 /min, above 120 /min; ended: discharged");
    assert!(bedside.alerts.is_quiet());
}

#[test]
fn due_timers_run_by_deadline_and_then_by_condition() {
    let mut bedside = Bedside::new(DELAYED);
    let subject = bedside.subject.clone();
    let caption = Bedside::caption(&subject);
    let at = |second: i64| Moment::without_reading(Bedside::now(second));
    let finding = |vital, at: i64| {
        let mut finding = Bedside::new(DELAYED).findings(at, Rate(130), None).remove(0);
        finding.condition = Condition::High(vital);
        finding
    };
    let (late, early) = (finding(Vital::HeartRate, 1), finding(Vital::Temperature, 0));
    let also_early = finding(Vital::RespiratoryRate, 0);
    bedside.alerts.judge(&RULE, vec![early.clone(), also_early.clone()], &at(0), &caption);
    bedside.alerts.judge(&RULE, vec![late, early, also_early], &at(1), &caption);
    bedside.timers(60_000);
    let conditions: Vec<_> = bedside.published.iter().map(|change| change.condition.to_string()).collect();
    assert_eq!(conditions, ["respiratory_rate.high", "temperature.high", "heart_rate.high"]);
}

#[test]
fn a_timer_that_was_given_up_publishes_nothing_and_the_next_reading_decides() {
    let mut bedside = Bedside::new(DELAYED);
    bedside.reads(0, Rate(130));
    bedside.alerts.drop_timers(Uptime::from_ms(11_000));
    assert_eq!(bedside.alerts.next_deadline(), None);
    bedside.timers(20_000);
    bedside.reads(21, Rate(130));
    bedside.reads(31, Rate(130));
    assert_eq!(bedside.lines(), ["31 raised medium"]);
}
