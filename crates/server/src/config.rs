//! Configuration: a TOML file, over it `OSTLER_*` variables, over them flags.

use crate::http::Network;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything an operator may say.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Database, keys and whatever else must survive.
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// Where people and nodes reach this server, for example `https://ostler.example.org`.
    pub public_url: Option<String>,
    /// `postgres://…`; a SQLite file in the data folder when absent.
    pub database_url: Option<String>,
    /// Hops whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Network>,
    pub log: LogFormat,
    /// `/metrics` also without credentials, for callers on this machine.
    pub metrics_on_loopback: bool,
    pub rates: Rates,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Requests per second, and how many at once after a rest. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub per_address: u32,
    pub per_address_burst: u32,
    pub per_actor: u32,
    pub per_actor_burst: u32,
}

impl Default for Rates {
    fn default() -> Self {
        // A panel with many open charts asks a few times a second; a script with eight workers some hundred times.
        Self { per_address: 200, per_address_burst: 1000, per_actor: 200, per_actor_burst: 1000 }
    }
}

impl Rates {
    /// No limits.
    pub const NONE: Rates = Rates { per_address: 0, per_address_burst: 0, per_actor: 0, per_actor_burst: 0 };
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            database_url: None,
            trusted_proxies: Vec::new(),
            log: LogFormat::default(),
            metrics_on_loopback: false,
            rates: Rates::default(),
        }
    }
}

impl Config {
    /// People reach this server over TLS, by whatever means.
    pub fn is_public_over_tls(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
    /// Where people reach this server.
    pub fn public_url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }
}
