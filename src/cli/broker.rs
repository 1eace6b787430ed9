//! The flags of every command that speaks to a broker as somebody else than the service.

use std::path::PathBuf;

use clap::Args;
use thiserror::Error;
use wardwatch::config::mqtt::check_prefix;
use wardwatch::config::{BrokerUrl, MqttConfig};
use wardwatch::contract::topics::Topics;
use wardwatch::link::{Link, LinkSettings};

use super::Unusable;

/// The broker, what it asks for, and who vouches for it where the URL is mqtts://
#[derive(Debug, Args)]
pub struct BrokerFlags {
    /// The broker
    #[arg(long, default_value = "mqtt://127.0.0.1:1883")]
    url: BrokerUrl,
    /// The first part of every topic
    #[arg(long, default_value = "wardwatch")]
    pub prefix: String,
    /// The user at the broker
    #[arg(long)]
    username: Option<String>,
    /// A file with the password on its first line
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// The authorities that may vouch for the broker (PEM); without it, those of the system
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A certificate of one's own (PEM)
    #[arg(long, value_name = "FILE", requires = "key_file")]
    certificate_file: Option<PathBuf>,
    /// The key to it (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    key_file: Option<PathBuf>,
}

/// A certificate is given, and nothing that would look at it.
#[derive(Debug, Error)]
#[error("has no effect with {0}; allowed is a --url with mqtts://")]
struct NoTls(BrokerUrl);

/// A flag that cannot be used.
pub fn unusable(flag: &str, fault: impl std::error::Error + Send + Sync + 'static) -> Unusable {
    Unusable(anyhow::Error::from(fault).context(flag.to_owned()))
}

impl BrokerFlags {
    /// The topics below the prefix.
    pub fn topics(&self) -> Result<Topics, Unusable> {
        check_prefix(&self.prefix).map_err(|fault| unusable("--prefix", fault))?;
        Ok(Topics::new(&self.prefix))
    }

    /// The way to it under this client id, with certificates and password read.
    pub fn link(&self, client_id: &str) -> Result<Link, Unusable> {
        let Self { username, password_file, ca_file, certificate_file, key_file, .. } = self;
        let mqtt = MqttConfig {
            url: self.url.clone(),
            client_id: client_id.to_owned(),
            username: username.clone(),
            password_file: password_file.clone(),
            ca_file: ca_file.clone(),
            certificate_file: certificate_file.clone(),
            key_file: key_file.clone(),
            ..MqttConfig::default()
        };
        let for_tls = [("--ca-file", ca_file), ("--certificate-file", certificate_file)];
        if let Some((flag, _)) = for_tls.iter().find(|(_, file)| file.is_some() && !self.url.tls) {
            return Err(unusable(flag, NoTls(self.url.clone())));
        }
        let settings = LinkSettings::of(&mqtt).map_err(|fault| unusable("--password-file", fault))?;
        Link::new(&settings)
            .map_err(|fault| unusable(&format!("--{}", fault.setting().replace('_', "-")), fault))
    }
}
