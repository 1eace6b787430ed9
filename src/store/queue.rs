//! What waits for the store, and what the bus waits for: the decisions of the recorder, without I/O.
//!
//! Each entry has two sides. One waits to be committed, in the lanes; the other waits for that commit,
//! to be published and its receipt settled. While the store is lost the second side waits no longer.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wardwatch_actors::admission::AdmissionRecord;
use wardwatch_actors::alerts::AlertChange;
use wardwatch_actors::analyzers::Score;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::patient::outcome::StateChange;
use wardwatch_actors::patient::snapshot::{Saved, Snapshot};
use wardwatch_actors::people::{Departure, PatientId, Subject};
use wardwatch_actors::receipt::Receipt;
use wardwatch_actors::vitals::Reading;

use super::entry::{Entry, Logged, Publication, Rejected};
use super::running::Running;

/// How long things may wait, and how many.
#[derive(Debug, Clone)]
pub struct Terms {
    /// For how long readings wait for others, so that they are committed together.
    pub linger: Duration,
    /// For how long a change waits for its commit before it goes out without.
    pub publish_within: Duration,
    /// After how much waiting the store is lost.
    pub lost_after: Duration,
    /// How many entries wait to be committed; beyond, the store is lost and the oldest readings go.
    pub max_waiting: usize,
    /// How many entries are committed at once.
    pub max_batch: usize,
    /// How many of these may say something: the last of them goes out when all are written.
    pub max_weighty: usize,
}

impl Terms {
    /// As in production, with what the site sets.
    pub fn new(linger: Duration, publish_within: Duration) -> Self {
        let lost_after = Duration::from_secs(2);
        Self { linger, publish_within, lost_after, max_waiting: 200_000, max_batch: 20_000, max_weighty: 500 }
    }
}

/// How many refused messages wait to be kept.
const MAX_REJECTED: usize = 10_000;
/// How many published changes wait to be marked; one too many is published again after a crash.
const MAX_MARKS: usize = 200_000;

/// A step of a patient's stay.
#[derive(Debug)]
pub enum Stay {
    /// This record holds from now on.
    Described(Arc<AdmissionRecord>),
    /// The memory ends.
    Over { departure: Departure },
}

/// What of an entry is kept.
#[derive(Debug)]
pub struct Row {
    pub number: u64,
    pub at: Timestamp,
    pub subject: Subject,
    pub reading: Option<Box<Reading>>,
    pub changes: Vec<Logged>,
    pub stay: Option<Stay>,
}

impl Row {
    /// Whether it waits for others: nobody hears of a reading alone.
    fn is_urgent(&self) -> bool {
        !self.changes.is_empty() || self.stay.is_some()
    }
}

/// What is committed at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Everything up to this number is in it, or was committed before.
    pub upto: u64,
    /// In the order of their numbers.
    pub rows: Vec<Row>,
    /// The newest of each patient.
    pub snapshots: Vec<(PatientId, u64, Box<Snapshot>)>,
    pub rejected: Vec<Rejected>,
    /// Rows that the broker has.
    pub published: Vec<u64>,
    /// Readings up to here are in snapshots, where that moved.
    pub covered: Option<u64>,
}

impl Batch {
    /// Whether someone waits to hear of it.
    pub fn is_urgent(&self) -> bool {
        self.rows.iter().any(Row::is_urgent)
    }

    /// About how many pages of the database it touches: readings lie close together, all else does not.
    pub fn pages(&self) -> usize {
        let changes: usize = self.rows.iter().map(|row| row.changes.len()).sum();
        6 + self.rows.len() / 20 + 5 * changes + 2 * self.snapshots.len()
    }
}

/// The side of an entry that waits for the commit.
struct Owed {
    number: u64,
    /// In running time.
    arrived: Duration,
    at: Timestamp,
    receipt: Receipt,
    words: Option<Box<Words>>,
}

/// What is to be published of an entry.
struct Words {
    subject: Subject,
    changes: Vec<Logged>,
    scores: Vec<Score>,
    state: Option<StateChange>,
}

/// What may be done now, outside of any lock, in this order.
#[derive(Debug, Default)]
pub struct Release {
    pub publication: Option<Publication>,
    pub settle: Option<Receipt>,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Changes that went out before their commit.
    pub unbacked: u64,
    /// Readings that were not kept.
    pub dropped_readings: u64,
    /// Changes that were published, and are missing in the log.
    pub dropped_changes: u64,
}

/// Everything that waits.
pub struct Queue {
    terms: Terms,
    running: Running,
    /// The next number to be given.
    next: u64,
    /// Readings alone: the first to go where too much waits.
    readings: VecDeque<Row>,
    /// Changes and stays, with the readings that led to them.
    weighty: VecDeque<Row>,
    snapshots: HashMap<PatientId, (u64, Box<Snapshot>)>,
    rejected: VecDeque<Rejected>,
    published: Vec<u64>,
    /// When the oldest in the lanes came, in running time.
    oldest: Option<Duration>,
    owed: VecDeque<Owed>,
    lost: bool,
    pub counts: Counts,
}

