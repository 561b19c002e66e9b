//! Which addresses are connected to: the ranges of a client, and those that are refused by default.

use crate::diagnostic::Diagnostic;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

/// An address that the egress rules refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefused {
    /// Link-local, or where clouds serve credentials.
    #[error("`{0}` is a link-local or metadata address, which is not connected to by default")]
    Metadata(IpAddr),
    /// Not of the public internet.
    #[error("`{0}` is not a public address, and the client connects to those only")]
    NotPublic(IpAddr),
    /// In a range of the client.
    #[error("`{0}` is in the range {1}, which the client does not connect to")]
    Denied(IpAddr, IpRange),
}

impl EgressRefused {
    /// Says it of the address that was asked about.
    fn told(self, address: IpAddr) -> Self {
        match self {
            Self::Metadata(_) => Self::Metadata(address),
            Self::NotPublic(_) => Self::NotPublic(address),
            Self::Denied(_, range) => Self::Denied(address, range),
        }
    }
}

/// A range of addresses: those that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpRange {
    address: IpAddr,
    bits: u8,
}

impl IpRange {
    const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), bits }
    }

    const fn v6(s: [u16; 8], bits: u8) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7])), bits }
    }

    /// Returns whether an address is in the range; one of the other family never is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = u32::from(own) ^ u32::from(other);
                differ.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = u128::from(own) ^ u128::from(other);
                differ.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for IpRange {
    type Err = Diagnostic;

    /// Reads an address, or an address with the length of its prefix. Bits behind the prefix do not count.
    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let wrong = || {
            Diagnostic::error(format!("`{text}` is not an address or a range of addresses"))
                .hint("expected a form such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32")
        };
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > most { Err(wrong()) } else { Ok(Self { address, bits }) }
    }
}

/// Which addresses a client connects to, as its `egress` container says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressSpec {
    /// Whether only those of the public internet.
    pub public_only: bool,
    /// Ranges that are refused.
    pub deny: Vec<IpRange>,
    /// Ranges that are allowed although a wider one is refused.
    pub allow: Vec<IpRange>,
}

/// Refused by default: link-local ranges, and metadata services outside of them (Alibaba, Oracle, Azure, Amazon, Google).
const METADATA: [IpRange; 7] = [
    IpRange::v4(169, 254, 0, 0, 16),
    IpRange::v4(100, 100, 100, 200, 32),
    IpRange::v4(192, 0, 0, 192, 32),
    IpRange::v4(168, 63, 129, 16, 32),
    IpRange::v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    IpRange::v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
    IpRange::v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
];

/// Not of the public internet, by the IANA registries of special-purpose addresses (RFC 6890) and multicast.
const NOT_PUBLIC: [IpRange; 24] = [
    IpRange::v4(0, 0, 0, 0, 8),
    IpRange::v4(10, 0, 0, 0, 8),
    IpRange::v4(100, 64, 0, 0, 10),
    IpRange::v4(127, 0, 0, 0, 8),
    IpRange::v4(172, 16, 0, 0, 12),
    IpRange::v4(192, 0, 0, 0, 24),
    IpRange::v4(192, 0, 2, 0, 24),
    IpRange::v4(192, 88, 99, 0, 24),
    IpRange::v4(192, 168, 0, 0, 16),
    IpRange::v4(198, 18, 0, 0, 15),
    IpRange::v4(198, 51, 100, 0, 24),
    IpRange::v4(203, 0, 113, 0, 24),
    IpRange::v4(224, 0, 0, 0, 4),
    IpRange::v4(240, 0, 0, 0, 4),
    IpRange::v6([0; 8], 127),
    IpRange::v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    IpRange::v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    IpRange::v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48),
    IpRange::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    IpRange::v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    IpRange::v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    IpRange::v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    IpRange::v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    IpRange::v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

