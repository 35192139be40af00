//! Scheme, host and port of a site: what browsers call an origin. Compared as values, never as text.

use reqwest::Url;
use std::fmt;

/// A site. Two texts that a browser takes for the same site are equal here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    is_https: bool,
    /// Lower case, international names in their ASCII form, IPv6 in brackets.
    host: String,
    port: u16,
}

impl Site {
    /// The site of an `http` or `https` address that has no path, name or query.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        // A parser for browsers forgives what a person should see: spaces, backslashes, an empty name before an @.
        let is_plain = !text.contains(['@', '\\', '*']) && !text.contains(char::is_whitespace);
        let (host, port) = (url.host_str()?.trim_end_matches('.'), url.port_or_known_default()?);
        (is_bare && is_plain && !host.is_empty()).then(|| Self { is_https, host: host.to_owned(), port })
    }
    /// The site that a `Host` header names, when the page was asked for by this scheme.
    pub(crate) fn of_host(host: &str, is_https: bool) -> Option<Self> {
        Self::read(&format!("{}://{host}", if is_https { "https" } else { "http" }))
    }
    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
    /// A name of this machine alone, which a browser trusts without TLS.
    pub(crate) fn is_here(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_sites_are_equal_when_browsers_say_so() {
        let same = [
            ("https://Ostler.Example.ORG:443/", "https://ostler.example.org"),
            ("HTTPS://ostler.example.org", "https://ostler.example.org"),
            ("http://box.lan:80", "http://box.lan"),
            ("https://exämple.org", "https://xn--exmple-cua.org"),
            ("http://[2001:DB8:0::1]:8080", "http://[2001:db8::1]:8080"),
            ("http://ostler.example.org.", "http://ostler.example.org"),
        ];
        for (one, other) in same {
            assert_eq!(Site::read(one).map(|site| site.to_string()).as_deref(), Some(other));
        }
        for none in [
            "",
            "null",
            "ostler.example.org",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?b",
            "https://u@a",
            "https://a b",
            "https://*",
        ] {
            assert_eq!(Site::read(none), None, "{none}");
        }
        assert_ne!(Site::read("https://a:444"), Site::read("https://a"));
        assert_ne!(Site::read("http://a"), Site::read("https://a"));
        assert!(Site::read("http://127.0.0.1:1").unwrap().is_here() && Site::read("http://[::1]").unwrap().is_here());
    }
}
