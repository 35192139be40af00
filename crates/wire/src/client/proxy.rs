//! Proxies that the environment names: not for this machine, and named when a request through one fails.

use crate::link::proof::{authority, is_loopback};

/// Whether this URL is asked directly, whatever the environment says: a proxy has another loopback than this machine.
pub fn is_direct(url: &str) -> bool {
    authority(url).is_some_and(|authority| is_loopback(&authority))
}

/// The variable of the environment that names a proxy for this URL, if one does.
pub fn variable(url: &str, read: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    if is_direct(url) {
        return None;
    }
    let names: &[&str] = if url.starts_with("https:") {
        &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
    } else {
        &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
    };
    names.iter().find(|name| read(name).is_some_and(|value| !value.is_empty())).copied()
}

/// What to add to the reason why a request failed that went, or may have gone, through a proxy.
pub fn hint(variable: Option<&str>) -> String {
    variable.map_or_else(String::new, |name| {
        format!("; it is asked through the proxy that {name} names: add its host to NO_PROXY if it is reached directly")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f20_an_error_names_the_variable_of_the_proxy() {
        let set =
            |names: &'static [&str]| move |name: &str| names.contains(&name).then(|| "http://proxy:3128".to_owned());
        for (url, names, expected) in [
            ("https://ostler.example.org", &["HTTP_PROXY"][..], None),
            ("https://ostler.example.org", &["HTTPS_PROXY"], Some("HTTPS_PROXY")),
            ("https://ostler.example.org", &["all_proxy"], Some("all_proxy")),
            ("http://ostler.example.org", &["http_proxy", "HTTPS_PROXY"], Some("http_proxy")),
            ("http://127.0.0.1:8080", &["HTTP_PROXY", "ALL_PROXY"], None),
            ("https://localhost", &["HTTPS_PROXY"], None),
        ] {
            assert_eq!(variable(url, set(names)), expected, "{url} {names:?}");
        }
        let said = hint(Some("HTTPS_PROXY"));
        assert!(said.contains("HTTPS_PROXY") && said.contains("NO_PROXY"), "{said}");
    }
}
