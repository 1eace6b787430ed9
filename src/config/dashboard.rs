//! Where the pages for the ward are served.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

/// The pages for the ward.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DashboardConfig {
    /// The address and port on which they are served: of this machine alone, since the pages know no users. None: not at
    /// all.
    #[serde(deserialize_with = "listen")]
    pub listen: Option<SocketAddr>,
}

impl Default for DashboardConfig {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::from(([127, 0, 0, 1], 8080))) }
    }
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "off" {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        Ok(_) => Err(de::Error::custom(format!(
            "\"{text}\" is not allowed; allowed is an address of this machine alone, as 127.0.0.1:8080: \
             whoever reaches the pages sees every patient"
        ))),
        Err(_) => Err(de::Error::custom(format!(
            "\"{text}\" is not allowed; allowed is ADDRESS:PORT, as 127.0.0.1:8080, or \"off\""
        ))),
    }
}
