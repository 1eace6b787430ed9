//! Where the broker is and how to get there: address, TLS, credentials, and the pause before another try.

pub mod certificate;

use std::fmt;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use wardwatch_actors::clock::Timestamp;

use certificate::CertificateEnd;

use crate::config::mqtt::{BrokerUrl, MqttConfig, PasswordFault, UrlFault};

/// The largest packet MQTT can express, in bytes.
///
/// A limit of ours below the broker's would make it deliver one large message again and again for ever,
/// so the broker's limit is the one that counts.
const LARGEST_PACKET: u32 = 268_435_455;

/// The shortest keep-alive; a ping goes out every third of it.
const SHORTEST_KEEP_ALIVE: Duration = Duration::from_secs(5);

/// What a site sets about its broker.
#[derive(Clone, Default)]
pub struct LinkSettings {
    /// `mqtt://host:port` or `mqtts://host:port`; the port defaults to 1883 or 8883.
    pub url: String,
    /// Name of the session at the broker; no two connections may share one.
    pub client_id: String,
    pub username: Option<String>,
    pub password: Option<String>,
    /// PEM file of the authorities that may vouch for the broker; without it the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of our own certificate, if the broker asks for one.
    pub certificate_file: Option<PathBuf>,
    /// PEM file of the private key to `certificate_file`.
    pub key_file: Option<PathBuf>,
    /// Longest silence on a healthy connection; at least 5 s.
    pub keep_alive: Duration,
}

impl LinkSettings {
    /// What the configuration says of the broker, with the password as it is now.
    pub fn of(mqtt: &MqttConfig) -> Result<Self, PasswordFault> {
        Ok(Self {
            url: mqtt.url.to_string(),
            client_id: mqtt.client_id.clone(),
            username: mqtt.username.clone(),
            password: mqtt.current_password()?.map(|secret| secret.reveal().to_owned()),
            ca_file: mqtt.ca_file.clone(),
            certificate_file: mqtt.certificate_file.clone(),
            key_file: mqtt.key_file.clone(),
            keep_alive: mqtt.keep_alive.to_duration(),
        })
    }
}

impl fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSettings")
            .field("url", &self.url)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("ca_file", &self.ca_file)
            .field("certificate_file", &self.certificate_file)
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

/// Why the broker cannot even be tried; [`LinkFault::setting`] is what to mend.
#[derive(Debug, Error)]
pub enum LinkFault {
    #[error(transparent)]
    Url(#[from] UrlFault),
    #[error("is empty; allowed is a client id that nobody else uses at the broker")]
    NoClientId,
    #[error("{} cannot be read as PEM; allowed is a PEM file that WardWatch may read", path.display())]
    File { setting: &'static str, path: PathBuf, source: PemFault },
    #[error("{} holds no certificate that can be used; allowed is a PEM file with at least one", path.display())]
    NoCertificate { setting: &'static str, path: PathBuf },
    #[error(
        "is not given, and this system has no trusted authorities; allowed is the authority of the broker, in PEM"
    )]
    NoSystemAuthority,
    #[error("is given without {other}; allowed are both or none")]
    HalfAnIdentity { setting: &'static str, other: &'static str },
    #[error("{} is not the key of the certificate in certificate_file; allowed is the one that belongs to it", path.display())]
    OtherKey { path: PathBuf, source: rustls::Error },
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// Why a file is no PEM; none of its lines is shown, for it may hold a key.
#[derive(Debug, Error)]
pub enum PemFault {
    #[error(transparent)]
    Unreadable(std::io::Error),
    #[error("it has no section of this kind")]
    NoSection,
    #[error("a section of it does not begin or end as it should")]
    Section,
    #[error("a section of it is not in base64")]
    Base64,
}

impl From<pem::Error> for PemFault {
    fn from(fault: pem::Error) -> Self {
        match fault {
            pem::Error::Io(fault) => Self::Unreadable(fault),
            pem::Error::NoItemsFound => Self::NoSection,
            pem::Error::Base64Decode(_) => Self::Base64,
            _ => Self::Section,
        }
    }
}

impl LinkFault {
    /// The setting that is at fault: `ca_file` is `mqtt.ca_file` of the configuration.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Url(_) | Self::Tls(_) => "url",
            Self::NoClientId => "client_id",
            Self::NoSystemAuthority => "ca_file",
            Self::OtherKey { .. } => "key_file",
            Self::File { setting, .. }
            | Self::NoCertificate { setting, .. }
            | Self::HalfAnIdentity { setting, .. } => setting,
        }
    }
}

