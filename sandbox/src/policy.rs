//! The operator's policy: what agents of this host may reach. An agent gets what the policy grants and its blueprint
//! asks for; everything else is refused.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ipnet::IpNet;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::tls;
use guildhall_model::origin::{Origin, is_name};

/// The longest secret, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// The operator's grants. By default agents may store values, read their blueprint's configuration, and log. They may
/// send no requests and use no secrets.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Where requests may go (`policy.http`).
    pub http: Vec<Origin>,
    /// Addresses that requests may reach although they are not public (`policy.addresses`).
    pub addresses: Vec<IpNet>,
    /// Secrets that requests may carry (`policy.secrets`).
    pub secrets: Vec<SecretGrant>,
    /// Secrets that agents may read (`policy.reveal`).
    pub reveal: Vec<String>,
    /// Environment variables that agents may see (`policy.env`).
    pub env: Vec<String>,
    /// Whether agents may store values (`policy.keyvalue`).
    pub keyvalue: bool,
    /// Whether agents may read their blueprint's configuration (`policy.config`).
    pub config: bool,
    /// Whether agents may use `wasi:logging` (`policy.logging`).
    pub logging: bool,
    /// The directory with one file for each secret (`policy.secrets_dir`).
    pub secrets_dir: Option<PathBuf>,
    /// Certificate authorities that are trusted in addition to Mozilla's (`policy.ca_file`).
    authorities: Vec<CertificateDer<'static>>,
    /// Created from `authorities` when the first request needs it.
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

/// A secret that requests may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretGrant {
    /// The name of the secret and of its file.
    pub name: String,
    /// The origin that it may go to. `None`: every origin that requests may go to.
    pub to: Option<Origin>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            addresses: Vec::new(),
            secrets: Vec::new(),
            reveal: Vec::new(),
            env: Vec::new(),
            keyvalue: true,
            config: true,
            logging: true,
            secrets_dir: None,
            authorities: Vec::new(),
            tls: OnceLock::new(),
        }
    }
}

impl Policy {
    /// The names of the settings of a policy.
    pub const NAMES: [&str; 10] = [
        "policy.http",
        "policy.addresses",
        "policy.secrets",
        "policy.secrets_dir",
        "policy.reveal",
        "policy.env",
        "policy.keyvalue",
        "policy.config",
        "policy.logging",
        "policy.ca_file",
    ];

    /// Sets one setting. The items of a list are separated by commas; an empty value is an empty list.
    ///
    /// # Errors
    /// The setting is unknown or the value is not valid. The text says what would be right.
    pub fn set(&mut self, setting: &str, value: &str) -> Result<(), String> {
        let flag = || match value {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("`{setting}` is true or false, not `{value}`")),
        };
        match setting {
            "policy.http" => self.http = each(value, |text| text.parse())?,
            "policy.addresses" => self.addresses = each(value, network)?,
            "policy.secrets" => self.secrets = each(value, secret)?,
            "policy.secrets_dir" => self.secrets_dir = (!value.is_empty()).then(|| value.into()),
            "policy.reveal" => self.reveal = each(value, name)?,
            "policy.env" => self.env = each(value, name)?,
            "policy.keyvalue" => self.keyvalue = flag()?,
            "policy.config" => self.config = flag()?,
            "policy.logging" => self.logging = flag()?,
            "policy.ca_file" => {
                let authorities = if value.is_empty() { Vec::new() } else { tls::authorities(value)? };
                tls::config(&authorities).map_err(|error| format!("`{value}`: {error}"))?;
                (self.authorities, self.tls) = (authorities, OnceLock::new());
            }
            _ => return Err(format!("there is no setting `{setting}`; there are {}", Self::NAMES.join(", "))),
        }
        Ok(())
    }

    /// Whether requests may reach an address although it is not public: `policy.addresses` contains it, or
    /// `policy.http` grants the origin and the origin is that address itself.
    pub(crate) fn allows_address(&self, address: IpAddr, origin: &Origin) -> bool {
        let named = |granted: &Origin| granted == origin && granted.address() == Some(address);
        self.addresses.iter().any(|network| network.contains(&address)) || self.http.iter().any(named)
    }

    /// Returns the TLS configuration of requests.
    ///
    /// # Errors
    /// A certificate authority is not valid.
    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        let make = || tls::config(&self.authorities).map_err(|error| error.to_string());
        self.tls.get_or_init(make).clone()
    }

    /// Whether a request to this origin may carry the secret.
    pub(crate) fn carries(&self, secret: &str, to: &Origin) -> bool {
        let fits =
            |grant: &SecretGrant| grant.name == secret && grant.to.as_ref().is_none_or(|origin| origin.covers(to));
        self.secrets.iter().any(fits)
    }

    /// Reads the value of a secret from its file, without white space at its end. `None`: there is no such file, it
    /// cannot be read, or it is too large. The reason is written to the host's log.
    pub(crate) fn secret(&self, name: &str) -> Option<Vec<u8>> {
        let dir = self.secrets_dir.as_ref()?;
        let path = dir.join(self::name(name).ok()?);
        let read = std::fs::metadata(&path).and_then(|file| {
            if file.len() > MAX_SECRET_BYTES {
                let text = format!("it has {} bytes and may have {MAX_SECRET_BYTES}", file.len());
                return Err(std::io::Error::other(text));
            }
            std::fs::read(&path)
        });
        match read {
            Ok(mut value) => {
                let length = value.trim_ascii_end().len();
                value.truncate(length);
                Some(value)
            }
            Err(error) => {
                tracing::warn!(secret = name, %error, "a secret cannot be read from `policy.secrets_dir`");
                None
            }
        }
    }
}

