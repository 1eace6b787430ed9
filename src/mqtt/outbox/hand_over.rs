//! Which message goes next, on which of the publisher's connections, and in which size.

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

use super::{LOSSES_ALLOWED, OutboxQueue};
use crate::contract::announcement::Announcement;
use crate::contract::shorten::shorten;
use crate::mqtt::in_flight::PublisherConnection;
use crate::mqtt::outgoing::{BrokerTerms, DeliveryClass, DeliveryResult, Finished, Outgoing};

/// MQTT's own bytes in a PUBLISH beside topic and payload, at most.
const PACKET_OVERHEAD: usize = 16;
/// How many messages that may wait are on the way at most: an alert change that comes next goes behind them.
const DEFERRABLE_WINDOW: usize = 200;
/// How many messages are tried apart at once.
const TRIAL_WINDOW: usize = 16;
/// How many messages that may wait are to be tried apart at most; the others wait where they are.
const MOST_DEFERRABLE_TRIALS: usize = 200;

/// The next change waits for the answer to another of its alert.
struct WaitsForAnother;

impl OutboxQueue {
    /// The next message for the connection, if the broker takes one more; of what is deferrable only where it is its
    /// time. Its packet identifier is 0 for QoS 0.
    pub fn hand_over(
        &mut self,
        connection: PublisherConnection,
        deferrable: bool,
        finished: &mut Finished,
    ) -> Option<Publish> {
        let terms = self.in_flight(connection).terms?;
        loop {
            let outgoing = match connection {
                PublisherConnection::Main => self.next(terms, deferrable, finished)?,
                PublisherConnection::Trial => self.next_trial(terms)?,
            };
            match fit(&outgoing, &terms) {
                Ok(payload) => return Some(self.send(connection, outgoing, payload, finished)),
                Err(reason) => self.reject(outgoing, &reason, false, finished),
            }
        }
    }

    fn next(&mut self, terms: BrokerTerms, deferrable: bool, finished: &mut Finished) -> Option<Outgoing> {
        let careful = self.main.losses >= LOSSES_ALLOWED;
        let window = if careful { terms.window.min(1) } else { terms.window };
        if self.main.len() < window {
            match self.next_change(finished) {
                Ok(Some(change)) => return Some(change),
                Err(WaitsForAnother) => return None,
                Ok(None) if self.trust.cautious => {}
                Ok(None) => {
                    if let Some(offered) = self.rejected.take_offered() {
                        return Some(offered);
                    }
                }
            }
        }
        // What may wait leaves room for the change that comes next.
        let room = self.main.deferrable < DEFERRABLE_WINDOW.min(window.div_ceil(2));
        let next = match self.main.len() < window && room && deferrable {
            true => self.next_deferrable(finished),
            false => None,
        };
        next.or_else(|| match deferrable && room && !careful && !self.trust.cautious {
            true => self.waiting.take_passing(),
            false => None,
        })
    }

    fn next_change(&mut self, finished: &mut Finished) -> Result<Option<Outgoing>, WaitsForAnother> {
        while let Some(next) = self.waiting.next_change() {
            let (alert, is_to_be_tried) = (next.alert, self.trust.is_to_be_tried(&next.announcement.topic));
            // Of one alert one change after the other: whatever follows keeps its place behind it.
            let is_held = alert.is_some_and(|alert| self.rejected.holds(&alert));
            if !is_held && alert.is_some_and(|alert| self.alerts_sent.contains(&alert)) {
                return Err(WaitsForAnother);
            }
            let Some(change) = self.waiting.take_change() else { break };
            if is_held {
                let gone = self.rejected.add_behind(change, finished);
                self.drop_rejected(gone, finished);
            } else if is_to_be_tried {
                self.try_apart(change, finished);
            } else {
                return Ok(Some(change));
            }
        }
        Ok(None)
    }

    fn next_deferrable(&mut self, finished: &mut Finished) -> Option<Outgoing> {
        while self.rejected.offers() < MOST_DEFERRABLE_TRIALS {
            let next = self.waiting.take_deferrable()?;
            if !self.trust.is_to_be_tried(&next.announcement.topic) {
                return Some(next);
            }
            self.try_apart(next, finished);
        }
        None
    }

    /// What is tried apart next: what was offered, then what can only be tried.
    fn next_trial(&mut self, terms: BrokerTerms) -> Option<Outgoing> {
        let careful = self.trial.losses >= LOSSES_ALLOWED;
        let window = if careful { 1 } else { terms.window.min(TRIAL_WINDOW) };
        let offered = (self.trial.len() < window).then(|| self.rejected.take_offered()).flatten();
        offered.or_else(|| if careful { None } else { self.waiting.take_passing() })
    }

    /// The broker may reject this, and that would cost everybody else the connection.
    fn try_apart(&mut self, outgoing: Outgoing, finished: &mut Finished) {
        let late = self.trust.is_doubted(&outgoing.announcement.topic);
        let gone = self.rejected.try_apart(outgoing, late);
        self.drop_rejected(gone, finished);
    }

    fn send(
        &mut self,
        connection: PublisherConnection,
        outgoing: Outgoing,
        payload: Bytes,
        finished: &mut Finished,
    ) -> Publish {
        let topic = Bytes::copy_from_slice(outgoing.announcement.topic.as_bytes());
        if outgoing.class == DeliveryClass::Passing {
            self.in_flight(connection).cuts.passed();
            finished.push(outgoing, DeliveryResult::Accepted);
            return Publish { qos: QoS::AtMostOnce, topic, payload, ..Publish::default() };
        }
        let retain = outgoing.class == DeliveryClass::Latest;
        self.alerts_sent.extend(outgoing.alert);
        let correlation_data = outgoing.correlation.clone();
        let properties = correlation_data
            .is_some()
            .then(|| PublishProperties { correlation_data, ..PublishProperties::default() });
        let pkid = self.in_flight(connection).send(outgoing);
        let qos = QoS::AtLeastOnce;
        Publish { qos, topic, payload, pkid, retain, properties, ..Publish::default() }
    }
}

/// The payload as the broker can take it, or why a message would only end the connection.
fn fit(outgoing: &Outgoing, terms: &BrokerTerms) -> Result<Bytes, String> {
    let Announcement { topic, payload } = &outgoing.announcement;
    if !rumqttc::valid_topic(topic) {
        return Err("a topic to publish on has no wildcards".to_owned());
    }
    let size = payload.len() + topic.len() + PACKET_OVERHEAD;
    let too_large = || format!("{size} bytes are more than the broker takes ({})", terms.max_packet);
    let room = terms.max_packet.checked_sub(topic.len() + PACKET_OVERHEAD).ok_or_else(too_large)?;
    let room = room.min(outgoing.max_payload);
    if payload.len() <= room {
        return Ok(payload.clone());
    }
    shorten(payload, room).map(Bytes::from).ok_or_else(too_large)
}
