//! `wardwatch command`: gives one command over the broker, and waits for its answer.

use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, Packet, QoS, SubscribeReasonCode};
use thiserror::Error;
use tokio::time::timeout;

use crate::contract::payload::given_command::{GivenCommand, GivenReply};
use crate::contract::payload::json;
use crate::link::{Backoff, Link};

/// Why a command has no answer.
#[derive(Debug, Error)]
pub enum CommandFault {
    #[error("no connection to the broker")]
    Broker(#[from] Box<ConnectionError>),
    #[error("the broker does not let this client read `{0}`, where the answer would be")]
    Denied(String),
    #[error(
        "no answer on `{topic}` within {within:?}; whether it was carried out is not known. Given once more with --id \
         {command_id} it is carried out at most once"
    )]
    Late { topic: String, within: Duration, command_id: String },
}

/// Where a command goes, and where its answer comes.
#[derive(Debug, Clone)]
pub struct CommandTopics {
    pub command: String,
    pub reply: String,
}

/// Gives a command, again after each loss of the connection: it is carried out once.
pub async fn give(
    link: &Link,
    topics: &CommandTopics,
    command: &GivenCommand,
    within: Duration,
) -> Result<GivenReply, CommandFault> {
    match timeout(within, give_at_leisure(link, topics, command)).await {
        Ok(answered) => answered,
        Err(_) => {
            let (topic, command_id) = (topics.reply.clone(), command.command_id.clone());
            Err(CommandFault::Late { topic, within, command_id })
        }
    }
}

async fn give_at_leisure(
    link: &Link,
    topics: &CommandTopics,
    command: &GivenCommand,
) -> Result<GivenReply, CommandFault> {
    let (mut options, network) = link.v4();
    options.set_clean_session(true).set_manual_acks(false);
    let (client, mut events) = AsyncClient::new(options, 4);
    events.set_network_options(network);
    let (mut given, mut backoff) = (false, Backoff::default());
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // It fails only where the loop is gone, which is here.
                let _ = client.try_subscribe(&topics.reply, QoS::AtLeastOnce);
            }
            Ok(Event::Incoming(Packet::SubAck(answer)))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                return Err(CommandFault::Denied(topics.reply.clone()));
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                given = true;
                let _ = client.try_publish(&topics.command, QoS::AtLeastOnce, false, json(command));
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                if let Ok(reply) = serde_json::from_slice::<GivenReply>(&message.payload)
                    && reply.command_id.as_ref() == Some(&command.command_id)
                {
                    return Ok(reply);
                }
            }
            Ok(_) => {}
            Err(lost) if !given => return Err(Box::new(lost).into()),
            Err(_) => tokio::time::sleep(backoff.after_failure()).await,
        }
    }
}
