//! Where a page may lead: which addresses, names and ports a redirect or a DNS answer may point to.
//!
//! Pure. Does not look names up: a name is refused here only if its own text says that it is not public; the
//! resolver asks [`is_global`] of each address that a name stands for.
//!
//! Invariants:
//! - what is not known to be public is refused: an address space that is handed out later has to be added here;
//! - an address that carries another one within it is judged by that one, or refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::redirect::{Hop, Origin};
use crate::fetch::Failure;
use crate::model::FailureKind;

/// IPv4 blocks that are not public, each with the length of its prefix.
///
/// All of the IANA IPv4 Special-Purpose Address Registry (as of 2024-10-22) that is not globally reachable;
/// 192.0.0.0/24 and 192.88.99.0/24 whole, since the addresses in them that are reachable lead to the nearest
/// gateway and to no website; then multicast (RFC 5771) and one address of a cloud.
const NOT_PUBLIC_V4: [(Ipv4Addr, u32); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),        // this network
    (Ipv4Addr::new(10, 0, 0, 0), 8),       // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),    // between a provider and its customers
    (Ipv4Addr::new(127, 0, 0, 0), 8),      // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the host of a machine in Azure, the one such host with a public number
    (Ipv4Addr::new(169, 254, 0, 0), 16),   // link-local, and the metadata of most clouds
    (Ipv4Addr::new(172, 16, 0, 0), 12),    // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),     // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),     // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),   // relays of 6to4, given up by RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),   // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),    // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24),  // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),   // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),      // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),      // reserved
    (Ipv4Addr::BROADCAST, 32),
];

/// Blocks within 2000::/3 that are not public, from the IANA IPv6 Special-Purpose Address Registry (as of
/// 2024-10-22). 2001::/23 is refused whole: it holds Teredo, benchmarks and anycast gateways, and no website.
const NOT_PUBLIC_V6: [(Ipv6Addr, u32); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// The only block that IANA hands out public unicast addresses from (RFC 4291 section 2.4).
const UNICAST_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Where the gateway of a network without IPv4 puts all of IPv4 (RFC 6052 section 2.1).
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// 6to4 (RFC 3056 section 2): the IPv4 address follows the prefix.
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// Endings of names that mean something else in each network: RFC 6762, RFC 8375, and what ICANN set aside in 2024.
const NOT_PUBLIC_NAMES: [&str; 3] = ["local", "home.arpa", "internal"];

/// Ports of other protocols, which a browser would not send HTTP to either (Fetch standard, "port blocking").
const OTHER_PROTOCOLS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// What the redirects of one line may lead to, beside what is public.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowance {
    /// Nothing: the line names a host.
    Public,
    /// The one address that the line names, on any port.
    Address(IpAddr),
    /// This machine, which the line names: 127.0.0.1 and ::1.
    Localhost,
    /// Any address (`--allow-private`).
    Everything,
}

impl Allowance {
    /// What a line allows by what is written in it.
    pub(super) fn of_line(url: &Url) -> Self {
        match url.host() {
            Some(Host::Ipv4(address)) => Self::Address(address.into()),
            Some(Host::Ipv6(address)) => Self::Address(address.to_canonical()),
            Some(Host::Domain(name)) if is_localhost(name) => Self::Localhost,
            Some(Host::Domain(_)) | None => Self::Public,
        }
    }

    /// Checks where a redirect leads. A name that passes is checked again by its addresses, when it is looked up.
    ///
    /// # Errors
    ///
    /// `forbidden_address`, where a page must not lead.
    pub(super) fn check(&self, hop: &Hop) -> Result<(), Failure> {
        // Scheme, host and port have been checked, or were given in the line.
        if hop.origin == Origin::Same {
            return Ok(());
        }
        self.check_url(&hop.url)
    }

    fn check_url(self, url: &Url) -> Result<(), Failure> {
        let port = url.port_or_known_default();
        if let Some(port) = port.filter(|port| OTHER_PROTOCOLS.contains(port)) {
            return Err(forbidden(format!("redirect to port {port}, which is of another protocol")));
        }
        match url.host() {
            Some(Host::Ipv4(address)) => self.check_address(address.into()),
            Some(Host::Ipv6(address)) => self.check_address(address.into()),
            Some(Host::Domain(name)) => self.check_name(name),
            None => Ok(()),
        }
    }