impl Queue {
    /// An empty queue that numbers from `next`.
    pub fn new(terms: Terms, next: u64, now: Instant) -> Self {
        Self {
            terms,
            running: Running::new(now),
            next,
            readings: VecDeque::new(),
            weighty: VecDeque::new(),
            snapshots: HashMap::new(),
            rejected: VecDeque::new(),
            published: Vec::new(),
            oldest: None,
            owed: VecDeque::new(),
            lost: false,
            counts: Counts::default(),
        }
    }

    /// The last run ended without its store: whether anything can be written shows with the first commit.
    pub fn begin_lost(&mut self) {
        self.lost = true;
    }

    /// How many entries are not committed yet.
    pub fn waiting(&self) -> usize {
        self.readings.len() + self.weighty.len()
    }

    /// Whether receipts and publications wait for no commit.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The last number that was given.
    pub fn last_number(&self) -> u64 {
        self.next - 1
    }

    /// How long the process has run since the start of the queue.
    pub fn running(&mut self, now: Instant) -> Duration {
        self.running.at(now)
    }

    /// An entry came.
    pub fn push(&mut self, entry: Entry, now: Instant) {
        let Entry { subject, at, reading, changes, scores, state, saved, record, receipt } = entry;
        let arrived = self.running.at(now);
        let changes: Vec<Logged> = changes.into_iter().map(|change| self.log(change)).collect();
        let number = self.number();
        let says = !changes.is_empty() || !scores.is_empty() || state.is_some();
        let words = says
            .then(|| Box::new(Words { subject: subject.clone(), changes: changes.clone(), scores, state }));
        self.owed.push_back(Owed { number, arrived, at, receipt, words });
        let stay = self.save(&subject, number, saved).or(record.map(Stay::Described));
        let row = Row { number, at, subject, reading, changes, stay };
        if row.is_urgent() {
            self.weighty.push_back(row);
        } else if row.reading.is_some() {
            self.readings.push_back(row);
        }
        self.oldest.get_or_insert(arrived);
        self.make_room();
    }

    /// Notes what the patient remembers, in place of what it remembered before.
    fn save(&mut self, subject: &Subject, number: u64, saved: Option<Saved>) -> Option<Stay> {
        let Subject::Patient(patient) = subject else { return None };
        match saved? {
            Saved::Now(snapshot) => {
                self.snapshots.insert(patient.clone(), (number, snapshot));
                None
            }
            Saved::Gone(departure) => {
                self.snapshots.remove(patient);
                Some(Stay::Over { departure })
            }
        }
    }