/// A broker that can be connected to: settings checked, certificates read.
#[derive(Clone)]
pub struct Link {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    client_id: String,
    login: Option<(String, String)>,
    keep_alive: Duration,
    certificates: Arc<[CertificateEnd]>,
}

impl Link {
    /// Checks `settings` and reads the certificates they name.
    pub fn new(settings: &LinkSettings) -> Result<Self, LinkFault> {
        if settings.client_id.is_empty() {
            return Err(LinkFault::NoClientId);
        }
        let url: BrokerUrl = settings.url.parse()?;
        let tls = url.tls.then(|| client_config(settings)).transpose()?;
        let password = settings.password.clone().unwrap_or_default();
        Ok(Self {
            // What connects wants an IPv6 address in brackets.
            host: if url.host.contains(':') { format!("[{}]", url.host) } else { url.host },
            port: url.port,
            tls: tls.map(Arc::new),
            client_id: settings.client_id.clone(),
            login: settings.username.clone().map(|username| (username, password)),
            keep_alive: settings.keep_alive.max(SHORTEST_KEEP_ALIVE),
            certificates: if url.tls { certificate_ends(settings)?.into() } else { Arc::new([]) },
        })
    }

    /// The same broker under another client id, for a connection of its own.
    pub fn with_client_id(&self, client_id: impl Into<String>) -> Self {
        Self { client_id: client_id.into(), ..self.clone() }
    }

    /// Longest silence on a healthy connection.
    pub fn keep_alive(&self) -> Duration {
        self.keep_alive
    }

    /// Until when the certificates hold that were read.
    pub fn certificates(&self) -> &[CertificateEnd] {
        &self.certificates
    }

    /// `host:port`, for a person.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Options of a 3.1.1 connection with a session that outlives it; the network options go beside them.
    pub fn v4(&self) -> (rumqttc::MqttOptions, NetworkOptions) {
        let mut options = rumqttc::MqttOptions::new(&self.client_id, &self.host, self.port);
        let largest = LARGEST_PACKET as usize;
        options
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_keep_alive(self.keep_alive)
            .set_max_packet_size(largest, largest)
            .set_transport(self.transport());
        if let Some((username, password)) = &self.login {
            options.set_credentials(username, password);
        }
        (options, without_delay())
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(super) fn login(&self) -> Option<(&str, &str)> {
        self.login.as_ref().map(|(username, password)| (&**username, &**password))
    }

    pub(super) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    fn transport(&self) -> Transport {
        match &self.tls {
            Some(config) => Transport::Tls(TlsConfiguration::Rustls(config.clone())),
            None => Transport::Tcp,
        }
    }
}

/// A small write leaves at once instead of waiting for the one before it to be confirmed.
fn without_delay() -> NetworkOptions {
    let mut options = NetworkOptions::new();
    options.set_tcp_nodelay(true);
    options
}

fn client_config(settings: &LinkSettings) -> Result<ClientConfig, LinkFault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(LinkFault::Tls)?
        .with_root_certificates(authorities(settings.ca_file.as_deref())?);
    match (&settings.certificate_file, &settings.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(path)) => {
            let chain = certificates("certificate_file", certificate)?;
            let key = PrivateKeyDer::from_pem_file(path).map_err(|source| LinkFault::File {
                setting: "key_file",
                path: path.clone(),
                source: source.into(),
            })?;
            let other_key = |source| LinkFault::OtherKey { path: path.clone(), source };
            builder.with_client_auth_cert(chain, key).map_err(other_key)
        }
        (Some(_), None) => Err(LinkFault::HalfAnIdentity { setting: "certificate_file", other: "key_file" }),
        (None, Some(_)) => Err(LinkFault::HalfAnIdentity { setting: "key_file", other: "certificate_file" }),
    }
}

fn authorities(ca_file: Option<&Path>) -> Result<RootCertStore, LinkFault> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            roots.add_parsable_certificates(certificates("ca_file", path)?);
            let nobody = || LinkFault::NoCertificate { setting: "ca_file", path: path.to_owned() };
            if roots.is_empty() { Err(nobody()) } else { Ok(roots) }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() { Err(LinkFault::NoSystemAuthority) } else { Ok(roots) }
        }
    }
}

