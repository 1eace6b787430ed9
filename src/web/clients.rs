//! The pages that are open: each gets what changed at most four times a second, and a beat each second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, MissedTickBehavior, interval};
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::UnitId;

use super::SharedSource;
use super::live::LiveView;
use super::stream::event;

/// How often pages get what changed.
const UPDATE_EVERY: Duration = Duration::from_millis(250);

/// Every how many updates a beat goes with it.
const BEAT_EVERY: u32 = 4;

/// How many events may wait for one page. One that reads no faster is cut off: it begins anew with what is true then.
const MOST_WAITING: usize = 16;

/// How many pages may be open at once.
const MOST_PAGES: usize = 500;

/// The event that brings what changed, and the version that it leads to; none where nothing did.
type Changes = Option<(u64, Bytes)>;

/// One open page.
struct Page {
    unit: Option<UnitId>,
    /// What it has been sent.
    version: u64,
    events: Sender<Bytes>,
}

/// All open pages.
pub struct Pages {
    pub live: Arc<LiveView>,
    pub source: SharedSource,
    /// Names this run in the ids of events: what an earlier one sent says nothing here.
    run: String,
    began: Instant,
    open: Mutex<Vec<Page>>,
}

impl Pages {
    /// No page is open yet, at the start of a run.
    pub fn new(live: Arc<LiveView>, source: SharedSource, started: Timestamp) -> Self {
        let run = format!("{:x}", started.unix_ms());
        Self { live, source, run, began: Instant::now(), open: Mutex::default() }
    }

    /// Opens a stream of a unit, or of everybody, to a page that has had the events up to `last_id`; none where too many
    /// are open.
    pub fn open(&self, unit: Option<UnitId>, last_id: Option<&str>) -> Option<Receiver<Bytes>> {
        let mut open = self.lock();
        if open.len() >= MOST_PAGES {
            return None;
        }
        let watched_already = open.iter().any(|page| page.unit == unit);
        self.live.watched.begin(unit.clone());
        let (sender, events) = channel(MOST_WAITING);
        let resumed = last_id.and_then(|id| self.resumed(id));
        let (version, first) = match resumed.filter(|_| watched_already) {
            Some(version) => (version, None),
            None => {
                let (version, snapshot) = self.live.snapshot(unit.as_ref());
                (version, Some(event("snapshot", Some(&self.id(version)), &snapshot)))
            }
        };
        // The queue is empty: both fit.
        first.into_iter().chain([self.beat()]).for_each(|event| drop(sender.try_send(event)));
        open.push(Page { unit: unit.clone(), version, events: sender });
        if !watched_already {
            self.source.show_patients(unit);
        }
        Some(events)
    }

    /// Keeps every open page up to date, for ever.
    pub async fn keep_up_to_date(&self) -> ! {
        let mut updates = interval(UPDATE_EVERY);
        updates.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_beat = 0;
        loop {
            updates.tick().await;
            since_beat += 1;
            let beat = (since_beat >= BEAT_EVERY).then(|| self.beat());
            since_beat = if beat.is_some() { 0 } else { since_beat };
            self.update(beat.as_ref());
        }
    }

    /// Sends each page what changed; those that did not keep up are cut off.
    fn update(&self, beat: Option<&Bytes>) {
        let now = self.began.elapsed();
        let mut open = self.lock();
        let mut made: BTreeMap<(Option<UnitId>, u64), Changes> = BTreeMap::new();
        open.retain_mut(|page| {
            let key = (page.unit.clone(), page.version);
            let changes = made.entry(key).or_insert_with(|| self.changes(page.unit.as_ref(), page.version));
            let mut keeps_up = !page.events.is_closed();
            if let Some((version, event)) = changes {
                page.version = *version;
                keeps_up = keeps_up && page.events.try_send(event.clone()).is_ok();
            }
            if let Some(beat) = beat {
                keeps_up = keeps_up && page.events.try_send(beat.clone()).is_ok();
            }
            if !keeps_up {
                self.live.watched.end(&page.unit, now);
            }
            keeps_up
        });
        drop(open);
        self.live.forget_unwatched(now);
    }

    fn changes(&self, unit: Option<&UnitId>, since: u64) -> Changes {
        let (version, json) = self.live.changes(unit, since)?;
        Some((version, event("changes", Some(&self.id(version)), &json)))
    }

    /// That we live, and how we are: a page that gets none for five seconds says so.
    fn beat(&self) -> Bytes {
        event("beat", None, &String::from_utf8_lossy(&self.source.heartbeat()))
    }

    fn id(&self, version: u64) -> String {
        format!("{}-{version}", self.run)
    }

