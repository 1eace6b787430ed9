//! The actor of one rule: sees a patient, answers with what the rule finds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message};
use tracing::error;

use crate::analyzers::{Analysis, Analyzer, View};
use crate::outlet::Outlet;
use crate::patient_actor::PatientActor;
use crate::shard::LifeLine;

/// One rule. There is one of each in a shard; it remembers nothing.
///
/// Its mailbox is bounded by the readings under way: each asks each rule once.
pub struct AnalyzerActor {
    rule: Box<dyn Analyzer>,
    _life_line: LifeLine,
}

impl AnalyzerActor {
    /// The actor of this rule.
    pub fn new(rule: Box<dyn Analyzer>, outlet: &Rc<dyn Outlet>) -> Self {
        Self { rule, _life_line: LifeLine::new("analyzer", outlet) }
    }
}

impl Actor for AnalyzerActor {
    type Context = Context<Self>;
}

/// A patient asks what the rule finds.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Analyze {
    pub view: Arc<View>,
    /// The number of the verdict, and the rule's place in it.
    pub verdict: u64,
    pub place: usize,
    pub asker: Arc<Addr<PatientActor>>,
}

/// A rule answers; one that failed on this view by none.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Found {
    pub verdict: u64,
    pub place: usize,
    pub analysis: Option<Analysis>,
}

impl Handler<Analyze> for AnalyzerActor {
    type Result = ();

    fn handle(&mut self, Analyze { view, verdict, place, asker }: Analyze, _: &mut Self::Context) {
        let analysis = catch_unwind(AssertUnwindSafe(|| self.rule.analyze(&view))).ok();
        if analysis.is_none() {
            let (rule, patient) = (self.rule.name(), &view.patient);
            error!(%patient, %rule, "a rule failed on a reading and is left out of its verdict");
        }
        asker.do_send(Found { verdict, place, analysis });
    }
}
