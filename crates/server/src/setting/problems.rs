//! What would not be safe, or cannot work: each with the setting that it is about and the line to change.

use crate::config::{Config, Security};
use crate::http::{Proxy, Site};
use std::net::IpAddr;

/// Passwords that stand in examples everywhere.
const DEMO: [&str; 12] = [
    "admin",
    "change-me",
    "changeme",
    "demo",
    "example",
    "ostler",
    "passw0rd",
    "password",
    "postgres",
    "root",
    "secret",
    "test",
];

/// Everything that keeps a server from running with this, most important first.
pub(crate) fn problems(config: &Config) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut say = |name: &'static str, why: Option<String>| all.extend(why.map(|why| (name, why)));
    say("trusted_proxies", proxies(config));
    say("listen_socket", socket(config));
    say("public_url", public_url(config));
    say("database_url", database(config));
    say("public_url", open(config));
    say("mail.from", mail_from(config));
    say("mail.security", mail_in_the_clear(config));
    say("matches.in_process", in_process(config));
    all
}

fn in_process(config: &Config) -> Option<String> {
    let (count, here) = (config.matches.workers, config.matches.in_process?);
    (here > count)
        .then(|| format!("matches.in_process is {here}, and there are {count} workers; use 0 to matches.workers"))
}

fn proxies(config: &Config) -> Option<String> {
    for proxy in &config.trusted_proxies {
        let Proxy::Network(network) = proxy else { continue };
        if network.is_everybody() {
            return Some(format!(
                "trusted_proxies contains {network}, which is everybody: any client could then claim any address.\n\
                 Name your proxy instead, for example: trusted_proxies = [\"10.0.0.5\"]"
            ));
        }
        if network.touches_loopback() {
            return Some(format!(
                "trusted_proxies contains {network}: every process of this machine connects from there, workloads too, and \
                 could claim any address.\n\
                 Add the account that the proxy runs as: trusted_proxies = [\"{network} user=www-data\"]\n\
                 or let the proxy come by a Unix socket: listen_socket = \"/run/ostler/http.sock\" and \
                 trusted_proxies = [\"unix user=www-data\"]"
            ));
        }
    }
    None
}

fn socket(config: &Config) -> Option<String> {
    let is_named = config.trusted_proxies.iter().any(|proxy| matches!(proxy, Proxy::Socket(_)));
    let path = config.listen_socket.as_deref().filter(|_| !is_named)?;
    Some(format!(
        "listen_socket is {path:?}, and no account may use it.\n\
         Name the one that the proxy runs as: trusted_proxies = [\"unix user=www-data\"]"
    ))
}

fn public_url(config: &Config) -> Option<String> {
    let url = config.public_url.as_deref()?;
    let Some(site) = Site::read(url) else {
        return Some(format!(
            "public_url is {url:?}; use scheme, host and port alone: public_url = \"https://ostler.example.org\""
        ));
    };
    (!site.is_https() && !is_private(site.host().trim_matches(['[', ']']))).then(|| {
        let safe = site.to_string().replacen("http://", "https://", 1);
        format!(
            "public_url is {url:?}: over plain http, passwords and cookies could be read on the way, and cookies cannot be \
             marked secure.\nUse TLS, for example by a proxy: public_url = \"{safe}\""
        )
    })
}

