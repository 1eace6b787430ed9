//! The embedded broker for `wardwatch demo` and for tests: MQTT 3.1.1 and 5 on one port, in memory, not durable.
//!
//! Nothing outlives it: sessions, queues and retained messages are gone when it stops. A ward runs Mosquitto.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use rmqtt::context::ServerContext;
use rmqtt::net::{Builder, Listener};
use rmqtt::server::MqttServer;
use thiserror::Error;
use tokio::runtime::{self, Runtime};

/// Unacknowledged messages to one client: above WardWatch's own bound of 4000, so that ours is the one that holds.
const IN_FLIGHT: NonZeroU16 = NonZeroU16::new(16_384).unwrap();
/// Messages kept for one client that is absent or slow.
const QUEUED: usize = 1_000_000;
/// Longer than any demo or test.
const SESSION_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Zero switches a limit of rmqtt off: its defaults let messages expire after 5 min and send unacknowledged ones anew every 20 s.
const NEVER: Duration = Duration::ZERO;
/// Above the largest payload that WardWatch itself accepts.
const PACKET_BYTES: u32 = 4 * 1024 * 1024;
/// How often a free port is looked for before giving up.
const PORT_ATTEMPTS: usize = 16;
/// How long `stop` waits for the broker's threads; whatever still runs then dies with the process.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Why the embedded broker did not start.
#[derive(Debug, Error)]
pub enum BrokerFault {
    /// Somebody else listens there.
    #[error(
        "port {port} on {host} is taken; stop the other broker or choose another with --port",
        port = .0.port(),
        host = .0.ip()
    )]
    Taken(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    /// Its threads or plugins did not start.
    #[error("the embedded broker cannot start")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A running broker; dropping it stops it too, without waiting.
///
/// It has threads of its own: so it ends whole and at once, several live in one process, and the clock of a test
/// that pauses time does not reach it.
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Starts a broker on `address`; port 0 takes a free one, which [`EmbeddedBroker::address`] names.
///
/// When this returns, the port accepts connections.
pub async fn start(address: SocketAddr) -> Result<EmbeddedBroker, BrokerFault> {
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("broker")
        .enable_all()
        .build()
        .map_err(|fault| BrokerFault::Start(fault.into()))?;
    let threads = runtime.handle().clone();
    // Owned from here on: an error below drops it, and that ends the threads.
    let mut broker = EmbeddedBroker { address, runtime: Some(runtime) };
    let serving = threads.spawn(serve(address)).await;
    broker.address = serving.map_err(|fault| BrokerFault::Start(fault.into()))??;
    Ok(broker)
}

impl EmbeddedBroker {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection, publishing no last will, and waits until that is done.
    pub async fn stop(mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A thread that cannot be joined has stopped as well.
            let _ = tokio::task::spawn_blocking(|| runtime.shutdown_timeout(STOP_WITHIN)).await;
        }
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens the port and serves it on the current runtime until that ends; answers the address.
async fn serve(address: SocketAddr) -> Result<SocketAddr, BrokerFault> {
    let context = context().await.map_err(|fault| BrokerFault::Start(fault.into()))?;
    let (listener, address) = listen(address)?;
    let server = MqttServer::new(context).listener(listener).build();
    tokio::spawn(server.run());
    Ok(address)
}

/// The broker's parts: without the two plugins retained and `$share` messages vanish silently.
async fn context() -> rmqtt::Result<ServerContext> {
    let context = ServerContext::new()
        // It would reject clients while the machine is busy, which a test machine always is.
        .busy_check_enable(false)
        // Retained messages outlast `message_expiry_interval`.
        .plugins_config_map_add("rmqtt-retainer", "retained_message_ttl = \"0s\"")
        // The defaults, said here so that rmqtt does not look for a file.
        .plugins_config_map_add("rmqtt-shared-subscription", "strategy = \"round_robin\"")
        .build()
        .await;
    rmqtt_retainer::register(&context, true, false).await?;
    rmqtt_shared_subscription::register(&context, true, false).await?;
    Ok(context)
}

/// Listens on `address`, or on a free port of it when its port is 0.
fn listen(address: SocketAddr) -> Result<(Listener, SocketAddr), BrokerFault> {
    let attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    let mut outcome = Err(BrokerFault::Taken(address));
    for _ in 0..attempts {
        outcome = free_address(address).and_then(|free| Ok((listen_on(free)?, free)));
        if !matches!(outcome, Err(BrokerFault::Taken(_))) {
            break;
        }
    }
    outcome
}

/// Finds out whether `address` is free, and which port 0 stands for: rmqtt's own listener does not say.
///
/// Another process may take the port in between; then rmqtt's own attempt fails, and another port is tried.
fn free_address(address: SocketAddr) -> Result<SocketAddr, BrokerFault> {
    let probe = TcpListener::bind(address).map_err(|fault| cannot_listen(address, fault))?;
    probe.local_addr().map_err(|fault| cannot_listen(address, fault))
}

/// The listener with our bounds; rmqtt's defaults queue 1000 messages and keep 16 in flight.
fn listen_on(address: SocketAddr) -> Result<Listener, BrokerFault> {
    let listener = Builder::new()
        .name("wardwatch")
        .laddr(address)
        // A restart finds the port free at once; on Windows it would share a port that is in use.
        .reuseaddr(cfg!(unix).then_some(true))
        .nodelay(true)
        .max_packet_size(PACKET_BYTES)
        .max_inflight(IN_FLIGHT)
        .max_mqueue_len(QUEUED)
        .mqueue_rate_limit(NonZeroU32::MAX, Duration::from_secs(1))
        .session_expiry_interval(SESSION_LASTS)
        .message_expiry_interval(NEVER)
        .message_retry_interval(NEVER)
        .bind()
        .and_then(Listener::tcp);
    listener.map_err(|fault| match fault.downcast::<io::Error>() {
        Ok(fault) => cannot_listen(address, fault),
        Err(other) => BrokerFault::Start(other.into()),
    })
}

/// What an error of `bind` means.
fn cannot_listen(address: SocketAddr, source: io::Error) -> BrokerFault {
    match source.kind() {
        io::ErrorKind::AddrInUse => BrokerFault::Taken(address),
        _ => BrokerFault::Listen { address, source },
    }
}
