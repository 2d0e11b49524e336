use std::fmt;
use std::net::IpAddr;

/// Where a request came from. Neither logged nor stored as it is: throttles and the audit trail hold its keyed hash
/// ([`crate::Pseudonyms`]), a session its [`Network::shown`] form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network(IpAddr);

impl Network {
    /// An IPv4 address mapped into IPv6 counts as what it is (RFC 4291 §2.5.5.2).
    pub fn of(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    /// What counts as one client: an IPv4 address, or the /64 that an IPv6 subscriber has for each link (RFC 6177).
    pub(crate) fn client(self) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(_) => format!("{}/64", self.prefix(64)),
        }
    }

    /// The /48 that an IPv6 site may have, and so 65,536 clients of the above; IPv4 has nothing like it.
    pub(crate) fn site(self) -> Option<String> {
        self.0.is_ipv6().then(|| format!("{}/48", self.prefix(48)))
    }

    /// For the owner of a session to recognise, and coarse enough to be no address: `203.0.113.0/24`, `2001:db8:1::/48`.
    pub fn shown(self) -> String {
        match self.0 {
            IpAddr::V4(_) => format!("{}/24", self.prefix(24)),
            IpAddr::V6(_) => format!("{}/48", self.prefix(48)),
        }
    }

    fn prefix(self, bits: u32) -> IpAddr {
        match self.0 {
            IpAddr::V4(address) => IpAddr::V4((u32::from(address) & (u32::MAX << (32 - bits))).into()),
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << (128 - bits))).into()),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn one_subscriber_is_one_client() {
        assert_eq!(network("203.0.113.7").client(), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7").client(), "203.0.113.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6").client(), network("2001:db8:1:2::1").client());
        assert_ne!(network("2001:db8:1:2::1").client(), network("2001:db8:1:3::1").client());
        assert_eq!(network("2001:db8:1:3::1").site(), network("2001:db8:1:2::1").site());
        assert_eq!(network("203.0.113.7").site(), None);
    }

    #[test]
    fn what_is_shown_is_no_address() {
        assert_eq!(network("203.0.113.7").shown(), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2:3:4:5:6").shown(), "2001:db8:1::/48");
        assert_eq!(format!("{:?}", network("203.0.113.7")), "Network(..)");
    }
}
