//! Every setting: its name, what it is for, how it is read and set.

use crate::config::{Config, LogFormat, Security, address, read_proxies};
use ostler_model::Secret;
use ostler_wire::link::proof::authority;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// One setting.
pub(crate) struct Item {
    pub(crate) name: &'static str,
    pub(crate) says: &'static str,
    /// Goes in and never comes out.
    pub(crate) is_secret: bool,
    /// Admins can say it while the server runs.
    pub(crate) is_editable: bool,
    /// Holds at once.
    pub(crate) is_live: bool,
    get: fn(&Config) -> Value,
    /// `null` is never given here.
    set: fn(&mut Config, &Value) -> Result<(), String>,
}

impl Item {
    /// The variable that goes over it.
    pub(crate) fn variable(&self) -> String {
        match self.name {
            // Older than the rule.
            "log" => "OSTLER_LOG_FORMAT".to_owned(),
            name => format!("OSTLER_{}", name.replace('.', "_").to_uppercase()),
        }
    }
    /// The value in a configuration, secrets included.
    pub(crate) fn get(&self, config: &Config) -> Value {
        (self.get)(config)
    }
    /// Takes a value over.
    pub(crate) fn set(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        (self.set)(config, value)
    }
    /// Takes over what a variable says.
    pub(crate) fn parse(&self, config: &mut Config, text: &str) -> Result<(), String> {
        match (self.get)(&Config::default()) {
            Value::Bool(_) => {
                let is = match text {
                    "true" | "1" => true,
                    "false" | "0" => false,
                    _ => return Err(format!("it is {text:?}; use \"true\" or \"false\"")),
                };
                self.set(config, &json!(is))
            }
            Value::Number(_) => {
                let number: u64 = text.parse().map_err(|_| format!("it is {text:?}; use a number"))?;
                self.set(config, &json!(number))
            }
            Value::Array(_) => {
                let all: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
                self.set(config, &json!(all))
            }
            _ => self.set(config, &json!(text)),
        }
    }
}

/// The setting of this name.
pub(crate) fn find(name: &str) -> Option<&'static Item> {
    ITEMS.iter().find(|item| item.name == name)
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

fn text(value: &Value) -> Result<String, String> {
    let text: String = read(value)?;
    if text.chars().count() > 1000 || text.chars().any(char::is_control) {
        return Err("use at most 1000 printable characters".to_owned());
    }
    Ok(text)
}

/// An empty text says that there is none.
fn optional(value: &Value) -> Result<Option<String>, String> {
    Ok(Some(text(value)?).filter(|text| !text.is_empty()))
}

macro_rules! rate {
    ($name:literal, $field:ident, $says:literal) => {
        Item {
            name: $name,
            says: $says,
            is_secret: false,
            is_editable: true,
            is_live: false,
            get: |config| json!(config.rates.$field),
            set: |config, value| {
                config.rates.$field = read(value)?;
                Ok(())
            },
        }
    };
}

