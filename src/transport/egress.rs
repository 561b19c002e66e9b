//! Which addresses are never connected to: link-local ones and those where clouds serve credentials.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An address that the egress guard refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is a link-local or metadata address, which is never connected to")]
pub struct EgressRefused(pub IpAddr);

/// Metadata services that are not link-local: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Metadata services over IPv6: Amazon, Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Refuses link-local and metadata addresses, those embedded in IPv6 addresses too.
///
/// # Errors
/// When the address is one of them.
pub fn check(address: IpAddr) -> Result<(), EgressRefused> {
    let refused = match address {
        IpAddr::V4(v4) => is_refused_v4(v4),
        IpAddr::V6(v6) => is_refused_v6(v6),
    };
    if refused { Err(EgressRefused(address)) } else { Ok(()) }
}

fn is_refused_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || METADATA_V4.contains(&address)
}

fn is_refused_v6(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local()
        || METADATA_V6.contains(&address)
        || embedded(address).into_iter().flatten().any(is_refused_v4)
}

/// Returns the IPv4 addresses that a gateway may read out of an IPv6 address.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 6] {
    let s = address.segments();
    let o = address.octets();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let last = v4(s[6], s[7]);
    [
        // Mapped ::ffff:0:0/96, compatible ::/96 and translated ::ffff:0:0:0/96 (RFC 4291 §2.5.5, RFC 2765 §2.1).
        matches!(s, [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _]).then_some(last),
        // NAT64 with the well-known prefix, and with a /96 of the local-use prefix (RFC 6052 §2.1, RFC 8215).
        matches!(s, [0x64, 0xff9b, ..]).then_some(last),
        // NAT64 with the local-use /48 itself: the address lies around the eight bits that stay zero (RFC 6052 §2.2).
        matches!(s, [0x64, 0xff9b, 1, ..]).then_some(Ipv4Addr::new(o[6], o[7], o[9], o[10])),
        // 6to4 (RFC 3056 §2).
        (s[0] == 0x2002).then_some(v4(s[1], s[2])),
        // Teredo: the client's address, inverted (RFC 4380 §4).
        matches!(s, [0x2001, 0, ..]).then_some(v4(!s[6], !s[7])),
        // ISATAP (RFC 5214 §6.1).
        matches!(s, [_, _, _, _, 0 | 0x200, 0x5efe, _, _]).then_some(last),
    ]
}

/// Checks the host of an address when it is an IP literal: a literal is not given to the resolver.
pub(super) fn check_literal(host: &str) -> Result<(), EgressRefused> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().map_or(Ok(()), check)
}

/// The system's resolver with the guard behind it: an address that is refused is not handed to the connector, so
/// that a name that changes between check and use gains nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuardedResolver;

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let mut refused = None;
            let mut allowed: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(error) => refused = Some(error),
                }
            }
            match refused {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_metadata_address_is_refused() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:00a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:1:2:3:4:5601:5601",
            "2001:db8::5efe:169.254.169.254",
            "2001:db8::200:5efe:a9fe:a9fe",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(check(address), Err(EgressRefused(address)), "{text}");
        }
    }

    #[test]
    fn ordinary_addresses_pass() {
        for text in ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "2001:db8::1", "fd00::1", "64:ff9b::8.8.8.8"] {
            assert_eq!(check(text.parse().unwrap()), Ok(()), "{text}");
        }
    }

    #[test]
    fn other_spellings_of_a_literal_are_seen_through() {
        for host in
            ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]", "[fe80::1]"]
        {
            let url = reqwest::Url::parse(&format!("http://{host}/")).unwrap();
            assert!(check_literal(url.host_str().unwrap()).is_err(), "{host}");
        }
        assert!(check_literal("example.com").is_ok());
    }
}
