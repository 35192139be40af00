//! Addresses of machines, as people and programs type them.

use std::net::Ipv6Addr;

/// The host as it stands before a port: an IPv6 address in brackets, everything else as it is.
pub fn host(address: &str) -> String {
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    // A zone (`fe80::1%eth0`) is part of the address.
    let is_v6 = bare.split('%').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    if is_v6 { format!("[{bare}]") } else { address.to_owned() }
}

/// Host and port in one text: `192.0.2.1:28630`, `[2001:db8::5]:28630`.
pub fn host_and_port(address: &str, port: u16) -> String {
    format!("{}:{port}", host(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f19_an_ipv6_address_stands_in_brackets_before_its_port() {
        for (address, expected) in [
            ("2001:db8::5", "[2001:db8::5]:28630"),
            ("[2001:db8::5]", "[2001:db8::5]:28630"),
            ("::1", "[::1]:28630"),
            ("fe80::1%eth0", "[fe80::1%eth0]:28630"),
            ("192.0.2.1", "192.0.2.1:28630"),
            ("play.example.org", "play.example.org:28630"),
        ] {
            assert_eq!(host_and_port(address, 28630), expected);
        }
    }
}