/// Every setting, in the order in which they are shown.
pub(crate) const ITEMS: &[Item] = &[
    Item {
        name: "data_dir",
        says: "Folder for the database, keys and whatever else must survive.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.data_dir),
        set: |config, value| {
            config.data_dir = text(value)?.into();
            Ok(())
        },
    },
    Item {
        name: "listen",
        says: "Address and port that the server listens on.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.listen.to_string()),
        set: |config, value| {
            config.listen = address(&text(value)?, "listen").map_err(|error| format!("{error:#}"))?;
            Ok(())
        },
    },
    Item {
        name: "listen_socket",
        says: "Unix socket besides, for a proxy on this machine whose account trusted_proxies names.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.listen_socket),
        set: |config, value| {
            config.listen_socket = optional(value)?.map(Into::into);
            Ok(())
        },
    },
    Item {
        name: "database_url",
        says: "PostgreSQL instead of the SQLite file in the data folder.",
        is_secret: true,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.database_url),
        set: |config, value| {
            config.database_url = optional(value)?;
            Ok(())
        },
    },
    Item {
        name: "public_url",
        says: "Where people and nodes reach this server. With https, cookies are marked secure.",
        is_secret: false,
        is_editable: true,
        is_live: false,
        get: |config| json!(config.public_url),
        set: |config, value| {
            config.public_url = optional(value)?;
            Ok(())
        },
    },
    Item {
        name: "node_urls",
        says: "Other URLs under which nodes dial this server. A node that has dialled another one is refused.",
        is_secret: false,
        is_editable: true,
        is_live: false,
        get: |config| json!(config.node_urls),
        set: |config, value| {
            let all: Vec<String> = read(value)?;
            if let Some(odd) = all.iter().find(|url| !url.starts_with("https://") || authority(url).is_none()) {
                return Err(format!("{odd} is no URL of a control plane; for example https://10.0.0.5"));
            }
            config.node_urls = all;
            Ok(())
        },
    },
    Item {
        name: "trusted_proxies",
        says: "Proxies in front of this server whose word about client addresses is believed.",
        is_secret: false,
        is_editable: true,
        is_live: false,
        get: |config| json!(config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>()),
        set: |config, value| {
            let all: Vec<String> = read(value)?;
            config.trusted_proxies = read_proxies(all.iter().map(String::as_str)).map_err(|error| error.to_string())?;
            Ok(())
        },
    },
    Item {
        name: "log",
        says: "Log lines as text for people or as JSON for collectors.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(if config.log == LogFormat::Json { "json" } else { "text" }),
        set: |config, value| {
            config.log = read(value).map_err(|_| format!("it is {value}; use \"text\" or \"json\""))?;
            Ok(())
        },
    },
    Item {
        name: "metrics_on_loopback",
        says: "/metrics also without credentials, for callers on this machine.",
        is_secret: false,
        is_editable: true,
        is_live: false,
        get: |config| json!(config.metrics_on_loopback),
        set: |config, value| {
            config.metrics_on_loopback = read(value)?;
            Ok(())
        },
    },
    rate!("rates.per_address", per_address, "Requests per second from one address; 0 for no limit."),
    rate!("rates.per_address_burst", per_address_burst, "Requests at once from one address after a rest."),
    rate!("rates.per_actor", per_actor, "Requests per second of one person or key; 0 for no limit."),
    rate!("rates.per_actor_burst", per_actor_burst, "Requests at once of one person or key after a rest."),
    Item {
        name: "mail.host",
        says: "The mail server. Empty: mail is off, and links are handed over by hand.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.host),
        set: |config, value| {
            config.mail.host = optional(value)?;
            Ok(())
        },
    },
    Item {
        name: "mail.port",
        says: "Its port: 587 with starttls, 465 with tls.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.port),
        set: |config, value| {
            config.mail.port = read(value)?;
            Ok(())
        },
    },
    Item {
        name: "mail.security",
        says: "\"starttls\", \"tls\", or \"none\" for a relay on this machine.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.security),
        set: |config, value| {
            config.mail.security =
                read::<Security>(value).map_err(|_| format!("it is {value}; use \"starttls\", \"tls\" or \"none\""))?;
            Ok(())
        },
    },
    Item {
        name: "mail.ca_file",
        says: "A file with certificates (PEM) that vouch for the mail server, besides those that everybody trusts.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.mail.ca_file),
        set: |config, value| {
            config.mail.ca_file = optional(value)?.map(Into::into);
            Ok(())
        },
    },
    Item {
        name: "mail.username",
        says: "Account at the mail server, if it wants one.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.username),
        set: |config, value| {
            config.mail.username = optional(value)?;
            Ok(())
        },
    },
    Item {
        name: "mail.password",
        says: "Its password.",
        is_secret: true,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.password.as_ref().map(Secret::reveal)),
        set: |config, value| {
            config.mail.password = optional(value)?.map(Secret::new);
            Ok(())
        },
    },
    Item {
        name: "mail.from",
        says: "The address that mails come from.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.from),
        set: |config, value| {
            let address = optional(value)?;
            config.mail.from = address.map(|text| text.parse()).transpose().map_err(|error| format!("{error}"))?;
            Ok(())
        },
    },
    Item {
        name: "mail.from_name",
        says: "The name that mails come from.",
        is_secret: false,
        is_editable: true,
        is_live: true,
        get: |config| json!(config.mail.from_name),
        set: |config, value| {
            config.mail.from_name = read(value)?;
            Ok(())
        },
    },
    Item {
        name: "matches.workers",
        says: "Workers that share the matches; 0 hosts none. Changing it needs empty folders: ids say who owns them.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.matches.workers),
        set: |config, value| {
            config.matches.workers =
                read::<u32>(value).ok().filter(|count| *count <= 64).ok_or(format!("it is {value}; use 0 to 64"))?;
            Ok(())
        },
    },
    Item {
        name: "matches.in_process",
        says: "Workers in the server's own process, from the first on. Workloads of kind match-host host the others.",
        is_secret: false,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.matches.in_process.unwrap_or(config.matches.workers)),
        set: |config, value| {
            let count = read::<u32>(value).ok().filter(|count| *count <= 64);
            config.matches.in_process = Some(count.ok_or(format!("it is {value}; use 0 to 64"))?);
            Ok(())
        },
    },
    Item {
        name: "matches.admin_bot_key",
        says: "What the platform's own bot presents as x-admin-bot-key. Empty: there is no such bot.",
        is_secret: true,
        is_editable: false,
        is_live: false,
        get: |config| json!(config.matches.admin_bot_key.as_ref().map(Secret::reveal)),
        set: |config, value| {
            config.matches.admin_bot_key = optional(value)?.map(Secret::new);
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reads_back_what_was_set() {
        for item in ITEMS {
            let mut config = Config::default();
            let value = match item.get(&config) {
                Value::Bool(is) => json!(!is),
                Value::Number(_) => json!(25),
                Value::Array(_) if item.name == "node_urls" => json!(["https://10.0.0.5"]),
                Value::Array(_) => json!(["10.0.0.5"]),
                _ => match item.name {
                    "listen" => json!("127.0.0.1:1"),
                    "log" => json!("json"),
                    "mail.security" => json!("tls"),
                    "mail.from" => json!("a@example.org"),
                    _ => json!("https://example.org"),
                },
            };
            assert_ne!(item.get(&config), value, "{}", item.name);
            item.set(&mut config, &value).unwrap();
            assert_eq!(item.get(&config), value, "{}", item.name);
            assert!(item.set(&mut config, &json!({"an": "object"})).is_err(), "{}", item.name);
        }
    }

    #[test]
    fn a_boolean_in_words_is_a_boolean_or_refused() {
        // Noderax A17: the text "false" became true.
        let item = find("metrics_on_loopback").unwrap();
        let mut config = Config { metrics_on_loopback: true, ..Config::default() };
        item.parse(&mut config, "false").unwrap();
        assert!(!config.metrics_on_loopback);
        assert!(item.parse(&mut config, "no").is_err());
        assert!(item.set(&mut config, &json!("false")).is_err());
    }
}