    fn check_address(self, address: IpAddr) -> Result<(), Failure> {
        let is_allowed = match self {
            Self::Public => false,
            Self::Address(allowed) => allowed == address.to_canonical(),
            Self::Localhost => is_localhost_address(address.to_canonical()),
            Self::Everything => true,
        };
        if is_allowed || is_global(address) {
            return Ok(());
        }
        Err(forbidden(format!("redirect to {address}, which is no public address (--allow-private)")))
    }

    fn check_name(self, name: &str) -> Result<(), Failure> {
        let is_allowed = match self {
            Self::Public => false,
            Self::Address(allowed) => is_localhost(name) && is_localhost_address(allowed),
            Self::Localhost => is_localhost(name),
            Self::Everything => true,
        };
        if is_allowed || is_public_name(name) {
            return Ok(());
        }
        Err(forbidden("redirect to a name that is not public (--allow-private)"))
    }
}

/// Whether a page of a public server may lead to a URL, as far as its text says: a name that passes may still stand
/// for an address that does not.
pub fn may_lead_to(url: &Url) -> bool {
    Allowance::Public.check_url(url).is_ok()
}

/// Whether an address may be that of a public server.
pub(super) fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !NOT_PUBLIC_V4.iter().any(|(block, length)| {
        let differs = address.to_bits() ^ block.to_bits();
        differs.leading_zeros() >= *length
    })
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let [.., a, b, c, d] = address.octets();
    if is_in(address, NAT64) {
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    let [_, _, a, b, c, d, ..] = address.octets();
    if is_in(address, SIX_TO_FOUR) {
        return is_global_v4(Ipv4Addr::new(a, b, c, d));
    }
    is_in(address, UNICAST_V6) && !NOT_PUBLIC_V6.iter().any(|block| is_in(address, *block))
}

fn is_in(address: Ipv6Addr, (block, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ block.to_bits()).leading_zeros() >= length
}

/// Whether a name is this machine by its definition (RFC 6761 section 6.3).
pub(super) fn is_localhost(name: &str) -> bool {
    is_within(name, "localhost")
}