fn database(config: &Config) -> Option<String> {
    let url = config.database_url.as_deref()?;
    let rest = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://"));
    let Some(rest) = rest else {
        return Some(
            "database_url must begin with postgres://; without it, SQLite in the data folder is used:\n\
             database_url = \"postgres://ostler@localhost/ostler\""
                .to_owned(),
        );
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (who, host) = authority.rsplit_once('@')?;
    let (_, password) = who.split_once(':')?;
    let is_here = host.is_empty() || host_of(host) == "localhost" || is_loopback(host_of(host));
    (!is_here && DEMO.contains(&password.to_lowercase().as_str())).then(|| {
        "the password in database_url stands in examples everywhere, and the database is on another machine.\n\
         Give that account a password of its own: database_url = \"postgres://ostler:A-PASSWORD-OF-ITS-OWN@host/ostler\""
            .to_owned()
    })
}

fn open(config: &Config) -> Option<String> {
    (!config.listen.ip().is_loopback() && config.public_url.is_none()).then(|| {
        format!(
            "listen = \"{}\" is open to the network, and nothing says how people reach it.\n\
             Behind a proxy with TLS: public_url = \"https://ostler.example.org\"\n\
             In a network that you trust: public_url = \"http://this-machine:{}\"",
            config.listen,
            config.listen.port()
        )
    })
}

fn mail_from(config: &Config) -> Option<String> {
    (config.mail.host.is_some() && config.mail.from.is_none()).then(|| {
        "mail.host says where mail leaves, and nothing says whom it comes from.\n\
         In the section [mail]: from = \"ostler@example.org\""
            .to_owned()
    })
}

fn mail_in_the_clear(config: &Config) -> Option<String> {
    let host = config.mail.host.as_deref()?;
    let is_here = host == "localhost" || is_loopback(host);
    (config.mail.security == Security::None && config.mail.password.is_some() && !is_here).then(|| {
        "mail.security is \"none\" and there is a password, which could be read on the way.\n\
         In the section [mail]: security = \"starttls\""
            .to_owned()
    })
}

/// The host without its port and brackets.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A machine that only a network of one's own can know by this name.
fn is_private(host: &str) -> bool {
    const NAMES: [&str; 8] = [".localhost", ".local", ".lan", ".home", ".internal", ".home.arpa", ".test", ".intranet"];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_shared(ip.octets()),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => !host.contains('.') || NAMES.iter().any(|name| host.to_ascii_lowercase().ends_with(name)),
    }
}

/// Addresses behind a provider's translation (RFC 6598), which private overlays use, too; and those for documentation.
fn is_shared(ip: [u8; 4]) -> bool {
    ip[0] == 100 && (64..128).contains(&ip[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(url: &str) -> Config {
        Config { public_url: Some(url.into()), ..Config::default() }
    }

    #[test]
    fn plain_http_is_for_networks_of_ones_own() {
        for fine in [
            "http://stable:8080",
            "http://10.1.2.3",
            "http://192.168.0.7:8080",
            "http://box.lan",
            "http://[::1]:80",
            "http://localhost",
            "https://ostler.example.org",
            "http://100.100.1.1",
            "http://[fd00::1]",
        ] {
            assert_eq!(problems(&on(fine)), [], "{fine}");
        }
        for unsafe_one in ["http://ostler.example.org", "http://203.0.113.5:8080", "http://[2001:db8::1]"] {
            let found = problems(&on(unsafe_one));
            assert_eq!(found[0].0, "public_url", "{unsafe_one}");
            assert!(found[0].1.contains("public_url = \"https://"), "{}", found[0].1);
        }
    }

    #[test]
    fn demo_passwords_and_mail_in_the_clear_are_refused() {
        let database = |url: &str| problems(&Config { database_url: Some(url.into()), ..Config::default() });
        assert_eq!(database("postgres://ostler:changeme@db.example.org/ostler")[0].0, "database_url");
        assert_eq!(database("postgres://ostler:changeme@localhost/ostler"), []);
        assert_eq!(database("postgres://ostler:kX9-long-and-random@db.example.org/ostler"), []);
        let mut config = Config::default();
        config.mail.host = Some("smtp.example.org".into());
        assert_eq!(problems(&config)[0].0, "mail.from");
        config.mail.from = Some("a@example.org".parse().unwrap());
        assert_eq!(problems(&config), []);
        config.mail.security = Security::None;
        config.mail.password = Some(ostler_model::Secret::new("x"));
        assert_eq!(problems(&config)[0].0, "mail.security");
        config.mail.host = Some("127.0.0.1".into());
        assert_eq!(problems(&config), []);
    }
}
