//! What the actors of one thread share.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use crate::analyzer_actor::FirstAnalyzer;
use crate::census_actor::CensusAddress;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::outlet::Outlet;
use crate::patient::Listening;
use crate::people::{PatientId, ReceiverName};
use crate::settings::Settings;

/// What the actors of one thread share: its clock, its rules, and the way out.
pub struct ShardContext {
    /// They change while the shard runs: whoever keeps some hears of it.
    pub settings: RefCell<Arc<Settings>>,
    pub clock: Clock,
    pub outlet: Rc<dyn Outlet>,
    pub counters: Arc<Counters>,
    pub first_analyzer: RefCell<FirstAnalyzer>,
    /// From when on silence counts.
    pub listening: Cell<Listening>,
    /// Which receivers are gone.
    pub gone: RefCell<Arc<BTreeSet<ReceiverName>>>,
    /// Whose the alerts are of which somebody may confirm a change.
    pub confirmable: RefCell<BTreeMap<Uuid, PatientId>>,
    pub census: CensusAddress,
}

impl ShardContext {
    /// The site's settings, as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }
}

/// Reports to the outlet when the actor that holds it dies of a panic.
pub struct PanicReporter {
    actor: &'static str,
    outlet: Rc<dyn Outlet>,
}

impl PanicReporter {
    /// The reporter of an actor of this name.
    pub fn new(actor: &'static str, outlet: &Rc<dyn Outlet>) -> Self {
        Self { actor, outlet: Rc::clone(outlet) }
    }
}

impl Drop for PanicReporter {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.outlet.died(self.actor);
        }
    }
}