impl EgressSpec {
    /// Judges an address, and the IPv4 addresses that an IPv6 address stands for.
    ///
    /// # Errors
    /// When one of them is refused.
    pub fn check(&self, address: IpAddr) -> Result<(), EgressRefused> {
        match address {
            // The unspecified address leads to the machine itself.
            IpAddr::V4(v4) if v4.is_unspecified() => {
                self.check_one(address, address)?;
                self.check_one(IpAddr::V4(Ipv4Addr::LOCALHOST), address)
            }
            IpAddr::V4(_) => self.check_one(address, address),
            IpAddr::V6(v6) if v6.is_unspecified() => {
                self.check_one(address, address)?;
                self.check_one(IpAddr::V6(Ipv6Addr::LOCALHOST), address)?;
                self.check(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).map_err(|refused| refused.told(address))
            }
            IpAddr::V6(v6) => {
                if v6.to_ipv4_mapped().is_none() {
                    self.check_one(address, address)?;
                }
                let judged = |v4| self.check(IpAddr::V4(v4)).map_err(|refused| refused.told(address));
                embedded(v6).into_iter().flatten().try_for_each(judged)
            }
        }
    }

    /// Judges by the narrowest range; of equal ones, `deny` before `allow` before the defaults.
    fn check_one(&self, address: IpAddr, told: IpAddr) -> Result<(), EgressRefused> {
        let narrowest = |ranges: &[IpRange]| {
            ranges.iter().filter(|range| range.contains(address)).max_by_key(|range| range.bits).copied()
        };
        let denied = narrowest(&self.deny).map(|range| (range.bits, 2_u8, Err(EgressRefused::Denied(told, range))));
        let allowed = narrowest(&self.allow).map(|range| (range.bits, 1, Ok(())));
        let metadata = narrowest(&METADATA).map(|range| (range.bits, 0, Err(EgressRefused::Metadata(told))));
        let private = narrowest(&NOT_PUBLIC).filter(|_| self.public_only);
        let private = private.map(|range| (range.bits, 0, Err(EgressRefused::NotPublic(told))));
        let decisive =
            [denied, allowed, metadata, private].into_iter().flatten().max_by_key(|(bits, rank, _)| (*bits, *rank));
        decisive.map_or(Ok(()), |(_, _, verdict)| verdict)
    }

    /// Judges the host of an address when it is an IP literal: a literal is not given to the resolver.
    pub(super) fn check_literal(&self, host: &str) -> Result<(), EgressRefused> {
        literal(host).map_or(Ok(()), |address| self.check(address))
    }

    /// Returns the rules for a proxy, which is on the inside often enough.
    pub(super) fn for_proxy(&self) -> Self {
        Self { public_only: false, ..self.clone() }
    }
}

