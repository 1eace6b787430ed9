//! What readers ask of the store: trends, alerts past and open, and how the ward fares with its alerts.
//!
//! A page, an API or a command asks through this trait and knows no SQL. Each question is answered on a connection that only
//! reads and never holds up what is written; it blocks for milliseconds, for long periods up to a second, so it is asked
//! where blocking is allowed.

use serde::Serialize;
use thiserror::Error;
use uuid::Uuid;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::clock::{Span, Timestamp};
use wardwatch_actors::conditions::Priority;
use wardwatch_actors::people::{PatientId, Subject, UnitId};
use wardwatch_actors::vitals::{Quantity, Vital};

/// From when to when, both inclusive, by our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Who can be asked for what is past.
pub trait Archive: Send + Sync + 'static {
    /// The vital signs of a patient in a period, in at most `most_points` steps each (1 to 10,000): steps of a minute or a multiple of
    /// it, and of seconds where the period is at most a quarter of an hour. The last minute or two may be missing in steps of minutes:
    /// they come live.
    fn trends(
        &self,
        patient: &PatientId,
        period: Period,
        most_points: usize,
    ) -> Result<PatientTrends, ArchiveFault>;

    /// Alerts by their beginnings, the newest first, a page at a time.
    fn alerts(&self, wanted: &AlertQuery) -> Result<AlertPage, ArchiveFault>;

    /// Every change of one alert, in order; empty where it is not known, or kept no longer.
    fn changes_of(&self, alert: Uuid) -> Result<Vec<AlertChange>, ArchiveFault>;

    /// How the ward fared with the alerts of patients that began in a period.
    fn insight(&self, wanted: &InsightQuery) -> Result<Insight, ArchiveFault>;
}

/// Why there is no answer, for a person.
#[derive(Debug, Error)]
pub enum ArchiveFault {
    #[error("nothing is kept: store.url is memory")]
    NothingKept,
    #[error("the store cannot be read now")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The vital signs of one patient in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PatientTrends {
    /// How long a point stands for.
    pub step: Span,
    /// Each vital of which something is known, in the order of `Vital::ALL`.
    pub vitals: Vec<VitalTrend>,
}

/// One vital sign over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VitalTrend {
    pub vital: Vital,
    /// In the order of their time; a step in which nothing was measured has none.
    pub points: Vec<TrendPoint>,
}

/// What was measured in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrendPoint {
    /// When the step begins: a multiple of its length since 1970.
    pub at: Timestamp,
    pub low: Quantity,
    /// Rounded half away from zero to 0.01.
    pub mean: Quantity,
    pub high: Quantity,
    /// How many values.
    pub count: u32,
}

/// Which alerts are wanted: all that every given part fits.
#[derive(Debug, Clone, Default)]
pub struct AlertQuery {
    pub unit: Option<UnitId>,
    pub patient: Option<PatientId>,
    /// Begun in this period.
    pub period: Option<Period>,
    /// Open ones alone, or ended ones alone.
    pub open: Option<bool>,
    /// The page behind the one that named this.
    pub before: Option<u64>,
    /// How long a page is; at most 1000.
    pub most: usize,
}

/// Some alerts, the one that began last first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AlertPage {
    pub alerts: Vec<AlertSpan>,
    /// `before` of the next page; none where this is the last.
    pub next: Option<u64>,
}

/// One alert from its beginning to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AlertSpan {
    pub id: Uuid,
    #[serde(serialize_with = "text")]
    pub subject: Subject,
    pub bed: Option<String>,
    /// As `heart_rate.high`.
    pub condition: String,
    /// The highest that it had.
    pub priority: Priority,
    /// Why, in words: as it was raised, or last escalated.
    pub message: String,
    pub onset: Timestamp,
    pub raised: Timestamp,
    /// When somebody first acknowledged it, and who.
    pub acknowledged: Option<Timestamp>,
    pub acknowledged_by: Option<String>,
    /// None: it is open.
    pub ended: Option<Timestamp>,
    pub simulated: bool,
}

/// Whose alerts are counted, and when.
#[derive(Debug, Clone)]
pub struct InsightQuery {
    pub period: Period,
    /// None: every unit.
    pub unit: Option<UnitId>,
    /// How far the clocks on the ward are ahead of UTC: its hours of the day.
    pub utc_offset: Span,
}

/// How a ward fared with its alerts: those of patients, without tests and without summaries of a backlog.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Insight {
    /// How many began.
    pub alerts: u64,
    /// Of how many patients anything was measured, each counted once a day (UTC): the beds and days.
    pub bed_days: u64,
    /// Alerts a bed and day, by condition, the most frequent first.
    pub by_condition: Vec<InsightCount>,
    /// The same by unit.
    pub by_unit: Vec<InsightCount>,
    /// How many began in each hour of the day, from 0 to 23.
    pub by_hour: Vec<u64>,
    /// How many have ended; and how many of these by themselves (no command, no discharge), unacknowledged, within 30 s.
    pub ended: u64,
    pub cleared_itself: u64,
    /// How many were acknowledged, and how long after being raised: what half of them, and nine of ten, took at most.
    pub acknowledged: u64,
    pub to_acknowledge_median: Option<Span>,
    pub to_acknowledge_p90: Option<Span>,
    /// The ten patients and the ten conditions that alert most, the first first, those that are equal by name.
    pub patients: Vec<InsightCount>,
    pub conditions: Vec<InsightCount>,
}

/// How many alerts of something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InsightCount {
    pub name: String,
    pub alerts: u64,
    /// For each bed and day of whom it is about: of a condition everybody, of a unit its own, of a patient his own days. None
    /// where nothing was measured.
    pub a_bed_and_day: Option<f64>,
}

fn text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