/// When our own certificate ends, with the first of its chain, and when the last of our authorities does.
fn certificate_ends(settings: &LinkSettings) -> Result<Vec<CertificateEnd>, LinkFault> {
    let ends = |setting, path: &Option<PathBuf>| -> Result<Vec<Timestamp>, LinkFault> {
        let Some(path) = path else { return Ok(Vec::new()) };
        Ok(certificates(setting, path)?.iter().filter_map(|der| certificate::end_of(der)).collect())
    };
    let own = ends("certificate_file", &settings.certificate_file)?;
    let authorities = ends("ca_file", &settings.ca_file)?;
    let own = own.into_iter().min().map(|at| CertificateEnd { of: "WardWatch (mqtt.certificate_file)", at });
    let of = "the broker's authority (mqtt.ca_file)";
    let authority = authorities.into_iter().max().map(|at| CertificateEnd { of, at });
    Ok(own.into_iter().chain(authority).collect())
}

/// The certificates of a file, at least one.
fn certificates(setting: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, LinkFault> {
    let file = |fault: pem::Error| LinkFault::File { setting, path: path.to_owned(), source: fault.into() };
    let found: Vec<_> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(file)?;
    match found.is_empty() {
        true => Err(LinkFault::NoCertificate { setting, path: path.to_owned() }),
        false => Ok(found),
    }
}

/// The pause before another try: doubled from 200 ms to 2 s, each time cut by up to half at random, so
/// that a thousand clients of a restarted broker do not come back in the same instant.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_secs(2);
    /// A connection that lived this long has worked; two instances that evict each other live less.
    const STEADY: Duration = Duration::from_secs(30);

    /// The pause after a connection that lived for so long.
    pub fn after_connection(&mut self, lived: Duration) -> Duration {
        if lived >= Self::STEADY {
            self.reset();
        }
        self.after_failure()
    }

    /// The pause after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let pause = Self::FIRST.saturating_mul(1 << self.failures.min(10)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        let share = (random() >> 40) as f64 / (1_u64 << 24) as f64;
        pause.mul_f64(0.5 + share / 2.0)
    }

    /// What failed works: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number, from the keys the standard library draws for its hash maps.
pub fn random() -> u64 {
    std::hash::RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> LinkSettings {
        LinkSettings { url: url.to_owned(), client_id: "wardwatch".to_owned(), ..LinkSettings::default() }
    }

    /// Why settings that name this as a file cannot be used.
    fn fault(set: impl FnOnce(&mut LinkSettings)) -> (&'static str, String) {
        let mut settings = settings("mqtts://broker");
        set(&mut settings);
        let fault = Link::new(&settings).err().unwrap();
        (fault.setting(), fault.to_string())
    }

    #[test]
    fn an_ipv6_address_is_connected_to_in_brackets() {
        let address = |url| Link::new(&settings(url)).map(|link| link.address()).ok();
        assert_eq!(address("mqtt://[::1]:1885").as_deref(), Some("[::1]:1885"));
        assert_eq!(address("mqtt://127.0.0.1").as_deref(), Some("127.0.0.1:1883"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_setting() {
        let missing = fault(|settings| settings.ca_file = Some(PathBuf::from("nowhere/ca.pem")));
        let words = "nowhere/ca.pem cannot be read as PEM; allowed is a PEM file that WardWatch may read";
        assert_eq!(missing, ("ca_file", words.to_owned()));
        let no_pem = fault(|settings| settings.ca_file = Some(PathBuf::from("Cargo.toml")));
        let words =
            "Cargo.toml holds no certificate that can be used; allowed is a PEM file with at least one";
        assert_eq!(no_pem, ("ca_file", words.to_owned()));
    }

    #[test]
    fn settings_show_no_password() {
        let mut settings = settings("mqtt://broker");
        settings.password = Some("secret".to_owned());
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn the_pause_grows_to_two_seconds_and_is_never_none() {
        let mut backoff = Backoff::default();
        for attempt in 0..100_u32 {
            let full = Duration::from_millis(200 << attempt.min(10)).min(Duration::from_secs(2));
            let pause = backoff.after_failure();
            assert!(pause >= full / 2 && pause <= full, "attempt {attempt}: {pause:?}");
        }
        assert!(backoff.after_connection(Duration::from_secs(29)) >= Duration::from_secs(1));
        assert!(backoff.after_connection(Duration::from_secs(30)) <= Duration::from_millis(200));
    }
}
