//! What pages and programs ask of the store, against hand counts.

use wardwatch_actors::alerts::Author;

use super::*;
use crate::config::StoreUrl;
use crate::feed::archive::{
    AlertQuery, AlertSpan, Archive, ArchiveFault, InsightCount, InsightQuery, PatientTrends, Period,
    TrendPoint,
};
use crate::store::StoreArchive;

fn archive(trial: &StoreTrial) -> StoreArchive {
    StoreArchive::at(&StoreUrl::Sqlite(trial.path()))
}

/// The reading of this second with a heart rate.
fn beat(second: i64, heart_rate: i32) -> Box<Reading> {
    let mut reading = reading(second);
    reading.values.set(Vital::HeartRate, Quantity::whole(heart_rate));
    reading
}

fn of_heart_rate(trends: &PatientTrends) -> Vec<(i64, String)> {
    let of = trends.vitals.iter().find(|trend| trend.vital == Vital::HeartRate);
    let point = |point: &TrendPoint| {
        let TrendPoint { at: begin, low, mean, high, count } = point;
        (begin.since(at(0)).as_ms() / 1000, format!("{low} {mean} {high} ×{count}"))
    };
    of.map_or_else(Vec::new, |trend| trend.points.iter().map(point).collect())
}

fn minutes(trial: &StoreTrial, minutes: i64) -> Vec<(i64, String)> {
    let period = Period { from: at(0), to: at(minutes * 60) };
    of_heart_rate(&archive(trial).trends(&patient(), period, 30).unwrap())
}

/// Has the store take a heart rate of this second.
fn takes(trial: &StoreTrial, store: &Store, second: i64, heart_rate: i32) {
    store.take(StoreInput { reading: Some(beat(second, heart_rate)), ..entry(trial, second) });
}

/// Heart rates of three minutes, with a commit that failed, a crash in the second minute, and one that came late.
fn minutes_with_troubles() -> StoreTrial {
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    takes(&trial, &store, 1, 70);
    let locked = trial.other();
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    takes(&trial, &store, 2, 80);
    wait_until("a commit failed", || store.status().fault.is_some());
    locked.execute_batch("ROLLBACK").unwrap();
    drop(locked);
    takes(&trial, &store, 59, 75);
    takes(&trial, &store, 61, 100);
    trial.wait_for(&[Seen::Settled(61)]);
    drop(store);
    let (store, _) = trial.open();
    takes(&trial, &store, 62, 101);
    // Of the first minute, ten minutes late.
    let mut late = beat(700, 60);
    (late.observed_at, late.judged_at) = (Some(at(30)), Some(at(30)));
    store.take(StoreInput { reading: Some(late), ..entry(&trial, 700) });
    takes(&trial, &store, 1300, 99);
    trial.wait_for(&[Seen::Settled(1300)]);
    trial.close(&store);
    trial
}

fn of(begin: i64, words: &str) -> (i64, String) {
    (begin, words.to_owned())
}

#[test]
fn minutes_hold_every_reading_once_through_retries_late_readings_and_crashes() {
    let trial = minutes_with_troubles();
    let found = minutes(&trial, 25);
    assert_eq!(found, [of(0, "60 71.25 80 ×4"), of(60, "100 100.5 101 ×2"), of(1260, "99 99 99 ×1")]);
    trial.reopened();
    assert_eq!(minutes(&trial, 25), found);
    let period = Period { from: at(0), to: at(1500) };
    let coarse = archive(&trial).trends(&patient(), period, 6).unwrap();
    assert_eq!(coarse.step, Span::from_mins(5));
    assert_eq!(of_heart_rate(&coarse), [of(0, "60 81 101 ×6"), of(1200, "99 99 99 ×1")]);
}

#[test]
fn a_short_period_is_answered_in_seconds_and_nobody_has_no_trend() {
    let trial = minutes_with_troubles();
    let period = Period { from: at(0), to: at(70) };
    let fine = archive(&trial).trends(&patient(), period, 100).unwrap();
    let beats = [of(1, "70 70 70 ×1"), of(2, "80 80 80 ×1"), of(59, "75 75 75 ×1"), of(61, "100 100 100 ×1")];
    assert_eq!((fine.step, &of_heart_rate(&fine)[..4]), (Span::from_secs(1), &beats[..]));
    let nobody = archive(&trial).trends(&"icu-1/p-1".parse().unwrap(), period, 100).unwrap();
    assert!(nobody.vitals.is_empty());
}

/// The second of an end, and why it came.
type AlertEnd<'a> = (i64, Option<&'a str>);

