//! New settings for everybody who is here, in steps: readings come in between.

use std::sync::Arc;

use actix::{AsyncContext, Handler, Message};

use super::CensusActor;
use crate::analyzer_actor::AnalyzerActor;
use crate::analyzers;
use crate::installation_actor::ChangeSettings;
use crate::patient_actor::Reconsider;
use crate::people::PatientId;
use crate::settings::Settings;

/// How many patients are judged anew between two looks at what else came.
const PATIENTS_AT_A_TIME: usize = 100;

/// The site's settings changed: they hold from now on, and nothing is forgotten.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Reload {
    pub settings: Arc<Settings>,
}

impl Handler<Reload> for CensusActor {
    type Result = ();

    fn handle(&mut self, Reload { settings }: Reload, ctx: &mut Self::Context) {
        let rules = AnalyzerActor::start_all(analyzers::all(&settings), &self.shard.outlet);
        self.shard.first_analyzer.replace(rules);
        self.shard.settings.replace(Arc::clone(&settings));
        self.census.apply(Arc::clone(&settings));
        self.installation.do_send(ChangeSettings { settings });
        let patients = self.census.patients();
        let left = patients.into_iter().rev().map(|(patient, _)| patient.clone()).collect();
        ctx.address().do_send(ReconsiderAll { left });
    }
}

/// Has everybody judged anew, in steps.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct ReconsiderAll {
    /// In reverse order: the last is next.
    left: Vec<PatientId>,
}

impl Handler<ReconsiderAll> for CensusActor {
    type Result = ();

    fn handle(&mut self, ReconsiderAll { mut left }: ReconsiderAll, ctx: &mut Self::Context) {
        for patient in left.split_off(left.len().saturating_sub(PATIENTS_AT_A_TIME)).iter().rev() {
            if let Some(entry) = self.census.entry(patient.as_str()) {
                entry.address.do_send(Reconsider);
            }
        }
        if !left.is_empty() {
            ctx.address().do_send(ReconsiderAll { left });
        }
    }
}