fn each<T>(list: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(read).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    let wrong = |_| format!("`{text}` is not a network: write an address or `10.0.0.0/8`");
    text.parse::<IpAddr>().map(IpNet::from).or_else(|_| text.parse().map_err(wrong))
}

fn secret(text: &str) -> Result<SecretGrant, String> {
    match text.split_once('@') {
        Some((secret, to)) => Ok(SecretGrant { name: name(secret)?, to: Some(to.parse()?) }),
        None => Ok(SecretGrant { name: name(text)?, to: None }),
    }
}

fn name(text: &str) -> Result<String, String> {
    if is_name(text) { Ok(text.to_owned()) } else { Err(format!("`{text}` is not a name")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(settings: &[(&str, &str)]) -> Policy {
        let mut policy = Policy::default();
        settings.iter().for_each(|(setting, value)| policy.set(setting, value).unwrap());
        policy
    }

    #[test]
    fn a_policy_is_set_by_the_names_of_its_settings_and_wrong_values_are_refused() {
        let policy =
            policy(&[("policy.http", "https://a.example, http://10.0.0.5:8080"), ("policy.keyvalue", "false")]);
        assert_eq!((policy.http.len(), policy.keyvalue), (2, false));
        for (setting, value) in [
            ("policy.http", "a.example"),
            ("policy.addresses", "10.0.0.0/40"),
            ("policy.secrets", "../etc/passwd"),
            ("policy.env", "A=B"),
            ("policy.logging", "maybe"),
            ("policy.nothing", ""),
        ] {
            assert!(Policy::default().set(setting, value).is_err(), "{setting}");
        }
    }

    #[test]
    fn every_name_is_a_setting() {
        for name in Policy::NAMES {
            let set = |value| Policy::default().set(name, value).is_ok();
            assert!(set("") || set("true"), "{name}");
        }
    }

    #[test]
    fn a_secret_goes_only_to_its_origin() {
        let policy = policy(&[("policy.secrets", "ONE@https://a.example,TWO")]);
        let origin = |text: &str| text.parse().unwrap();
        assert!(policy.carries("ONE", &origin("https://a.example")));
        assert!(!policy.carries("ONE", &origin("https://b.example")));
        assert!(policy.carries("TWO", &origin("https://b.example")));
        assert!(!policy.carries("THREE", &origin("https://a.example")));
    }

    #[test]
    fn a_secret_is_a_file_and_not_a_path() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        std::fs::write(dir.path().join("outside"), "x").unwrap();
        std::fs::write(dir.path().join("secrets/KEY"), "hush\n").unwrap();
        let policy = Policy { secrets_dir: Some(dir.path().join("secrets")), ..Policy::default() };
        assert_eq!(policy.secret("KEY").as_deref(), Some(&b"hush"[..]));
        for name in ["../outside", "..", ".", "", "NONE"] {
            assert_eq!(policy.secret(name), None, "{name}");
        }
    }
}