    fn log(&mut self, change: AlertChange) -> Logged {
        Logged { row: Some(self.number()), change: change.into() }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Whether too much waits.
    fn is_full(&self) -> bool {
        self.waiting() > self.terms.max_waiting
    }

    /// What goes for want of room was promised to nobody: the store is lost first.
    fn make_room(&mut self) {
        while self.lost && self.is_full() {
            if self.readings.pop_front().is_some() {
                self.counts.dropped_readings += 1;
            } else if let Some(row) = self.weighty.pop_front() {
                self.counts.dropped_readings += u64::from(row.reading.is_some());
                self.counts.dropped_changes += row.changes.len() as u64;
            }
        }
    }

    /// A message was refused.
    pub fn reject(&mut self, rejected: Rejected, now: Instant) {
        let arrived = self.running.at(now);
        self.rejected.push_back(rejected);
        if self.rejected.len() > MAX_REJECTED {
            self.rejected.pop_front();
        }
        self.oldest.get_or_insert(arrived);
    }

    /// The broker has this change. That is written down with whatever is committed next.
    pub fn published(&mut self, row: u64) {
        if self.published.len() < MAX_MARKS {
            self.published.push(row);
        }
    }

    /// How long the recorder may still wait before it commits; none where there is nothing to commit.
    pub fn commit_in(&mut self, now: Instant) -> Option<Duration> {
        let waited = self.running.at(now).saturating_sub(self.oldest?);
        Some(if self.is_urgent() { Duration::ZERO } else { self.terms.linger.saturating_sub(waited) })
    }

    /// Whether nothing is left to be written.
    pub fn is_drained(&self) -> bool {
        self.oldest.is_none() && self.published.is_empty()
    }

    /// Whether what waits should be committed at once.
    pub fn is_urgent(&self) -> bool {
        !self.weighty.is_empty() || self.waiting() >= self.terms.max_batch
    }

    /// Takes what is to be committed next: all of it, unless a great deal has gathered. Then a memory may
    /// come a commit later than the change that led to it, and the readings between are observed again.
    pub fn take_batch(&mut self) -> Batch {
        let mut rows = Vec::with_capacity(self.waiting().min(self.terms.max_batch));
        let mut weighty = 0;
        while rows.len() < self.terms.max_batch
            && weighty < self.terms.max_weighty
            && let Some(row) = self.next_row()
        {
            weighty += usize::from(row.is_urgent());
            rows.push(row);
        }
        let all = self.waiting() == 0;
        let upto = if all { self.last_number() } else { rows.last().map_or(0, |row| row.number) };
        self.oldest.take_if(|_| all);
        let snapshots = self.snapshots.extract_if(|_, (number, _)| *number <= upto);
        let snapshots = snapshots.map(|(patient, (number, snapshot))| (patient, number, snapshot)).collect();
        let published = self.published.extract_if(.., |row| *row <= upto).collect();
        Batch { upto, rows, snapshots, rejected: self.rejected.drain(..).collect(), published, covered: None }
    }

    fn next_row(&mut self) -> Option<Row> {
        let number = |lane: &VecDeque<Row>| lane.front().map_or(u64::MAX, |row| row.number);
        if number(&self.readings) < number(&self.weighty) {
            self.readings.pop_front()
        } else {
            self.weighty.pop_front()
        }
    }

    /// Everything up to this number is committed: what waited for that, in order, and whether the store
    /// is back with it.
    pub fn committed(&mut self, upto: u64) -> (Vec<Release>, bool) {
        let mut releases = Vec::new();
        while let Some(owed) = self.owed.pop_front_if(|owed| owed.number <= upto) {
            releases.push(owed.release());
        }
        let back = self.lost && self.waiting() <= self.terms.max_batch / 2;
        self.lost &= !back;
        (releases, back)
    }

    /// What has waited for too long, in order: changes that go out before their commit and, where the
    /// store is lost, everything. Says since when it is lost, where that is news.
    pub fn overdue(&mut self, now: Instant) -> (Vec<Release>, Option<Timestamp>) {
        let running = self.running.at(now);
        let oldest = self.owed.front().map(|owed| (running.saturating_sub(owed.arrived), owed.at));
        let is_late = |waited: &Duration| self.is_full() || *waited >= self.terms.lost_after;
        let lost_since = oldest.filter(|(waited, _)| is_late(waited)).map(|(_, at)| at);
        let news = lost_since.filter(|_| !self.lost);
        self.lost |= news.is_some();
        if self.lost {
            self.make_room();
            return (self.release_all(), news);
        }
        let mut releases = Vec::new();
        for owed in &mut self.owed {
            if running.saturating_sub(owed.arrived) < self.terms.publish_within {
                break;
            }
            releases.extend(owed.release_unbacked(&mut self.counts));
        }
        (releases, None)
    }

    fn release_all(&mut self) -> Vec<Release> {
        let owed = std::mem::take(&mut self.owed);
        let changes = |owed: &Owed| owed.words.as_ref().map_or(0, |words| words.changes.len() as u64);
        self.counts.unbacked += owed.iter().map(changes).sum::<u64>();
        owed.into_iter().map(Owed::release).collect()
    }

    /// In how much running time something is overdue; none where nothing waits for a commit.
    pub fn overdue_in(&mut self, now: Instant) -> Option<Duration> {
        let oldest = self.owed.front()?.arrived;
        let unsaid = self.owed.iter().find(|owed| owed.is_unsaid()).map(|owed| owed.arrived);
        let due = unsaid.map_or(Duration::MAX, |arrived| arrived + self.terms.publish_within);
        let due = if self.lost || self.is_full() {
            Duration::ZERO
        } else {
            due.min(oldest + self.terms.lost_after)
        };
        Some(due.saturating_sub(self.running.at(now)))
    }
}

impl Owed {
    /// Whether a change in it was not published.
    fn is_unsaid(&self) -> bool {
        self.words.as_ref().is_some_and(|words| !words.changes.is_empty() || !words.scores.is_empty())
    }

    /// All that is left to publish, and the receipt.
    fn release(self) -> Release {
        let publication = self.words.map(|words| {
            let Words { subject, changes, scores, state } = *words;
            Publication { subject, at: self.at, changes, scores, state, receipt: self.receipt.clone() }
        });
        Release { publication, settle: Some(self.receipt) }
    }

    /// Its changes and scores; the state, which is retained, and the receipt still wait for the commit.
    fn release_unbacked(&mut self, counts: &mut Counts) -> Option<Release> {
        if !self.is_unsaid() {
            return None;
        }
        let words = self.words.as_mut()?;
        let (changes, scores) = (std::mem::take(&mut words.changes), std::mem::take(&mut words.scores));
        counts.unbacked += changes.len() as u64;
        let subject = words.subject.clone();
        self.words.take_if(|words| words.state.is_none());
        let receipt = self.receipt.clone();
        let publication = Publication { subject, at: self.at, changes, scores, state: None, receipt };
        Some(Release { publication: Some(publication), settle: None })
    }
}
