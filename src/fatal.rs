//! What ends the process: every part that dies, each with an exit status of its own.
//!
//! Crash-only: what a dead part held was never acknowledged, so the next start gets it again.

use std::process::ExitCode;

use thiserror::Error;

/// Why the process ends by itself.
#[derive(Debug, Error)]
pub enum Fatal {
    #[error("the configuration cannot be used:\n{0}")]
    Setup(String),
    #[error("an actor died: {0}; what it held was not acknowledged and comes again after the restart")]
    Actor(&'static str),
    #[error("the ingest ended")]
    Ingest(#[from] crate::mqtt::ingest::IngestFault),
    #[error("the publisher ended")]
    Publisher(#[from] crate::mqtt::publisher::PublisherFault),
    #[error("the publisher's thread ended")]
    PublisherThread,
    #[error("the store cannot be opened")]
    StoreUnusable(#[from] crate::store::StoreFault),
    #[error("the store's thread `{0}` ended")]
    Store(&'static str),
    #[error("the shard's thread has not responded for {0} s")]
    Stalled(u32),
}

impl Fatal {
    /// The exit status, by which a supervisor knows what to do.
    pub fn status(&self) -> u8 {
        match self {
            Self::Setup(_) => 2,
            Self::StoreUnusable(_) => 3,
            Self::Actor(_) => 70,
            Self::Ingest(_) => 71,
            Self::PublisherThread => 72,
            Self::Stalled(_) => 73,
            Self::Store(_) => 74,
            // Not to be restarted: the other instance would be thrown out in turn.
            Self::Publisher(_) => 75,
        }
    }

    /// The same as an exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::ingest::IngestFault;
    use crate::mqtt::publisher::PublisherFault;
    use crate::mqtt::ring::RingFault;
    use crate::store::StoreFault;

    #[test]
    fn each_end_has_the_status_that_the_supervisor_expects() {
        let receipt = Fatal::from(IngestFault::from(RingFault::Abandoned));
        let taken_over = Fatal::from(PublisherFault::TakenOver("wardwatch".to_owned()));
        let ends = [
            (Fatal::Setup(String::new()), 2),
            (Fatal::from(StoreFault::Taken { path: "wardwatch.db".into() }), 3),
            (Fatal::Actor("patient"), 70),
            (receipt, 71),
            (Fatal::PublisherThread, 72),
            (Fatal::Stalled(11), 73),
            (Fatal::Store("recorder"), 74),
            (taken_over, 75),
        ];
        for (fatal, status) in ends {
            assert_eq!(fatal.status(), status, "{fatal}");
        }
    }
}
