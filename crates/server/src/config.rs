//! Configuration: a TOML file, over it `OSTLER_*` variables, over them flags (which the command line sets on [`Config`]).

use crate::http::Network;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The configuration with every key, its default and what it is for. Also docs/reference/config.toml.
pub const EXAMPLE: &str = include_str!("config.toml");

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Requests per second, and how many at once after a rest. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

/// The file's form. Everything may be absent; nothing unknown is accepted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    data_dir: Option<PathBuf>,
    listen: Option<String>,
    public_url: Option<String>,
    database_url: Option<String>,
    trusted_proxies: Option<Vec<String>>,
    log: Option<LogFormat>,
    metrics_on_loopback: Option<bool>,
    rates: Option<Rates>,
}

impl Config {
    /// From a file, when one is given, and the variables of the environment.
    pub fn load(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut config = Config::default();
        if let Some(path) = file {
            let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
            config.read(&text).with_context(|| format!("in {}", path.display()))?;
        }
        config.environment(variable)?;
        Ok(config)
    }
    /// Takes over what a file's text says.
    pub fn read(&mut self, text: &str) -> Result<()> {
        let form: FileForm = toml::from_str(text)?;
        if let Some(data_dir) = form.data_dir {
            self.data_dir = data_dir;
        }
        if let Some(listen) = form.listen {
            self.listen = address(&listen, "listen")?;
        }
        self.public_url = form.public_url.or(self.public_url.take());
        self.database_url = form.database_url.or(self.database_url.take());
        if let Some(proxies) = form.trusted_proxies {
            self.trusted_proxies = networks(proxies.iter().map(String::as_str), "trusted_proxies")?;
        }
        self.log = form.log.unwrap_or(self.log);
        self.metrics_on_loopback = form.metrics_on_loopback.unwrap_or(self.metrics_on_loopback);
        self.rates = form.rates.unwrap_or(self.rates);
        Ok(())
    }

    fn environment(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<()> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(value) = get("OSTLER_DATA_DIR") {
            self.data_dir = value.into();
        }
        if let Some(value) = get("OSTLER_LISTEN") {
            self.listen = address(&value, "OSTLER_LISTEN")?;
        }
        self.public_url = get("OSTLER_PUBLIC_URL").or(self.public_url.take());
        self.database_url = get("OSTLER_DATABASE_URL").or(self.database_url.take());
        if let Some(value) = get("OSTLER_TRUSTED_PROXIES") {
            self.trusted_proxies = networks(value.split(',').map(str::trim), "OSTLER_TRUSTED_PROXIES")?;
        }
        if let Some(value) = get("OSTLER_LOG_FORMAT") {
            self.log = match value.as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => bail!("OSTLER_LOG_FORMAT is {value:?}; use \"text\" or \"json\""),
            };
        }
        if let Some(value) = get("OSTLER_METRICS_ON_LOOPBACK") {
            self.metrics_on_loopback = match value.as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => bail!("OSTLER_METRICS_ON_LOOPBACK is {value:?}; use \"true\" or \"false\""),
            };
        }
        Ok(())
    }

    /// Refuses what would not be safe, and says which line to change.
    pub fn check(&self) -> Result<()> {
        if let Some(network) = self.trusted_proxies.iter().find(|network| network.is_everybody()) {
            bail!(
                "trusted_proxies contains {network:?}, which is everybody: any client could then claim any address.\n\
                 Name your proxy instead, for example: trusted_proxies = [\"10.0.0.5\"]"
            );
        }
        if let Some(url) = &self.public_url {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let host = rest.map(|rest| rest.trim_end_matches('/')).unwrap_or_default();
            if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
                bail!(
                    "public_url is {url:?}; use scheme, host and port alone: public_url = \"https://ostler.example.org\""
                );
            }
        }
        if let Some(url) = &self.database_url
            && !url.starts_with("postgres://")
            && !url.starts_with("postgresql://")
        {
            bail!(
                "database_url must begin with postgres://; without it, SQLite in the data folder is used:\n\
                 database_url = \"postgres://ostler@localhost/ostler\""
            );
        }
        let is_open = !self.listen.ip().is_loopback();
        let is_plain = self.public_url.as_deref().is_none_or(|url| url.starts_with("http://"));
        if is_open && is_plain && self.public_url.is_none() {
            bail!(
                "listen = \"{}\" is open to the network, and nothing says how people reach it.\n\
                 Behind a proxy with TLS: public_url = \"https://ostler.example.org\"\n\
                 In a network that you trust: public_url = \"http://this-machine:{}\"",
                self.listen,
                self.listen.port()
            );
        }
        Ok(())
    }

    /// Makes the data folder, readable by this account alone.
    pub(crate) fn prepare_data_dir(&self) -> Result<()> {
        let dir = &self.data_dir;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("could not make the data folder {}; set data_dir or --data", dir.display()))?;
        let mode = fs::metadata(dir)?.permissions().mode();
        if mode & 0o007 != 0 {
            // It holds the database and the master key. Taking rights from others breaks nothing.
            fs::set_permissions(dir, fs::Permissions::from_mode(mode & 0o770))
                .with_context(|| format!("could not close {} to others; run: chmod o-rwx {0}", dir.display()))?;
        }
        Ok(())
    }

    /// The SQLite file, when that is the database.
    pub fn sqlite_path(&self) -> PathBuf {
        self.data_dir.join("ostler.db")
    }
    /// People reach this server over TLS, by whatever means.
    pub fn is_public_over_tls(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
    /// Where people reach this server.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", self.listen),
        }
    }
}