    /// The version that an event's id stands for, where all that changed since is still known.
    fn resumed(&self, id: &str) -> Option<u64> {
        let version = id.strip_prefix(&self.run)?.strip_prefix('-')?.parse().ok()?;
        self.live.knows_since(version).then_some(version)
    }

    /// How many pages are open.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Page>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_actors::clock::Now;
    use wardwatch_actors::clock::Uptime;
    use wardwatch_actors::patient::Patient;
    use wardwatch_actors::people::PatientId;

    use super::super::{CommandAnswer, NoAnswer, PageSource};
    use super::*;
    use crate::feed::archive::Archive;

    #[derive(Default)]
    struct AskedSource {
        asked: Mutex<Vec<Option<UnitId>>>,
    }

    impl PageSource for AskedSource {
        fn show_patients(&self, unit: Option<UnitId>) {
            self.asked.lock().unwrap().push(unit);
        }

        fn heartbeat(&self) -> Bytes {
            Bytes::from_static(b"{}")
        }

        fn command(&self, _: String, _: PatientId, _: Bytes) -> CommandAnswer {
            Box::pin(std::future::ready(Err(NoAnswer::Busy)))
        }

        fn archive(&self) -> &dyn Archive {
            panic!("no live page asks what is past")
        }

        fn is_whole(&self) -> bool {
            true
        }
    }

    fn pages() -> (Pages, Arc<AskedSource>) {
        let source = Arc::new(AskedSource::default());
        (Pages::new(Arc::default(), Arc::clone(&source) as SharedSource, Timestamp::from_unix_ms(0)), source)
    }

    fn show(pages: &Pages, id: &str) -> PatientId {
        let (id, now) = (
            id.parse::<PatientId>().unwrap(),
            Now { uptime: Uptime::START, wall: Timestamp::from_unix_ms(0) },
        );
        let patient = Patient::new(id.clone(), &Arc::default(), now.wall, now);
        pages.live.show(&id, Some(patient.live(now)));
        id
    }

    fn texts(events: &mut Receiver<Bytes>) -> Vec<String> {
        std::iter::from_fn(|| events.try_recv().ok())
            .map(|event| String::from_utf8_lossy(&event).into_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_page_gets_everything_at_first_and_then_what_changed() {
        let (pages, source) = pages();
        let unit = Some("icu-1".parse::<UnitId>().unwrap());
        let mut events = pages.open(unit.clone(), None).unwrap();
        assert_eq!(*source.asked.lock().unwrap(), std::slice::from_ref(&unit));
        assert!(texts(&mut events)[0].starts_with("event: snapshot\nid: 0-0\ndata: {\"tiles\":[],"));
        let patient = show(&pages, "icu-1/p-1");
        show(&pages, "icu-2/p-2");
        pages.update(None);
        let [changes] = &texts(&mut events)[..] else { panic!("one event") };
        assert!(changes.starts_with("event: changes\nid: 0-2\n") && changes.contains("\"patient\":\"p-1\""));
        assert!(!changes.contains("p-2"), "another unit: {changes}");
        pages.update(None);
        assert_eq!(texts(&mut events), [""; 0]);
        pages.live.show(&patient, None);
        pages.update(None);
        assert!(texts(&mut events)[0].contains("\"departed\":[\"icu-1/p-1\"]"));
        let mut resumed = pages.open(unit.clone(), Some("0-2")).unwrap();
        pages.update(None);
        let resumed = texts(&mut resumed);
        assert!(resumed[0].starts_with("event: beat") && resumed[1].contains("departed"), "{resumed:?}");
        let mut other_run = pages.open(unit, Some("1-2")).unwrap();
        assert!(texts(&mut other_run)[0].starts_with("event: snapshot"));
    }

    #[tokio::test]
    async fn a_page_that_does_not_read_is_cut_off_and_the_others_go_on() {
        let (pages, _) = pages();
        let (mut slow, mut quick) = (pages.open(None, None).unwrap(), pages.open(None, None).unwrap());
        for _ in 0..=MOST_WAITING {
            pages.update(Some(&pages.beat()));
            texts(&mut quick);
        }
        assert_eq!((pages.count(), texts(&mut slow).len()), (1, MOST_WAITING));
        assert!(slow.is_closed() && !quick.is_closed());
    }

    #[tokio::test]
    async fn no_more_pages_are_opened_than_can_be_served() {
        let (pages, _) = pages();
        let open: Vec<_> = (0..MOST_PAGES).map(|_| pages.open(None, None)).collect();
        assert!(open.iter().all(Option::is_some) && pages.open(None, None).is_none());
    }
}
