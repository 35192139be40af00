//! Which images may run: those of the template's own repository, and what the node's owner allows.
//!
//! A template may let people choose the image, and whoever chooses it makes the node fetch from wherever the name leads and
//! run what it finds. So another repository than the template's, and every registry that is inside of a network, needs the
//! node owner's word, and an image that already lies on the node is no exception.

use ostler_runtime::Clock;
use std::fmt;
use std::net::IpAddr;

/// An image's name in full: registry, path, and tag or digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    pub registry: String,
    pub path: String,
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a name as Docker does: without a registry it is Docker's own.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is not the name of an image; write REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:…");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/:@-[]".contains(c);
        if text.is_empty() || text.len() > 255 || !text.chars().all(is_plain) {
            return Err(wrong());
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let is_digest = |d: &str| {
            d.strip_prefix("sha256:").is_some_and(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(wrong());
        }
        let (registry, rest) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':', '[']) || first == "localhost" => (first, rest),
            _ => ("docker.io", name),
        };
        let path = rest.split_once(':').map_or(rest, |(path, _)| path);
        let is_part = |part: &str| part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !path.split('/').all(is_part) || path.contains(['[', ']', '@']) || rest.matches(':').count() > 1 {
            return Err(wrong());
        }
        let is_official = registry == "docker.io" && !path.contains('/');
        let path = if is_official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { registry: registry.to_ascii_lowercase(), path, digest: digest.map(str::to_owned) })
    }

    fn is_of_repository(&self, other: &Reference) -> bool {
        (&self.registry, &self.path) == (&other.registry, &other.path)
    }

    /// True when the registry is no public name: an address, a port of its own, or a name that only means something inside.
    fn is_inside(&self) -> bool {
        const INSIDE: &[&str] =
            &["localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "arpa", "test", "svc"];
        let host = self.registry.strip_suffix(":443").unwrap_or(&self.registry).trim_end_matches('.');
        let last = host.rsplit('.').next().unwrap_or_default();
        // Addresses have many spellings; no public name ends in a number.
        let is_number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
        host.contains([':', '[', ']']) || !host.contains('.') || is_number || INSIDE.contains(&last)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// What an image may be fetched from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// The node's owner names it: wherever it is.
    ByOwner,
    /// It is of the template's repository: where its name leads outside.
    ByTemplate,
}

/// Whether an image may run here. `template` is the template's own image; `None` of a control plane that does not say.
pub(super) fn allow(image: &str, template: Option<&str>, patterns: &[String]) -> Result<(Reference, Allowed), String> {
    let reference = Reference::parse(image)?;
    if patterns.iter().any(|pattern| is_match(pattern, &reference)) {
        return Ok((reference, Allowed::ByOwner));
    }
    let remedy = format!("the node's owner can allow it: ostler agent run --allow-image '{reference}'");
    if reference.is_inside() {
        return Err(format!(
            "the image {image} is at {}, which is not a public registry; {remedy}",
            reference.registry
        ));
    }
    match template.map(Reference::parse) {
        Some(Err(_)) => Err(format!("this template names no image of its own; {remedy}")),
        Some(Ok(own)) if !reference.is_of_repository(&own) => {
            Err(format!("the image {image} is not of this template's repository, {own}; {remedy}"))
        }
        Some(Ok(_)) | None => Ok((reference, Allowed::ByTemplate)),
    }
}

/// Compares part by part: `*` stands for anything in its part, and as the last part for everything below.
fn is_match(pattern: &str, reference: &Reference) -> bool {
    let full = reference.to_string();
    let short = full.strip_prefix("docker.io/").map(|name| name.strip_prefix("library/").unwrap_or(name));
    let matches = |name: &str| {
        let (mut wanted, mut parts) = (pattern.split('/').peekable(), name.split('/'));
        while let Some(part) = wanted.next() {
            let Some(found) = parts.next() else { return false };
            if part == "*" && wanted.peek().is_none() {
                return true;
            }
            if !is_part_match(part, found) {
                return false;
            }
        }
        parts.next().is_none()
    };
    matches(&full) || short.is_some_and(matches)
}

fn is_part_match(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            let Some(rest) = text.strip_prefix(head) else { return false };
            (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| is_part_match(tail, &rest[at..]))
        }
    }
}