fn address(text: &str, name: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{name} is {text:?}; use an address with a port: {name} = \"127.0.0.1:8080\""))
}

fn networks<'a>(texts: impl Iterator<Item = &'a str>, name: &str) -> Result<Vec<Network>> {
    texts.filter(|t| !t.is_empty()).map(|text| text.parse().map_err(|why| anyhow::anyhow!("{name}: {why}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_says_the_defaults() {
        let mut config = Config { listen: ([9, 9, 9, 9], 9).into(), rates: Rates::NONE, ..Config::default() };
        config.read(EXAMPLE).unwrap();
        assert_eq!(config, Config::default());
        // Each line that is commented out is a key that exists.
        let all: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|l| l.contains(" = ")).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        config.read(&all).unwrap();
        assert!(config.database_url.is_some() && config.public_url.is_some() && !config.trusted_proxies.is_empty());
    }

    #[test]
    fn unsafe_values_are_refused_with_the_line_to_change() {
        let base = Config::default;
        for (config, hint) in [
            (Config { trusted_proxies: vec!["0.0.0.0/0".parse().unwrap()], ..base() }, "trusted_proxies = "),
            (Config { public_url: Some("ostler.example.org".into()), ..base() }, "public_url = "),
            (Config { public_url: Some("https://a@b".into()), ..base() }, "public_url = "),
            (Config { database_url: Some("mysql://x".into()), ..base() }, "database_url = "),
            (Config { listen: ([0, 0, 0, 0], 80).into(), ..base() }, "public_url = "),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
        base().check().unwrap();
    }

    #[test]
    fn the_environment_goes_over_the_file_and_mistakes_are_named() {
        let mut config = base_with("listen = \"127.0.0.1:1\"").unwrap();
        config.environment(|name| (name == "OSTLER_LISTEN").then(|| "127.0.0.1:2".into())).unwrap();
        assert_eq!(config.listen.port(), 2);
        let error = format!("{:#}", base_with("listn = \"127.0.0.1:1\"").unwrap_err());
        assert!(error.contains("listn"), "{error}");
        let error = format!("{:#}", base_with("listen = \"8080\"").unwrap_err());
        assert!(error.contains("127.0.0.1:8080"), "{error}");
    }

    fn base_with(text: &str) -> Result<Config> {
        let mut config = Config::default();
        config.read(text)?;
        Ok(config)
    }
}
