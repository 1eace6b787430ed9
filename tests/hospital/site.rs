//! A hospital's Mosquitto, by `deploy/mosquitto.conf`, `deploy/acl` and `deploy/private-ca.sh` as they are.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::mosquitto::{mosquitto, until};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy");

/// Everybody whom `deploy/acl` names, but for WardWatch.
pub const USERS: [&str; 7] =
    ["gateway-icu-1", "gateway-ward-3", "mon-17", "pager-icu-1", "station-icu-1", "records", "adt"];

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A broker with its certificates and passwords; it ends with its value.
pub struct Site {
    directory: PathBuf,
    /// For passwords, for certificates, for WardWatch.
    pub ports: [u16; 3],
    child: Child,
}

impl Site {
    /// Makes the certificates, which hold for so many days, and starts the broker.
    pub async fn open(days: u32) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("hospital-{}-{number}", std::process::id());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory");
        make_certificates(&directory, days);
        fs::copy(Path::new(DEPLOY).join("acl"), directory.join("acl")).expect("the access list");
        let ports = free_ports();
        let config = directory.join("mosquitto.conf");
        fs::write(&config, configuration(&directory, ports)).expect("the broker's configuration");
        let log = File::create(directory.join("mosquitto.log")).expect("the broker's log");
        let child = mosquitto().arg("-c").arg(&config).stdout(Stdio::null()).stderr(log).spawn();
        let site = Self { directory, ports, child: child.expect("mosquitto is installed") };
        until("the broker listens", || {
            ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        })
        .await;
        site
    }

    /// A file of the site: `ca.crt`, `mon-17.password`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The password of this user.
    pub fn password(&self, user: &str) -> String {
        let text = fs::read_to_string(self.file(&format!("{user}.password"))).expect("a password");
        text.trim_end().to_owned()
    }

    /// TLS that trusts the site's authority, and shows this certificate of a site.
    pub fn tls(&self, certificate: Option<(&Self, &str)>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(self.file("ca.crt")).expect("the authority");
        roots.add(authority).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("TLS").with_root_certificates(roots);
        Arc::new(match certificate {
            None => builder.with_no_client_auth(),
            Some((site, name)) => {
                let chain = CertificateDer::from_pem_file(site.file(&format!("{name}.crt")));
                let key = PrivateKeyDer::from_pem_file(site.file(&format!("{name}.key"))).expect("a key");
                builder.with_client_auth_cert(vec![chain.expect("a certificate")], key).expect("an identity")
            }
        })
    }

    /// What WardWatch needs to know of the broker.
    pub fn service_settings(&self) -> String {
        let file = |name| self.file(name).display().to_string();
        format!(
            "url = \"mqtts://127.0.0.1:{}\"\nca_file = \"{}\"\ncertificate_file = \"{}\"\nkey_file = \"{}\"\n",
            self.ports[2],
            file("ca.crt"),
            file("wardwatch.crt"),
            file("wardwatch.key")
        )
    }

    /// Ends the broker.
    pub fn stop(&mut self) {
        self.child.kill().expect("a broker that runs");
        self.child.wait().expect("its end");
    }

    /// What the broker has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.file("mosquitto.log")).unwrap_or_default()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn make_certificates(directory: &Path, days: u32) {
    let mut script = Command::new(Path::new(DEPLOY).join("private-ca.sh"));
    script.arg(directory).arg("127.0.0.1").args(USERS).env("DAYS", days.to_string());
    let done = script.output().expect("a shell");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The deployed configuration, but for ports and places.
fn configuration(directory: &Path, ports: [u16; 3]) -> String {
    let deployed = fs::read_to_string(Path::new(DEPLOY).join("mosquitto.conf")).expect("the configuration");
    let place = directory.display().to_string();
    let mut own =
        deployed.replace("/etc/mosquitto/wardwatch", &place).replace("/var/lib/mosquitto/", &(place + "/"));
    for (listener, port) in
        ["\nlistener 8883\n", "\nlistener 8884\n", "\nlistener 8885 127.0.0.1\n"].iter().zip(ports)
    {
        assert!(own.contains(listener), "{listener}");
        own = own.replace(listener, &format!("\nlistener {port} 127.0.0.1\n"));
    }
    // As root, Mosquitto would become a user who may not read here.
    format!("user root\n{own}")
}

fn free_ports() -> [u16; 3] {
    let listeners = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}
