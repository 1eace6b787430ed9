//! What a connection subscribes to, and what it takes back.

use rumqttc::{SubAck, SubscribeReasonCode};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::warn;

use super::Connection;
use crate::mqtt::ingest::{ConnectionProgress, Inbox, IngestRequest};
use crate::mqtt::wire::WireFault;

/// For how many topics of one connection others' subscriptions are taken back: for each, all that may cover it.
const MOST_DISOWNED: u32 = 64;
/// Filters in one SUBSCRIBE or UNSUBSCRIBE.
const FILTERS: usize = 200;

impl<I: Inbox> Connection<'_, I> {
    /// Takes back what this session may still be subscribed to since an earlier configuration, or by somebody else.
    pub(super) fn disown(&mut self, topic: &str) -> Result<(), WireFault> {
        if self.disowned == MOST_DISOWNED {
            return Ok(());
        }
        self.disowned += 1;
        let mut filters = self.ingest.unwanted(topic);
        warn!(topic, "a message by a subscription that is not ours, or no longer: it is taken back");
        self.unsubscribe(&mut filters)
    }

    pub(super) fn take_subscribed(&mut self, ack: SubAck) -> Result<(), WireFault> {
        let Some((_, filters)) = self.subscribing.pop_front().filter(|&(pkid, _)| pkid == ack.pkid) else {
            return Err(WireFault::Unexpected(format!("{ack:?}")));
        };
        for (filter, code) in filters.into_iter().zip(ack.return_codes) {
            if code == SubscribeReasonCode::Failure {
                self.take_rejected(filter)?;
            }
        }
        if !self.subscribed {
            self.subscribed = true;
            self.probe_due = true;
        }
        Ok(())
    }

    /// One patient's rejection must not make all others unheard, but without records nothing can be judged.
    fn take_rejected(&mut self, filter: String) -> Result<(), WireFault> {
        if self.ingest.settings.optional.contains(&filter) {
            return Ok(());
        }
        if !self.ingest.filters.contains(&filter) {
            return Err(WireFault::SubscriptionRejected(filter));
        }
        self.inbox.hearing(ConnectionProgress::SubscriptionRejected(filter));
        Ok(())
    }

    /// Subscribes to records first, then to readings, then to what the shard has asked for.
    pub(super) async fn subscribe_to_all(
        &mut self,
        requests: &mut UnboundedReceiver<IngestRequest>,
    ) -> Result<(), WireFault> {
        let mut unwanted = Vec::new();
        while let Ok(request) = requests.try_recv() {
            match request {
                IngestRequest::Subscribe(filter) => drop(self.ingest.filters.insert(filter)),
                IngestRequest::Unsubscribe(filter) => {
                    self.ingest.filters.remove(&filter);
                    unwanted.push(filter);
                }
                IngestRequest::ProbeAgain => {}
            }
        }
        unwanted.retain(|filter| !self.ingest.filters.contains(filter));
        for filters in unwanted.chunks(FILTERS) {
            self.unsubscribe(&mut filters.to_vec())?;
        }
        let settings = &self.ingest.settings;
        let records = std::iter::once(&settings.probe).chain(&settings.records).cloned().collect();
        let vitals = settings.vitals.iter().chain(&self.ingest.filters).cloned().collect();
        self.subscribe(records)?;
        self.subscribe(vitals)?;
        self.subscribe(self.ingest.settings.optional.clone())?;
        self.wire.flush().await
    }

    fn subscribe(&mut self, filters: Vec<String>) -> Result<(), WireFault> {
        for filters in filters.chunks(FILTERS) {
            let pkid = self.wire.subscribe(filters)?;
            self.subscribing.push_back((pkid, filters.to_vec()));
        }
        Ok(())
    }

    /// Serves a request, and with it those of the same kind that wait behind it, in one packet.
    pub(super) fn serve(
        &mut self,
        request: IngestRequest,
        requests: &mut UnboundedReceiver<IngestRequest>,
    ) -> Result<(), WireFault> {
        let mut next = Some(request);
        let (mut wanted, mut unwanted) = (Vec::new(), Vec::new());
        while let Some(request) = next {
            match request {
                IngestRequest::Subscribe(filter) => {
                    self.unsubscribe(&mut unwanted)?;
                    self.ingest.filters.insert(filter.clone());
                    wanted.push(filter);
                }
                IngestRequest::Unsubscribe(filter) => {
                    self.subscribe(std::mem::take(&mut wanted))?;
                    self.ingest.filters.remove(&filter);
                    unwanted.push(filter);
                }
                IngestRequest::ProbeAgain => self.probe_again(),
            }
            next = if wanted.len().max(unwanted.len()) < FILTERS { requests.try_recv().ok() } else { None };
        }
        self.unsubscribe(&mut unwanted)?;
        self.subscribe(wanted)
    }

    fn unsubscribe(&mut self, filters: &mut Vec<String>) -> Result<(), WireFault> {
        if filters.is_empty() {
            return Ok(());
        }
        self.wire.unsubscribe(std::mem::take(filters))
    }
}
