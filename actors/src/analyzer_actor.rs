//! The actor of one rule: sees a patient, adds what the rule finds, and hands the question on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, Message};
use tracing::error;

use crate::analyzers::{Analyzer, View};
use crate::outlet::Outlet;
use crate::patient::outcome::Answers;
use crate::patient_actor::PatientActor;
use crate::shard::PanicReporter;

/// One rule. There is one of each in a shard; it remembers nothing.
///
/// Its mailbox is bounded by the readings under way: each asks each rule once.
pub struct AnalyzerActor {
    rule: Box<dyn Analyzer>,
    /// The rule that is asked after this one.
    next: Option<Addr<Self>>,
    _panic_reporter: PanicReporter,
}

/// The analyzer that is asked first, and hands the question on; none where there is no rule at all.
pub type FirstAnalyzer = Option<Addr<AnalyzerActor>>;

impl AnalyzerActor {
    /// Starts an actor for each rule; answers the first, whence a question goes from rule to rule.
    pub fn start_all(rules: Vec<Box<dyn Analyzer>>, outlet: &Rc<dyn Outlet>) -> FirstAnalyzer {
        rules.into_iter().rev().fold(None, |next, rule| {
            let _panic_reporter = PanicReporter::new("analyzer", outlet);
            Some(Self { rule, next, _panic_reporter }.start())
        })
    }
}

impl Actor for AnalyzerActor {
    type Context = Context<Self>;
}

/// A patient asks what the rules find. One message goes from rule to rule, and the last gives it back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Analyze {
    pub view: Arc<View>,
    /// The number of the verdict.
    pub verdict: u64,
    /// Of the rules that were asked already.
    pub answers: Answers,
    pub asker: Arc<Addr<PatientActor>>,
}

impl Analyze {
    /// To the next rule, or back to the patient where there is none.
    pub fn go_on(self, next: Option<&Addr<AnalyzerActor>>) {
        match next {
            Some(rule) => rule.do_send(self),
            None => self.asker.do_send(Found { verdict: self.verdict, answers: self.answers }),
        }
    }
}

/// Every rule has answered.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Found {
    pub verdict: u64,
    pub answers: Answers,
}

impl Handler<Analyze> for AnalyzerActor {
    type Result = ();

    fn handle(&mut self, mut question: Analyze, _: &mut Self::Context) {
        let view = &question.view;
        let analysis = catch_unwind(AssertUnwindSafe(|| self.rule.analyze(view))).ok();
        let rule = self.rule.name();
        if analysis.is_none() {
            error!(patient = %view.patient, %rule, "a rule panicked on a reading and is left out of its verdict");
        }
        question.answers.push((rule, analysis));
        question.go_on(self.next.as_ref());
    }
}