/// Reads a host as an IP literal, in brackets or not.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Returns the IPv4 addresses that a gateway may read out of an IPv6 address.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 6] {
    let s = address.segments();
    let o = address.octets();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let last = v4(s[6], s[7]);
    [
        // Mapped ::ffff:0:0/96, compatible ::/96 and translated ::ffff:0:0:0/96 (RFC 4291 §2.5.5, RFC 2765 §2.1);
        // ::1 is the loopback address and no compatible one.
        (matches!(s, [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _]) && !address.is_loopback())
            .then_some(last),
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

/// Looks a name up and judges each of its addresses.
///
/// # Errors
/// Those of the resolver, and when all addresses are refused.
pub(super) async fn resolve(name: &str, port: u16, rules: &EgressSpec) -> Result<Vec<SocketAddr>, ResolveError> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in tokio::net::lookup_host((name, port)).await? {
        match rules.check(address.ip()) {
            Ok(()) => allowed.push(address),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if allowed.is_empty() => Err(error.into()),
        _ => Ok(allowed),
    }
}

/// Why there is no address to connect to.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("the name cannot be resolved")]
    Lookup(#[from] std::io::Error),
    #[error(transparent)]
    Refused(#[from] EgressRefused),
}

/// The system's resolver with the guard behind it. What it returns is what is connected to, without a second look-up:
/// a name that changes between check and use gains nothing.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    pub(super) rules: Arc<EgressSpec>,
    /// The proxy's name, which has rules of its own.
    pub(super) proxy: Option<(String, Arc<EgressSpec>)>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = match &self.proxy {
            Some((proxy, rules)) if proxy.eq_ignore_ascii_case(name.as_str()) => rules,
            _ => &self.rules,
        };
        let rules = Arc::clone(rules);
        Box::pin(async move {
            match resolve(name.as_str(), 0, &rules).await {
                Ok(allowed) => Ok(Box::new(allowed.into_iter()) as Addrs),
                Err(ResolveError::Lookup(error)) => Err(error.into()),
                Err(ResolveError::Refused(error)) => Err(error.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(texts: &[&str]) -> Vec<IpRange> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn passes(rules: &EgressSpec, text: &str) -> bool {
        rules.check(text.parse().unwrap()).is_ok()
    }

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
            assert_eq!(EgressSpec::default().check(address), Err(EgressRefused::Metadata(address)), "{text}");
        }
    }

    #[test]
    fn the_unspecified_address_is_judged_as_the_loopback_that_it_leads_to() {
        let rules = EgressSpec { deny: ranges(&["127.0.0.0/8"]), ..EgressSpec::default() };
        for text in ["0.0.0.0", "::", "::ffff:0.0.0.0", "127.0.0.1"] {
            assert!(!passes(&rules, text), "{text}");
        }
        let rules = EgressSpec { deny: ranges(&["::1"]), ..EgressSpec::default() };
        assert!(!passes(&rules, "::") && passes(&rules, "0.0.0.0"));
        assert!(passes(&EgressSpec::default(), "0.0.0.0") && passes(&EgressSpec::default(), "::"));
    }

    #[test]
    fn ordinary_addresses_pass() {
        for text in ["127.0.0.1", "10.0.0.1", "8.8.8.8", "::1", "2001:db8::1", "fd00::1", "64:ff9b::8.8.8.8"] {
            assert!(passes(&EgressSpec::default(), text), "{text}");
        }
    }

    #[test]
    fn other_spellings_of_a_literal_are_seen_through() {
        for host in
            ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "[::ffff:a9fe:a9fe]", "[fe80::1]"]
        {
            let url = reqwest::Url::parse(&format!("http://{host}/")).unwrap();
            assert!(EgressSpec::default().check_literal(url.host_str().unwrap()).is_err(), "{host}");
        }
        assert!(EgressSpec::default().check_literal("example.com").is_ok());
    }

    #[test]
    fn only_public_addresses_in_every_form() {
        let rules = EgressSpec { public_only: true, ..EgressSpec::default() };
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::8.8.8.8",
            "2002:c0a8:1::1",
            "2002:7f00:1::1",
            "2001:0:1:2:3:4:f5ff:fffe",
        ] {
            assert!(!passes(&rules, text), "{text}");
        }
        for text in
            ["8.8.8.8", "100.128.0.1", "172.32.0.1", "192.0.1.1", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            assert!(passes(&rules, text), "{text}");
        }
    }

    #[test]
    fn the_narrowest_range_decides_and_deny_wins_a_tie() {
        let rules = EgressSpec {
            public_only: true,
            deny: ranges(&["8.8.0.0/16", "10.1.2.3"]),
            allow: ranges(&["10.0.0.0/8", "8.8.8.0/24", "10.1.2.3/32", "0.0.0.0/0", "169.254.10.0/24"]),
        };
        for text in ["10.0.0.1", "8.8.8.8", "169.254.10.7", "::ffff:10.0.0.1", "9.9.9.9"] {
            assert!(passes(&rules, text), "{text}");
        }
        for text in ["10.1.2.3", "8.8.9.9", "169.254.169.254", "192.168.0.1", "::ffff:10.1.2.3", "2002:0808:0909::"] {
            assert!(!passes(&rules, text), "{text}");
        }
    }

    #[test]
    fn a_range_is_an_address_with_or_without_the_length_of_its_prefix() {
        for text in ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1", "10.9.9.9/8", "0.0.0.0/0", "::/0"] {
            assert!(text.parse::<IpRange>().is_ok(), "{text}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "a/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8"] {
            assert!(text.parse::<IpRange>().is_err(), "{text}");
        }
        assert!("10.9.9.9/8".parse::<IpRange>().unwrap().contains("10.0.0.1".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<IpRange>().unwrap().contains("255.0.0.1".parse().unwrap()));
    }
}
