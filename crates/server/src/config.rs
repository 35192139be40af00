//! Configuration: a TOML file, over it `OSTLER_*` variables, over them flags (which the command line sets on [`Config`]).

use crate::http::{Proxy, Site};
use anyhow::{Context as _, Result, bail};
use ostler_model::user::Email;
use ostler_model::{Label, Secret};
use ostler_wire::setting::Source;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The configuration with every key, its default and what it is for. Also docs/reference/config.toml.
pub const EXAMPLE: &str = include_str!("config.toml");

/// Everything an operator may say.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Database, keys and whatever else must survive.
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// A Unix socket besides, for a proxy on this machine.
    pub listen_socket: Option<PathBuf>,
    /// Where people and nodes reach this server, for example `https://ostler.example.org`.
    pub public_url: Option<String>,
    /// Other URLs under which nodes dial this server, besides `public_url` and the loopback.
    pub node_urls: Vec<String>,
    /// `postgres://…`; a SQLite file in the data folder when absent.
    pub database_url: Option<String>,
    /// Hops whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<Proxy>,
    pub log: LogFormat,
    /// `/metrics` also without credentials, for callers on this machine.
    pub metrics_on_loopback: bool,
    pub rates: Rates,
    pub mail: Mail,
    pub matches: Matches,
    /// Who said what.
    pub sources: Sources,
}

/// Who said the value of each setting; what is absent was said by nobody. No part of what a configuration *is*.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<&'static str, Source>);

impl PartialEq for Sources {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Sources {
    /// Who said this one.
    pub fn of(&self, name: &str) -> Source {
        self.0.get(name).copied().unwrap_or(Source::Default)
    }
    /// This one was said by them.
    pub fn note(&mut self, name: &'static str, source: Source) {
        self.0.insert(name, source);
    }
}

/// How mail leaves. Without a host it is off, and links are handed over by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    pub host: Option<String>,
    pub port: u16,
    pub security: Security,
    /// Certificates, as PEM, of whoever vouches for the mail server, besides those that everybody trusts.
    pub ca_file: Option<PathBuf>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Whom mails come from.
    pub from: Option<Email>,
    pub from_name: Label,
}

/// How the connection to the mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Begins in the clear and must become TLS before anything is said.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// In the clear; for a relay on this machine or in a network that you trust, and never with a password.
    None,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            security: Security::default(),
            ca_file: None,
            username: None,
            password: None,
            from: None,
            from_name: "Ostler".parse().expect("a label"),
        }
    }
}

/// Matches: the workers in this process, and the platform's own bot.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// How many share the matches. Zero for none.
    pub workers: u32,
    /// How many of them live in the server's own process, from the first on; all, when nobody says. Workloads of kind
    /// `match-host` host the others.
    pub in_process: Option<u32>,
    /// What the platform's own bot presents. Without it, and without named bots, the bots' routes do not exist.
    pub admin_bot_key: Option<Secret>,
}

impl Default for Matches {
    fn default() -> Self {
        Self { workers: 1, in_process: None, admin_bot_key: None }
    }
}

impl Matches {
    /// How many workers live in the server's own process.
    pub fn here(&self) -> u32 {
        self.in_process.unwrap_or(self.workers).min(self.workers)
    }
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
            listen_socket: None,
            public_url: None,
            node_urls: Vec::new(),
            database_url: None,
            trusted_proxies: Vec::new(),
            log: LogFormat::default(),
            metrics_on_loopback: false,
            rates: Rates::default(),
            mail: Mail::default(),
            matches: Matches::default(),
            sources: Sources::default(),
        }
    }
}

