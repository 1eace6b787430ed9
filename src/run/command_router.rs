//! The command router: what comes by the commands' own connection goes to the door, once everybody is known.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use actix::Addr;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;
use wardwatch_actors::installation_actor::{InstallationActor, ReceiversHeard};

use super::asked_commands::AskedInput;
use super::heartbeat::{IngestState, IngestStatus};
use super::setup::Setup;
use crate::contract::inbound::ReplyRequest;
use crate::door::{Arrival, Door};
use crate::fatal::Fatal;
use crate::mqtt::commands::{CommandConnection, CommandInbox, CommandSettings, HeardCommand};
use crate::mqtt::ingest::IngestFault;

/// How long the admission records may keep commands waiting: of whom nothing is known nothing can be commanded.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);
/// How long a shutdown waits for what was commanded.
const DRAIN_WITHIN: Duration = Duration::from_secs(2);

/// The way of commands into a shard.
pub struct CommandInput {
    connection: CommandConnection,
    router: CommandRouter,
    asked: AskedInput,
    fatal: mpsc::UnboundedSender<Fatal>,
}

impl CommandInput {
    /// The way in by this door; it hears nothing yet.
    pub fn new(
        setup: &Setup,
        door: Rc<Door>,
        installation: Addr<InstallationActor>,
        status: watch::Sender<IngestStatus>,
        asked: AskedInput,
    ) -> Self {
        let (topics, client_id) = (&setup.topics, format!("{}-commands", setup.instance()));
        let settings = CommandSettings {
            probe: topics.probe(&client_id),
            link: setup.link.with_client_id(client_id),
            filters: vec![topics.all_commands(), topics.all_confirmations()],
            retained: vec![topics.all_receivers()],
            drain_within: DRAIN_WITHIN,
        };
        let router = CommandRouter { door, installation, status };
        Self { connection: CommandConnection::new(settings), router, asked, fatal: setup.fatal.clone() }
    }

    /// Hears commands on this thread, from when everybody is known who is here until it is asked to stop.
    pub fn start(self, mut stopped: watch::Receiver<bool>) -> JoinHandle<()> {
        let Self { connection, mut router, asked, fatal } = self;
        let door = Rc::clone(&router.door);
        let mut ingest = router.status.subscribe();
        tokio::task::spawn_local(async move {
            let _guard = PanicGuard(fatal.clone());
            let mut stop = pin!(async move { drop(stopped.wait_for(|stop| *stop).await) });
            let known = ingest.wait_for(|status| status.state == IngestState::Live);
            tokio::select! {
                known = timeout(KNOWN_WITHIN, known) => if known.is_err() {
                    warn!("commands are heard before the admission records have been");
                },
                () = &mut stop => return,
            }
            tokio::select! {
                ended = connection.run(&mut router, stop) => if let Err(fault) = ended {
                    let _ = fatal.send(IngestFault::from(fault).into()); // else the process is ending anyway
                },
                never = asked.hear(&door) => match never {},
            }
        })
    }
}

/// Reports when its task ends by a panic.
struct PanicGuard(mpsc::UnboundedSender<Fatal>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.send(Fatal::Actor("commands"));
        }
    }
}

/// Brings what is heard to the door.
struct CommandRouter {
    door: Rc<Door>,
    /// It learns that receivers are heard.
    installation: Addr<InstallationActor>,
    /// What the heartbeat says of it.
    status: watch::Sender<IngestStatus>,
}

impl CommandInbox for CommandRouter {
    fn heard(&mut self, heard: HeardCommand) {
        let HeardCommand { topic, payload, retain, queued, response_topic, correlation, receipt } = heard;
        let reply = ReplyRequest { topic: response_topic.as_deref(), correlation: correlation.as_ref() };
        let size = payload.len();
        self.door.take_arrival(Arrival { topic: &topic, payload, size, retain, queued, reply, receipt });
    }

    fn listening(&mut self, listening: bool) {
        if listening {
            self.installation.do_send(ReceiversHeard);
        }
        self.status
            .send_if_modified(|status| std::mem::replace(&mut status.commands, listening) != listening);
    }
}
