//! What the actors of one thread share.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use actix::Addr;

use crate::analyzer_actor::AnalyzerActor;
use crate::census_actor::CensusActor;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::outlet::Outlet;
use crate::patient::Listening;
use crate::settings::Settings;

/// What the actors of one thread share: its clock, its rules, and the way out.
pub struct Shard {
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub outlet: Rc<dyn Outlet>,
    pub counters: Arc<Counters>,
    /// The rule that is asked first, and hands the question on.
    pub first_rule: Option<Addr<AnalyzerActor>>,
    /// From when on silence counts.
    pub listening: Cell<Listening>,
    pub census: Addr<CensusActor>,
}

/// Tells the outlet when the actor that holds it dies of a panic.
pub struct PanicReporter {
    actor: &'static str,
    outlet: Rc<dyn Outlet>,
}

impl PanicReporter {
    /// The life line of an actor of this name.
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