/// The changes of one alert, as a ward had it: seconds of its raise, of its acknowledgement, of its end and why.
fn alert(
    of: &str,
    condition: Condition,
    (raised_at, acknowledged, ended): (i64, Option<i64>, Option<AlertEnd<'_>>),
) -> Vec<AlertChange> {
    let of = match of.strip_suffix("/_") {
        Some(unit) => Subject::Unit(unit.parse().unwrap()),
        None => Subject::Patient(of.parse().unwrap()),
    };
    let id = alert_id(&of, &condition, None, Some(at(raised_at)), Again::First, None);
    let first = AlertChange { id, subject: of, condition, ..raised(raised_at) };
    let by = Author { sender: "nurse-call".to_owned(), by: "anna".to_owned(), reason: None };
    let seen = acknowledged.map(|second| AlertChange {
        sequence: 2,
        event: Event::Acknowledged,
        time: at(second),
        author: Some(by),
        ..first.clone()
    });
    let over = ended.map(|(second, reason)| AlertChange {
        sequence: 3,
        event: Event::Cleared,
        time: at(second),
        reason: reason.map(str::to_owned),
        ..first.clone()
    });
    [Some(first), seen, over].into_iter().flatten().collect()
}

/// A ward of three patients on two units over two days, with what does not count among it.
fn ward() -> StoreTrial {
    const DAY: i64 = 24 * 3600;
    let trial = StoreTrial::new();
    let (store, _) = trial.open();
    let (high, low) = (Condition::High(Vital::HeartRate), Condition::Low(Vital::OxygenSaturation));
    let hour = 3600;
    let alerts = [
        ("icu-1/p-1", &high, (0, None, Some((20, None)))), // 08:00, over by itself after 20 s
        ("icu-1/p-1", &high, (300, Some(360), Some((420, None)))),
        ("icu-1/p-1", &high, (600, None, Some((631, None)))),
        ("icu-1/p-1", &high, (3 * hour, None, None)), // 11:00, open
        (
            "icu-1/p-2",
            &low,
            (3 * hour + 1800, Some(3 * hour + 1830), Some((3 * hour + 1835, Some("discharged")))),
        ),
        ("icu-2/p-3", &high, (4 * hour, Some(4 * hour + 300), None)), // 12:00, open
        ("icu-2/p-3", &high, (16 * hour - 1, None, Some((16 * hour + 10, None)))), // 23:59:59
        ("icu-1/_", &Condition::PatientUnheard, (50, None, None)),
        ("icu-2/p-3", &Condition::BacklogSummary, (60, None, None)),
        ("icu-2/p-3", &Condition::AlertTest, (70, None, Some((70, Some("test"))))),
        ("icu-1/p-1", &high, (-10 * DAY, None, Some((-10 * DAY + 5, None)))), // before the period
    ];
    for (number, (of, condition, times)) in alerts.into_iter().enumerate() {
        let test = *condition == Condition::AlertTest;
        let changes =
            alert(of, condition.clone(), times).into_iter().map(|change| AlertChange { test, ..change });
        let number = 10_000 + number as i64;
        let mut entry = StoreInput::about(subject(), at(0), trial.receipt(number));
        entry.changes = changes.collect();
        store.take(entry);
    }
    measured(&trial, &store);
    trial.close(&store);
    trial
}

/// Of two of the patients something is measured, of one of them on both days.
fn measured(trial: &StoreTrial, store: &Store) {
    const DAY: i64 = 24 * 3600;
    for (of, second) in [("icu-1/p-1", 1), ("icu-1/p-1", DAY), ("icu-2/p-3", 2), ("icu-2/p-3", 300)] {
        let mut entry =
            StoreInput::about(Subject::Patient(of.parse().unwrap()), at(second), trial.receipt(second));
        entry.reading = Some(beat(second, 80));
        store.take(entry);
    }
}

fn counts(of: &[InsightCount]) -> Vec<String> {
    let words = |count: &InsightCount| format!("{} {} {:?}", count.name, count.alerts, count.a_bed_and_day);
    of.iter().map(words).collect()
}

#[test]
fn how_a_ward_fared_is_what_a_hand_count_says() {
    let trial = ward();
    let period = Period { from: at(-8 * 3600), to: at(40 * 3600) }; // two days of UTC
    let wanted = InsightQuery { period, unit: None, utc_offset: Span::ZERO };
    let insight = archive(&trial).insight(&wanted).unwrap();
    assert_eq!((insight.alerts, insight.bed_days), (7, 3));
    assert_eq!(
        counts(&insight.by_condition),
        ["heart_rate.high 6 Some(2.0)", "oxygen_saturation.low 1 Some(0.3333333333333333)"]
    );
    assert_eq!(counts(&insight.by_unit), ["icu-1 5 Some(2.5)", "icu-2 2 Some(2.0)"]);
    assert_eq!(
        counts(&insight.patients),
        ["icu-1/p-1 4 Some(2.0)", "icu-2/p-3 2 Some(2.0)", "icu-1/p-2 1 None"]
    );
    assert_eq!(insight.conditions, insight.by_condition);
    let by_hour = |insight: &crate::feed::archive::Insight| -> Vec<(usize, u64)> {
        insight.by_hour.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect()
    };
    assert_eq!(by_hour(&insight), [(8, 3), (11, 2), (12, 1), (23, 1)]);
    assert_eq!((insight.ended, insight.cleared_itself, insight.acknowledged), (5, 2, 3));
    let waits = (insight.to_acknowledge_median, insight.to_acknowledge_p90);
    assert_eq!(waits, (Some(Span::from_secs(60)), Some(Span::from_secs(300))));

    let of_unit =
        InsightQuery { unit: Some("icu-2".parse().unwrap()), utc_offset: Span::from_hours(2), ..wanted };
    let insight = archive(&trial).insight(&of_unit).unwrap();
    assert_eq!((insight.alerts, insight.bed_days, insight.ended, insight.cleared_itself), (2, 1, 1, 1));
    assert_eq!(by_hour(&insight), [(1, 1), (14, 1)]);
}

/// The alerts of a page, a line each.
fn lines(trial: &StoreTrial, wanted: AlertQuery) -> Vec<String> {
    let page = archive(trial).alerts(&AlertQuery { most: 10, ..wanted }).unwrap();
    let line = |of: &AlertSpan| {
        let second = |time: Timestamp| time.since(at(0)).as_ms() / 1000;
        let (seen, over) = (of.acknowledged.map(second), of.ended.map(second));
        format!("{} {} {} {seen:?} {over:?}", of.subject, of.condition, second(of.raised))
    };
    page.alerts.iter().map(line).collect()
}

#[test]
fn alerts_come_a_page_at_a_time_the_newest_first() {
    let trial = ward();
    let all = AlertQuery { most: 4, ..AlertQuery::default() };
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = archive(&trial).alerts(&AlertQuery { before, ..all.clone() }).unwrap();
        pages.push(page.alerts.len());
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(pages, [4, 4, 2], "without the summary");
}

#[test]
fn alerts_are_found_by_whom_they_are_about_when_they_began_and_whether_they_are_open() {
    let trial = ward();
    let of_patient = AlertQuery { patient: Some("icu-1/p-1".parse().unwrap()), ..AlertQuery::default() };
    assert_eq!(
        lines(
            &trial,
            AlertQuery {
                open: Some(false),
                period: Some(Period { from: at(0), to: at(400) }),
                ..of_patient.clone()
            }
        ),
        ["icu-1/p-1 heart_rate.high 300 Some(360) Some(420)", "icu-1/p-1 heart_rate.high 0 None Some(20)"]
    );
    assert_eq!(
        lines(&trial, AlertQuery { open: Some(true), ..of_patient }),
        ["icu-1/p-1 heart_rate.high 10800 None None"]
    );
    let of_unit = AlertQuery {
        unit: Some("icu-1".parse().unwrap()),
        open: Some(true),
        most: 10,
        ..AlertQuery::default()
    };
    assert_eq!(
        lines(&trial, of_unit),
        ["icu-1/_ patient.unheard 50 None None", "icu-1/p-1 heart_rate.high 10800 None None"]
    );
    let page =
        archive(&trial).alerts(&AlertQuery { open: Some(true), most: 1, ..AlertQuery::default() }).unwrap();
    let changes = archive(&trial).changes_of(page.alerts[0].id).unwrap();
    assert_eq!(changes.iter().map(|change| change.sequence).collect::<Vec<_>>(), [1]);
}

#[test]
fn without_a_store_nothing_is_known_and_a_store_that_comes_later_is_found() {
    let query = AlertQuery { most: 1, ..AlertQuery::default() };
    let nothing = StoreArchive::at(&StoreUrl::Memory).alerts(&query);
    assert!(matches!(nothing, Err(ArchiveFault::NothingKept)));
    let trial = StoreTrial::new();
    let archive = archive(&trial);
    assert!(matches!(archive.alerts(&query), Err(ArchiveFault::Unreadable(_))));
    let (store, _) = trial.open();
    store.take(alerting(&trial, 1));
    trial.wait_for(&[Seen::Settled(1)]);
    assert_eq!(archive.alerts(&query).unwrap().alerts.len(), 1);
    // Another file of the same name is another store.
    assert!(store.close(DEADLINE));
    let log = trial.path().with_extension("db-wal");
    wait_until("all is in the database alone", || std::fs::metadata(&log).unwrap().len() == 0);
    drop(store);
    for extension in ["db", "db-wal", "db-shm"] {
        let moved = trial.folder.join("moved").with_extension(extension);
        std::fs::rename(trial.path().with_extension(extension), moved).unwrap();
    }
    let (store, _) = trial.open();
    assert!(store.close(DEADLINE));
    assert!(archive.alerts(&query).unwrap().alerts.is_empty());
}