fn is_localhost_address(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

fn is_public_name(name: &str) -> bool {
    !is_localhost(name) && !NOT_PUBLIC_NAMES.iter().any(|zone| is_within(name, zone))
}

/// Whether a name is that of a zone or lies in it; with the dot of a whole name or without.
fn is_within(name: &str, zone: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let Some(start) = name.len().checked_sub(zone.len()) else { return false };
    let (Some(front), Some(end)) = (name.get(..start), name.get(start..)) else { return false };
    end.eq_ignore_ascii_case(zone) && (front.is_empty() || front.ends_with('.'))
}

fn forbidden(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::ForbiddenAddress, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::redirect::Resend;
    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: bool) {
        for text in addresses {
            assert_eq!(is_global(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn public_addresses() {
        check(
            &["1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.255.255"],
            true,
        );
        check(
            &["172.32.0.0", "192.0.1.0", "192.31.196.1", "198.17.255.255", "198.20.0.0", "223.255.255.255"],
            true,
        );
        check(&["168.63.129.15", "11.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255"], true);
        check(
            &["2606:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2a00::1", "2003::1", "3ffe::1"],
            true,
        );
    }

    #[test]
    fn special_addresses_of_ipv4() {
        check(
            &["0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255"],
            false,
        );
        check(&["127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.0", "172.31.255.255"], false);
        check(&["192.0.0.9", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.255.255"], false);
        check(&["198.18.0.0", "198.19.255.255", "198.51.100.9", "203.0.113.255", "168.63.129.16"], false);
        check(&["224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255"], false);
    }

    #[test]
    fn special_addresses_of_ipv6() {
        check(
            &["::", "::1", "::2", "100::1", "100:0:0:1::1", "fc00::", "fdff::1", "fe80::1", "fec0::1"],
            false,
        );
        check(
            &["ff02::1", "ff0e::1", "2001::1", "2001:1ff::", "2001:2::1", "2001:20::1", "2001:db8::1"],
            false,
        );
        check(&["3fff::1", "3fff:fff::1", "5f00::1", "4000::1", "64:ff9b:1::1", "1fff::1"], false);
    }

    #[test]
    fn an_address_within_an_address() {
        check(
            &["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8"],
            false,
        );
        check(&["64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::8.8.8.8"], false);
        check(&["64:ff9b:1::8.8.8.8", "2001:0:808:808::", "64:ff9b:0:1::808:808"], false);
        check(&["::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::127.0.0.1"], true);
    }

    #[track_caller]
    fn check_hops(line: &str, hops: &[&str], expected: bool) {
        let line = Url::parse(line).unwrap();
        let allowance = Allowance::of_line(&line);
        for text in hops {
            let url = Url::parse(text).unwrap();
            let hop = Hop { url, resend: Resend::Same, origin: Origin::Other };
            let checked = allowance.check(&hop).map_err(|failure| failure.kind);
            assert_eq!(checked, if expected { Ok(()) } else { Err(FailureKind::ForbiddenAddress) }, "{text}");
        }
    }

    #[test]
    fn a_named_host_leads_to_public_hosts_alone() {
        let line = "http://a.example/";
        check_hops(line, &["https://b.example/", "http://8.8.8.8:8080/", "http://[2606:4700::1111]/"], true);
        check_hops(
            line,
            &["http://127.0.0.1/", "http://0x7f.1/", "http://2130706433/", "http://[::1]/"],
            false,
        );
        check_hops(line, &["http://localhost/", "http://LOCALHOST./", "http://a.localhost:81/"], false);
        check_hops(
            line,
            &["http://metadata.google.internal/", "http://printer.local/", "http://a.home.arpa./"],
            false,
        );
        check_hops(
            line,
            &["http://notlocalhost/", "http://localhost.example/", "http://internal.example/"],
            true,
        );
    }

    #[test]
    fn a_line_allows_the_one_address_that_it_names() {
        let line = "http://127.0.0.1:8080/";
        check_hops(line, &["http://127.0.0.1/", "https://127.1:444/", "http://[::ffff:127.0.0.1]/"], true);
        check_hops(line, &["http://localhost/", "http://8.8.8.8/"], true);
        check_hops(line, &["http://127.0.0.2/", "http://[::1]/", "http://10.0.0.1/"], false);
        check_hops("http://10.0.0.1/", &["http://10.0.0.1:81/"], true);
        check_hops(
            "http://10.0.0.1/",
            &["http://localhost/", "http://127.0.0.1/", "http://10.0.0.2/"],
            false,
        );
        check_hops("http://[::1]/", &["http://localhost/", "http://[::1]:81/"], true);
        check_hops("http://127.0.0.2/", &["http://localhost/"], false);
    }

    #[test]
    fn localhost_is_two_addresses() {
        for line in ["http://localhost/", "http://localhost.:81/", "http://a.localhost/"] {
            check_hops(line, &["http://127.0.0.1/", "http://[::1]:81/", "http://b.localhost/"], true);
            check_hops(line, &["http://127.0.0.2/", "http://0.0.0.0/", "http://10.0.0.1/"], false);
        }
    }

    #[test]
    fn ports_of_other_protocols_are_for_the_line_alone() {
        check_hops("http://a.example/", &["http://b.example:25/", "https://b.example:6667/"], false);
        check_hops("http://127.0.0.1/", &["http://127.0.0.1:22/"], false);
        check_hops("http://a.example/", &["http://b.example:8080/", "http://b.example:6379/"], true);
        let url = Url::parse("http://10.0.0.1:6000/").unwrap();
        let everything = Allowance::Everything;
        let hop = |origin| Hop { url: url.clone(), resend: Resend::Same, origin };
        assert_eq!(everything.check(&hop(Origin::Same)), Ok(()));
        assert!(everything.check(&hop(Origin::Other)).is_err());
        assert!(OTHER_PROTOCOLS.is_sorted());
    }

    #[test]
    fn everything_is_everything() {
        for text in ["http://127.0.0.1/", "http://a.internal/", "http://localhost/", "http://[fe80::1]/"] {
            let hop = Hop { url: Url::parse(text).unwrap(), resend: Resend::Same, origin: Origin::Other };
            assert_eq!(Allowance::Everything.check(&hop), Ok(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_what_its_mapped_form_is(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets().map(u16::from);
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
            let expected = is_global_v4(address);
            prop_assert_eq!(is_global(address.to_ipv6_mapped().into()), expected);
            prop_assert_eq!(is_global(translated.into()), expected);
            prop_assert!(!is_global(address.to_ipv6_compatible().into()) );
        }

        #[test]
        fn nothing_outside_the_public_blocks_is_public(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits);
            prop_assume!(address.to_ipv4_mapped().is_none() && !is_in(address, NAT64));
            prop_assert!(!is_global(address.into()) || is_in(address, UNICAST_V6));
        }
    }
}
