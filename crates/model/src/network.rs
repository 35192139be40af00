//! Networks by address and prefix length, for lists of who may come from where. Pure.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network such as `192.0.2.0/24` or `2001:db8::/32`. A bare address is a network of one; no bit is set behind the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "use an address with a prefix length, such as 192.0.2.0/24 or 2001:db8::/32, with no bit set behind the prefix"
)]
pub struct NetworkError;

impl Network {
    /// True when the address is in this network. An IPv4 address that is written as IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.base) && kept(address, self.prefix) == bits(self.base)
    }
    /// True when every address of this network is in the other.
    pub fn within(&self, outer: &Network) -> bool {
        self.prefix >= outer.prefix && outer.contains(self.base)
    }
}

/// True when a list of networks lets this address through. An empty list lets everybody through; an address that is not
/// known is let through by that alone.
pub fn lets_through(list: &[Network], address: Option<&str>) -> bool {
    let address = address.and_then(|text| text.parse::<IpAddr>().ok());
    list.is_empty() || address.is_some_and(|address| list.iter().any(|network| network.contains(address)))
}

/// True when nobody gets through the inner list who does not get through the outer.
pub fn all_within(inner: &[Network], outer: &[Network]) -> bool {
    let is_inside = |network: &Network| outer.iter().any(|other| network.within(other));
    outer.is_empty() || (!inner.is_empty() && inner.iter().all(is_inside))
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address as a number, at the top of 128 bits, so that both families are cut the same way.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn kept(address: IpAddr, prefix: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    bits(address) & mask
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| NetworkError)?;
        // A network of IPv4 in the clothes of IPv6 would never match: addresses are undressed before they are compared.
        if base.to_canonical() != base {
            return Err(NetworkError);
        }
        let prefix = match prefix {
            None => width(base),
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map_err(|_| NetworkError)?,
            Some(_) => return Err(NetworkError),
        };
        if prefix > width(base) || kept(base, prefix) != bits(base) {
            return Err(NetworkError);
        }
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl serde::Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Network {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "minLength": 2, "maxLength": 49, "examples": ["192.0.2.0/24"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_written_is_what_is_meant() {
        for ok in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.7", "2001:db8::/32", "::/0", "::1"] {
            assert!(ok.parse::<Network>().is_ok(), "{ok}");
        }
        for wrong in
            ["", "/", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/+24", "192.0.2.0/", "::ffff:192.0.2.0/120", "a"]
        {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let list = [network("192.0.2.0/24")];
        assert!(lets_through(&list, Some("::ffff:192.0.2.9")) && lets_through(&list, Some("192.0.2.255")));
        assert!(!lets_through(&list, Some("192.0.3.0")) && !lets_through(&list, Some("2001:db8::1")));
        assert!(!lets_through(&list, None) && lets_through(&[], None));
        assert!(!all_within(&[], &list) && all_within(&list, &[]));
        assert!(
            !all_within(&[network("0.0.0.0/0")], &list) && !all_within(&[network("::/0")], &[network("0.0.0.0/0")])
        );
    }

    proptest! {
        #[test]
        fn a_network_agrees_with_counting_bits(base: u32, other: u32, prefix in 0_u8..=32) {
            let same = (0..prefix).all(|bit| base >> (31 - bit) & 1 == other >> (31 - bit) & 1);
            let cut = (0..prefix).fold(0_u32, |sum, bit| sum | base & (1 << (31 - bit)));
            let network = network(&format!("{}/{prefix}", std::net::Ipv4Addr::from(cut)));
            prop_assert_eq!(network.contains(std::net::Ipv4Addr::from(other).into()), same);
            prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
    }
}
