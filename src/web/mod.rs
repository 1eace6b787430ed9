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

use std::sync::Arc;

use bytes::Bytes;
use wardwatch_actors::people::UnitId;

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
}

/// The service, as every part of the pages shares it.
type SharedSource = Arc<dyn PageSource>;