/// The file's form. Everything may be absent; nothing unknown is accepted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    data_dir: Option<PathBuf>,
    listen: Option<String>,
    listen_socket: Option<PathBuf>,
    public_url: Option<String>,
    node_urls: Option<Vec<String>>,
    database_url: Option<String>,
    trusted_proxies: Option<Vec<String>>,
    log: Option<LogFormat>,
    metrics_on_loopback: Option<bool>,
    rates: Option<Rates>,
    mail: Option<MailForm>,
    matches: Option<MatchesForm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatchesForm {
    workers: Option<u32>,
    in_process: Option<u32>,
    admin_bot_key: Option<Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct MailForm {
    host: Option<String>,
    port: Option<u16>,
    security: Option<Security>,
    ca_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<Secret>,
    from: Option<Email>,
    from_name: Option<Label>,
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
        let mail = form.mail.unwrap_or_default();
        let mut by = Taking { sources: &mut self.sources, source: Source::File };
        by.take("data_dir", form.data_dir, &mut self.data_dir);
        let listen = form.listen.map(|text| address(&text, "listen")).transpose()?;
        by.take("listen", listen, &mut self.listen);
        by.take("listen_socket", form.listen_socket.map(Some), &mut self.listen_socket);
        by.take("public_url", form.public_url.map(Some), &mut self.public_url);
        by.take("node_urls", form.node_urls, &mut self.node_urls);
        by.take("database_url", form.database_url.map(Some), &mut self.database_url);
        let proxies = form.trusted_proxies;
        let proxies = proxies.map(|all| read_proxies(all.iter().map(String::as_str))).transpose()?;
        by.take("trusted_proxies", proxies, &mut self.trusted_proxies);
        by.take("log", form.log, &mut self.log);
        by.take("metrics_on_loopback", form.metrics_on_loopback, &mut self.metrics_on_loopback);
        if let Some(rates) = form.rates {
            self.rates = rates;
            for name in ["rates.per_address", "rates.per_address_burst", "rates.per_actor", "rates.per_actor_burst"] {
                by.sources.note(name, Source::File);
            }
        }
        let matches = form.matches.unwrap_or_default();
        by.take("matches.workers", matches.workers, &mut self.matches.workers);
        by.take("matches.in_process", matches.in_process.map(Some), &mut self.matches.in_process);
        by.take("matches.admin_bot_key", matches.admin_bot_key.map(Some), &mut self.matches.admin_bot_key);
        by.take("mail.host", mail.host.map(Some), &mut self.mail.host);
        by.take("mail.port", mail.port, &mut self.mail.port);
        by.take("mail.security", mail.security, &mut self.mail.security);
        by.take("mail.ca_file", mail.ca_file.map(Some), &mut self.mail.ca_file);
        by.take("mail.username", mail.username.map(Some), &mut self.mail.username);
        by.take("mail.password", mail.password.map(Some), &mut self.mail.password);
        by.take("mail.from", mail.from.map(Some), &mut self.mail.from);
        by.take("mail.from_name", mail.from_name, &mut self.mail.from_name);
        Ok(())
    }

    fn environment(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<()> {
        for item in crate::setting::ITEMS {
            let name = item.variable();
            // Bots' programs know their own name for it, without the prefix.
            let alias = (item.name == "matches.admin_bot_key").then(|| variable("ADMIN_BOT_API_KEY")).flatten();
            let said = variable(&name).or(alias).filter(|value| !value.is_empty());
            // For secrets, which an environment shows to too many, the name of a file that holds one.
            let file = variable(&format!("{name}_FILE")).filter(|path| item.is_secret && !path.is_empty());
            let text = match (said, file) {
                (Some(text), _) => text,
                (None, Some(path)) => fs::read_to_string(&path)
                    .with_context(|| format!("could not read {path}, which {name}_FILE names"))?
                    .trim_end()
                    .to_owned(),
                (None, None) => continue,
            };
            item.parse(self, &text).map_err(|why| anyhow::anyhow!("{name} is wrong: {why}"))?;
            self.sources.note(item.name, Source::Environment);
        }
        Ok(())
    }

    /// Refuses what would not be safe, and says which line to change.
    pub fn check(&self) -> Result<()> {
        match crate::setting::problems(self).first() {
            Some((_, why)) => bail!("{why}"),
            None => Ok(()),
        }
    }

    /// Sets what a flag of the command line says.
    pub fn flag(&mut self, name: &'static str, set: impl FnOnce(&mut Self)) {
        set(self);
        self.sources.note(name, Source::Flag);
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
        self.public_url.as_deref().and_then(Site::read).is_some_and(|site| site.is_https())
    }
    /// Every URL under which nodes dial this server, but those of the loopback.
    pub fn dialled_urls(&self) -> Vec<String> {
        std::iter::once(self.public_url()).chain(self.node_urls.iter().cloned()).collect()
    }
    /// Where people reach this server.
    pub fn public_url(&self) -> String {
        match &self.public_url {
            Some(url) => Site::read(url).map_or_else(|| url.clone(), |site| site.to_string()),
            None => format!("http://{}", self.listen),
        }
    }
}

struct Taking<'a> {
    sources: &'a mut Sources,
    source: Source,
}

impl Taking<'_> {
    fn take<T>(&mut self, name: &'static str, said: Option<T>, into: &mut T) {
        if let Some(said) = said {
            *into = said;
            self.sources.note(name, self.source);
        }
    }
}

pub(crate) fn address(text: &str, name: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("{name} is {text:?}; use an address with a port: {name} = \"127.0.0.1:8080\""))
}

pub(crate) fn read_proxies<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<Proxy>> {
    let wrong = |why| anyhow::anyhow!("trusted_proxies: {why}");
    texts.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(wrong)).collect()
}

/// The number of an account of this machine.
pub(crate) fn uid_of(name: &str) -> Option<u32> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

/// Removes the socket that a server left which is gone. One that still answers stays, and is in the way.
pub(crate) fn clear_socket(path: &Path) {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        let _ = fs::remove_file(path);
    }
}

/// Lets every account connect: who is served is decided by the account itself, which the kernel names.
pub(crate) fn open_socket(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))
        .with_context(|| format!("could not open {} to other accounts", path.display()))
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
            (Config { trusted_proxies: vec!["127.0.0.1".parse().unwrap()], ..base() }, "127.0.0.1 user=www-data"),
            (Config { trusted_proxies: vec!["::1".parse().unwrap()], ..base() }, "::1 user=www-data"),
            (Config { listen_socket: Some("/run/ostler.sock".into()), ..base() }, "unix user=www-data"),
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
