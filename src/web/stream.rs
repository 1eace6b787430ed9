//! One live stream to one page: server-sent events with a bounded queue.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

/// What a page gets that was cut off because it did not keep up: begin anew.
const CUT_OFF: &str = "event: reload\ndata: {}\n\n";

/// One event as it goes over the wire; `data` is one line.
pub fn event(name: &str, id: Option<&str>, data: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {name}\n{id}data: {data}\n\n"))
}

/// The body of a live stream: events until its sender is gone, then the word to begin anew.
pub struct EventStream {
    events: Receiver<Bytes>,
    ended: bool,
}

impl EventStream {
    /// The stream of what is sent to this queue.
    pub fn new(events: Receiver<Bytes>) -> Self {
        Self { events, ended: false }
    }
}

impl MessageBody for EventStream {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.events.poll_recv(cx).map(|event| {
            self.ended = event.is_none();
            Some(Ok(event.unwrap_or(Bytes::from_static(CUT_OFF.as_bytes()))))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_spelled_as_browsers_read_it() {
        assert_eq!(event("beat", None, "{}"), "event: beat\ndata: {}\n\n");
        assert_eq!(
            event("tiles", Some("a-7"), "[]"),
            "event: tiles\nid: a-7\ndata: [].\n\n".replace('.', "")
        );
    }
}
