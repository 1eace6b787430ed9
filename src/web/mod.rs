//! The pages for the ward: a live view of the patients that somebody looks at, served over HTTP.
//!
//! Nothing is kept while nobody looks. Whoever opens a page is shown how each patient is, and then each change, at
//! most four times a second; a page that does not keep up is cut off and begins anew.

mod assets;
mod clients;
mod live;
mod server;
mod stream;
mod tile;
mod trend;
mod watched;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use thiserror::Error;
use wardwatch_actors::commands::Reply;
use wardwatch_actors::people::{PatientId, UnitId};

use crate::feed::archive::Archive;

pub use live::LiveView;
pub use server::{Dashboard, DashboardFault};

/// What the pages ask of the service that runs.
pub trait PageSource: Send + Sync + 'static {
    /// Somebody has begun to look at this unit, or at everybody: the patients there are to show how they are.
    fn show_patients(&self, unit: Option<UnitId>);
    /// The heartbeat as it would be published now.
    fn heartbeat(&self) -> Bytes;
    /// Whether everything that is promised holds.
    fn is_whole(&self) -> bool;
    /// Who answers for what is past.
    fn archive(&self) -> &dyn Archive;
    /// Gives a command of the contract about this patient, as this sender; answered once what it says is safe.
    fn command(&self, sender: String, patient: PatientId, payload: Bytes) -> CommandAnswer;
}

/// The answer to a command, once it comes.
pub type CommandAnswer = Pin<Box<dyn Future<Output = Result<Reply, NoAnswer>> + Send>>;

/// Why a command has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoAnswer {
    #[error("too many commands wait already; nothing was done")]
    Busy,
    #[error("no answer came in time; given again with the same command_id it is carried out at most once")]
    Late,
}

/// The service, as every part of the pages shares it.
type SharedSource = Arc<dyn PageSource>;
