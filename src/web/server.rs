//! The HTTP server: the pages, the live stream, and whether the service is well.

use std::future::ready;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, Service as _, ServiceRequest};
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::middleware::DefaultHeaders;
use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::error;
use wardwatch_actors::clock::Timestamp;
use wardwatch_actors::people::UnitId;

use super::SharedSource;
use super::assets::{ASSETS, Asset};
use super::clients::Pages;
use super::live::LiveView;
use super::stream::EventStream;

/// What a page may load and do: its own files and its own stream, nothing else.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How long an address that is taken is left alone.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Headers of every answer.
const HEADERS: [(&str, &str); 5] = [
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Why the pages are not served.
#[derive(Debug, Error)]
pub enum DashboardFault {
    #[error("dashboard.listen: {address} cannot be listened on")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the thread of the pages cannot be started")]
    Thread(#[source] std::io::Error),
}

/// Where the pages are served.
pub struct Dashboard {
    address: SocketAddr,
    /// None until the address is free.
    listener: Option<TcpListener>,
}

impl Dashboard {
    /// On this address, as soon as it is free.
    pub fn at(address: SocketAddr) -> Self {
        Self { address, listener: None }
    }

    /// On this address, where it is free now.
    pub fn listen(address: SocketAddr) -> Result<Self, DashboardFault> {
        let fault = |source| DashboardFault::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { address, listener: Some(listener) })
    }

    /// Where the pages are.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the pages on a thread of their own, until the process ends.
    pub fn serve(
        self,
        live: Arc<LiveView>,
        source: SharedSource,
        started: Timestamp,
    ) -> Result<(), DashboardFault> {
        let work = move || {
            let listener = self.listener.unwrap_or_else(|| listen_when_free(self.address));
            let system = actix_web::rt::System::new();
            system.block_on(async move {
                let pages = Data::new(Pages::new(live, source, started));
                let updated = Data::clone(&pages);
                actix_web::rt::spawn(async move { updated.keep_up_to_date().await });
                let served = match server(listener, pages) {
                    Ok(server) => server.await,
                    Err(error) => Err(error),
                };
                if let Err(error) = served {
                    error!(%error, "the pages are not served any more; monitoring goes on");
                }
            });
        };
        let thread = std::thread::Builder::new().name("pages".to_owned()).spawn(work);
        thread.map(drop).map_err(DashboardFault::Thread)
    }
}

/// Waits until the address is free: whoever has it now may be the run before us.
fn listen_when_free(address: SocketAddr) -> TcpListener {
    let mut logged = false;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) if !logged => {
                logged = true;
                error!(
                    %address, %error,
                    "dashboard.listen cannot be listened on; monitoring goes on without pages, and this is tried again"
                );
            }
            Err(_) => {}
        }
        std::thread::sleep(LISTEN_AGAIN_AFTER);
    }
}

fn server(listener: TcpListener, pages: Data<Pages>) -> std::io::Result<Server> {
    let app = move || {
        let headers = HEADERS.into_iter().fold(DefaultHeaders::new(), |all, header| all.add(header));
        let app = App::new()
            .app_data(Data::clone(&pages))
            .wrap_fn(|request, next| {
                let local = is_for_us(&request);
                let answer = local.then(|| next.call(request));
                async move {
                    match answer {
                        Some(answer) => answer.await,
                        None => Err(actix_web::error::ErrorForbidden("this name is not ours\n")),
                    }
                }
            })
            .wrap(headers)
            .route("/api/v1/live", web::get().to(live_stream))
            .route("/health/live", web::get().to(|| ready(HttpResponse::Ok().body("alive\n"))))
            .route("/health/ready", web::get().to(health_ready))
            .default_service(web::to(|| ready(Problem::of(StatusCode::NOT_FOUND, "There is no such page."))));
        ASSETS.iter().fold(app, |app, asset| {
            app.route(asset.path, web::get().to(move |request| ready(serve_asset(asset, &request))))
        })
    };
    let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(1).listen(listener)?;
    Ok(server.run())
}

/// Whether the request names us as we are reached from this machine: a page of somebody else, whose name a hostile
/// name server points here, may not read what we serve.
fn is_for_us(request: &ServiceRequest) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Which patients a stream is about.
#[derive(Deserialize)]
struct Wanted {
    /// None stands for every unit.
    unit: Option<String>,
}

async fn live_stream(request: HttpRequest, wanted: Query<Wanted>, pages: Data<Pages>) -> HttpResponse {
    let unit = match wanted.unit.as_deref().filter(|unit| !unit.is_empty()).map(str::parse::<UnitId>) {
        None => None,
        Some(Ok(unit)) => Some(unit),
        Some(Err(fault)) => return Problem::of(StatusCode::BAD_REQUEST, &fault.to_string()),
    };
    let last_id = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let Some(events) = pages.open(unit, last_id) else {
        return Problem::of(StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open.");
    };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(EventStream::new(events))
}

async fn health_ready(pages: Data<Pages>) -> HttpResponse {
    let status = if pages.source.is_whole() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status)
        .content_type("application/json")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(pages.source.heartbeat())
}

fn serve_asset(asset: &Asset, request: &HttpRequest) -> HttpResponse {
    let tag = format!("\"{}-{:x}\"", env!("CARGO_PKG_VERSION"), checksum(asset.text));
    let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let status = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    HttpResponse::build(status)
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type(asset.kind)
        .body(if known { "" } else { asset.text })
}

/// Distinguishes two versions of a file (FNV-1a).
fn checksum(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What went wrong, as RFC 9457 spells it.
#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem<'_> {
    fn of(status: StatusCode, detail: &str) -> HttpResponse {
        let title = status.canonical_reason().unwrap_or("Error");
        let problem = Problem { title, status: status.as_u16(), detail };
        HttpResponse::build(status)
            .content_type("application/problem+json")
            .body(serde_json::to_string(&problem).unwrap_or_default())
    }
}