/// Refuses a registry whose public name leads inside of a network. A name can change its mind between this look and the
/// engine's; who needs to be sure of that keeps the engine's own network outside.
pub(super) async fn check_addresses(reference: &Reference, clock: &Clock) -> Result<(), String> {
    let host = reference.registry.strip_suffix(":443").unwrap_or(&reference.registry);
    let looked = clock.timeout(ostler_model::Millis::secs(5), tokio::net::lookup_host((host, 443))).await;
    // A name that is not found here may be found by the engine's proxy.
    let Some(Ok(addresses)) = looked else { return Ok(()) };
    for address in addresses {
        if is_inside_address(address.ip()) {
            return Err(format!(
                "the registry {host} leads to {}, which is inside of a network; the node's owner can allow it: ostler agent run --allow-image '{reference}'",
                address.ip()
            ));
        }
    }
    Ok(())
}

fn is_inside_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || a == 0 || is_shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Option<&str> = Some("ghcr.io/luanti-org/luanti:5.10.0");
    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn s16_only_the_templates_repository_and_what_the_owner_allows_runs() {
        let is_allowed = |image: &str| allow(image, OWN, &[]).is_ok();
        let pinned = format!("ghcr.io/luanti-org/luanti@{DIGEST}");
        for image in
            ["ghcr.io/luanti-org/luanti:5.10.0", "ghcr.io/luanti-org/luanti", "GHCR.IO/luanti-org/luanti:5.9", &pinned]
        {
            assert!(is_allowed(image), "{image}");
        }
        for image in [
            "ghcr.io/luanti-org/luanti-evil:5.10.0",
            "ghcr.io/luanti-org/luanti/more",
            "luanti-org/luanti",
            "docker.io/ghcr.io/luanti-org/luanti",
            "luanti",
            "private-image-of-this-node:latest",
        ] {
            assert!(allow(image, OWN, &[]).unwrap_err().contains("--allow-image"), "{image}");
        }
        for image in
            ["", "a b", "ghcr.io/../x", "x@sha256:12", "x@y@z", "-x", "ghcr.io/luanti-org/luanti:1:2", "a\u{202e}"]
        {
            assert!(allow(image, OWN, &["*".into()]).is_err(), "{image:?}");
        }
    }

    #[test]
    fn s16_a_registry_inside_of_a_network_needs_the_owners_word() {
        let hosts = [
            "127.0.0.1",
            "127.1",
            "10.0.0.5:5000",
            "192.168.1.1",
            "169.254.169.254",
            "2130706433.0x7f",
            "[::1]:5000",
            "localhost",
            "localhost:5000",
            "registry.local",
            "registry.internal",
            "x.cluster.svc",
            "nas.home.arpa",
            "ghcr.io:5000",
            "registry:5000",
        ];
        for host in hosts {
            let image = format!("{host}/luanti-org/luanti:1");
            for own in [OWN, Some(image.as_str()), None] {
                let error = allow(&image, own, &[]).unwrap_err();
                assert!(error.contains("not a public registry") || error.contains("not the name"), "{host}: {error}");
            }
        }
        let owner = ["10.0.0.5:5000/team/*".to_owned()];
        assert_eq!(allow("10.0.0.5:5000/team/game:2", OWN, &owner).unwrap().1, Allowed::ByOwner);
        assert!(allow("10.0.0.5:5000/other/game:2", OWN, &owner).is_err());
        let inside = [
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:10.0.0.1",
        ];
        assert!(inside.iter().all(|ip| is_inside_address(ip.parse().unwrap())));
        assert!(["1.1.1.1", "2606:4700::1111"].iter().all(|ip| !is_inside_address(ip.parse().unwrap())));
    }

    #[test]
    fn s16_a_pattern_never_reaches_over_a_slash_but_at_its_end() {
        let is = |pattern: &str, image: &str| is_match(pattern, &Reference::parse(image).unwrap());
        assert!(is("*", "ghcr.io/a/b") && is("ghcr.io/a/*", "ghcr.io/a/b/c") && is("ghcr.io/*/game", "ghcr.io/a/game"));
        assert!(
            is("ostler-test/*", "ostler-test/busybox:1")
                && is("busybox", "busybox")
                && is("docker.io/library/busybox", "busybox")
        );
        assert!(is("*.example.org/team/*", "registry.example.org/team/x"));
        assert!(!is("*.example.org/team/*", "evil.com/x.example.org/team/x"));
        assert!(!is("ghcr.io/a", "ghcr.io/a/b") && !is("ghcr.io/a/*", "ghcr.io/a") && !is("ghcr.io/ab*", "ghcr.io/a"));
    }
}
