//! Commands that another thread asks for, as a page does: carried out like those of the broker, and answered there.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use wardwatch_actors::commands::Reply;
use wardwatch_actors::people::PatientId;
use wardwatch_actors::receipt::Receipt;

use crate::door::Door;
use crate::feed::{Consumer, Emission};
use crate::web::NoAnswer;

/// How many commands may wait for the shard at once: beyond, whoever asks is sent away.
const MOST_WAITING: usize = 64;
/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// One command, on its way to the shard.
struct AskedCommand {
    sender: String,
    patient: PatientId,
    payload: Bytes,
    caller: u64,
}

/// Who waits for an answer, by the number that the command carries.
#[derive(Default)]
struct Callers {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Reply>>,
}

/// Where commands are asked for, from any thread. As a consumer of the feed it hears their answers.
#[derive(Clone)]
pub struct AskedCommands {
    way_in: mpsc::Sender<AskedCommand>,
    callers: Arc<Mutex<Callers>>,
}

/// The shard's end of it.
pub struct AskedInput {
    asked: mpsc::Receiver<AskedCommand>,
}

impl AskedCommands {
    /// Nobody has asked for anything yet.
    pub fn new() -> (Self, AskedInput) {
        let (way_in, asked) = mpsc::channel(MOST_WAITING);
        (Self { way_in, callers: Arc::default() }, AskedInput { asked })
    }

    fn lock(&self) -> MutexGuard<'_, Callers> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a command of the contract about this patient as this sender, and waits for its answer, which comes once what
    /// it says is safe.
    pub async fn command(
        &self,
        sender: String,
        patient: PatientId,
        payload: Bytes,
    ) -> Result<Reply, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        let caller = {
            let mut callers = self.lock();
            callers.last += 1;
            let caller = callers.last;
            callers.waiting.insert(caller, answer);
            caller
        };
        let asked = AskedCommand { sender, patient, payload, caller };
        if self.way_in.try_send(asked).is_err() {
            self.lock().waiting.remove(&caller);
            return Err(NoAnswer::Busy);
        }
        let answered = timeout(ANSWERED_WITHIN, answered).await;
        self.lock().waiting.remove(&caller);
        answered.ok().and_then(Result::ok).ok_or(NoAnswer::Late)
    }
}

impl Consumer for AskedCommands {
    fn take(&self, emission: &Emission) {
        for reply in &emission.replies {
            let Some(caller) = reply.to.caller else { continue };
            if let Some(answer) = self.lock().waiting.remove(&caller) {
                let _ = answer.send(reply.clone()); // whoever asked has gone
            }
        }
    }
}

impl AskedInput {
    /// Brings what is asked for to the door, on the shard's thread.
    pub async fn hear(mut self, door: &Door) -> Infallible {
        while let Some(AskedCommand { sender, patient, payload, caller }) = self.asked.recv().await {
            door.command(sender, patient, &payload, caller, Receipt::none());
        }
        pending().await // nobody is left who could ask
    }
}

#[cfg(test)]
mod tests {
    use wardwatch_actors::clock::Timestamp;
    use wardwatch_actors::commands::{AskedFor, ReplyOutcome, ReplyTo};
    use wardwatch_actors::people::Subject;

    use super::*;

    fn answers(caller: u64) -> Emission {
        let to = ReplyTo { caller: Some(caller), ..ReplyTo::default() };
        let outcome = ReplyOutcome { ok: true, reason: None, alert: None, sequence: None };
        let (command_id, asked) = (Some(caller.to_string()), AskedFor::Again);
        let reply = Reply { to, command_id, outcome, difference: None, asked };
        Emission {
            subject: Subject::Installation,
            at: Timestamp::from_unix_ms(0),
            changes: Vec::new(),
            scores: Vec::new(),
            state: None,
            replies: vec![reply],
            receipt: Receipt::none(),
        }
    }

    fn asks(commands: &AskedCommands) -> impl Future<Output = Result<Reply, NoAnswer>> + use<> {
        let commands = commands.clone();
        async move {
            let patient = "icu-1/p-17".parse().expect("an id");
            commands.command("desk".to_owned(), patient, Bytes::new()).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_caller_gets_its_own_answer_and_whoever_gets_none_is_not_waited_for() {
        let (commands, mut input) = AskedCommands::new();
        let [first, second, third] = [0; 3].map(|_| tokio::spawn(asks(&commands)));
        let mut callers = Vec::new();
        for _ in 0..3 {
            callers.push(input.asked.recv().await.expect("a command").caller);
        }
        commands.take(&answers(callers[1]));
        commands.take(&answers(callers[0]));
        commands.take(&answers(77));
        for (asked, caller) in [(first, callers[0]), (second, callers[1])] {
            let reply = asked.await.expect("no panic").expect("an answer");
            assert_eq!(reply.command_id, Some(caller.to_string()));
        }
        assert_eq!(third.await.expect("no panic"), Err(NoAnswer::Late));
        assert!(commands.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn where_too_many_wait_the_next_is_sent_away() {
        let (commands, _input) = AskedCommands::new();
        let waiting: Vec<_> = (0..MOST_WAITING).map(|_| tokio::spawn(asks(&commands))).collect();
        while commands.lock().waiting.len() < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert_eq!(asks(&commands).await, Err(NoAnswer::Busy));
        waiting.iter().for_each(|asked| asked.abort());
    }
}
