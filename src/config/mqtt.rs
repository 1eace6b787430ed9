//! How the broker is reached.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use wardwatch_actors::clock::Span;
use wardwatch_actors::settings::duration;

use super::size::ByteSize;

/// The connection to the broker, and the names used on it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    pub url: BrokerUrl,
    /// Also this instance's name in `system/{instance}`; two running instances need different ones.
    pub client_id: String,
    pub username: Option<String>,
    /// A file with the password on its first line.
    pub password_file: Option<PathBuf>,
    /// The password itself, which only the environment may give.
    pub password: Option<Secret>,
    /// Certificates (PEM) of the authorities that may vouch for the broker; else those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate (PEM), where the broker asks for one.
    pub certificate_file: Option<PathBuf>,
    /// The key (PEM) of our own certificate.
    pub key_file: Option<PathBuf>,
    /// What every topic begins with; may have several levels.
    pub prefix: String,
    /// How many readings may be unacknowledged before no more are taken from the broker.
    pub max_unacknowledged: usize,
    /// The largest payload that is read, whatever the broker allows; a larger message is rejected unread.
    pub max_payload: ByteSize,
    #[serde(with = "duration")]
    pub keep_alive: Span,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            url: BrokerUrl::default(),
            client_id: "wardwatch".to_owned(),
            username: None,
            password_file: None,
            password: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            prefix: "wardwatch".to_owned(),
            max_unacknowledged: 4000,
            // 1,000 readings with every field are 414 KB.
            max_payload: ByteSize::from_kib(512),
            keep_alive: Span::from_secs(60),
        }
    }
}

impl MqttConfig {
    /// The password: from the environment, else the first line of `password_file` as it is now.
    pub fn current_password(&self) -> Result<Option<Secret>, PasswordFault> {
        match (&self.password, &self.password_file) {
            (Some(password), _) => Ok(Some(password.clone())),
            (None, Some(path)) => Secret::read(path).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// A text with which no topic can begin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" cannot begin a topic; allowed is text without + # and $, as hospital/wardwatch")]
pub struct PrefixFault(String);

/// Whether every topic may begin so.
pub fn check_prefix(prefix: &str) -> Result<(), PrefixFault> {
    let level = |level: &str| !level.is_empty() && !level.contains(['+', '#', '\0']);
    match !prefix.starts_with('$') && prefix.split('/').all(level) {
        true => Ok(()),
        false => Err(PrefixFault(prefix.to_owned())),
    }
}

/// Why a file gives no password.
#[derive(Debug, Error)]
pub enum PasswordFault {
    #[error("{} cannot be read; allowed is a file with the password on its first line", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{} has no password on its first line; allowed is one there", .0.display())]
    Empty(PathBuf),
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The first line of a file.
    pub fn read(path: &Path) -> Result<Self, PasswordFault> {
        let unreadable = |fault| PasswordFault::Unreadable(path.to_owned(), fault);
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        match text.lines().next() {
            None | Some("") => Err(PasswordFault::Empty(path.to_owned())),
            Some(password) => Ok(Self(password.to_owned())),
        }
    }

    /// The text itself, for the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Where the broker listens: `mqtt://host:1883`, or `mqtts://host:8883` for TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    pub tls: bool,
    /// A host name or an address; IPv6 without its brackets.
    pub host: String,
    pub port: u16,
}

/// Why a text is no address of a broker.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "\"{given}\" {wrong}; allowed is mqtt://HOST:PORT, or mqtts://HOST:PORT for TLS (ports 1883 and 8883 may be left out)"
)]
pub struct UrlFault {
    given: String,
    wrong: &'static str,
}

impl Default for BrokerUrl {
    fn default() -> Self {
        Self { tls: false, host: "127.0.0.1".to_owned(), port: 1883 }
    }
}

impl FromStr for BrokerUrl {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<Self, UrlFault> {
        let fault = |wrong| UrlFault { given: text.to_owned(), wrong };
        let (tls, rest) = match text.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err(fault("does not begin with mqtt:// or mqtts://")),
        };
        if rest.contains('@') {
            // Not shown: it holds a password.
            let given = format!("mqtt{}://…", if tls { "s" } else { "" });
            return Err(UrlFault {
                given,
                wrong: "has a user in it, which belongs to username and password_file",
            });
        }
        let (host, port) = split_port(rest.strip_suffix('/').unwrap_or(rest));
        let port = match port {
            Some(port) => match port.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(fault("has no port from 1 to 65535")),
            },
            None => {
                if tls {
                    8883
                } else {
                    1883
                }
            }
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'%');
        if host.is_empty() || !host.bytes().all(valid) {
            return Err(fault("names no host"));
        }
        if tls && host.contains(':') {
            return Err(fault("needs a host name for TLS, not an IPv6 address"));
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

/// Splits `host:port`; the colons within an IPv6 address in brackets are the host's.
fn split_port(rest: &str) -> (&str, Option<&str>) {
    let from = rest.rfind(']').unwrap_or(0);
    match rest[from..].find(':') {
        Some(at) => (&rest[..from + at], Some(&rest[from + at + 1..])),
        None => (rest, None),
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl<'de> Deserialize<'de> for BrokerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_has_a_host_and_the_usual_port_unless_set() {
        let cases = [
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtts://broker.example.org/", "mqtts://broker.example.org:8883"),
            ("mqtt://10.0.0.1:11883", "mqtt://10.0.0.1:11883"),
            ("mqtt://[::1]", "mqtt://[::1]:1883"),
            ("mqtt://[fe80::1]:9000", "mqtt://[fe80::1]:9000"),
        ];
        for (text, url) in cases {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_names_no_broker_is_rejected() {
        for text in [
            "",
            "broker:1883",
            "tcp://broker",
            "mqtt://",
            "mqtt://:1883",
            "mqtt://b:0",
            "mqtt://b:x",
            "mqtt://b/topic",
            "mqtt://a b",
            "mqtts://[::1]",
            "mqtt://broker:",
            "mqtt://broker:70000",
        ] {
            assert!(text.parse::<BrokerUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let fault = "mqtt://ward:s3cret@broker".parse::<BrokerUrl>().unwrap_err();
        assert!(!fault.to_string().contains("s3cret"));
        assert!(!format!("{:?}", Secret("s3cret".into())).contains("s3cret"));
    }
}
