//! Who calls: the client's address, as far as it can be believed, and which addresses have failed too often lately.

mod forwarded;
mod shut_out;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

pub use shut_out::{Bounds, ShutOut, Visit};

/// The client of one request; every request carries it from its first moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    address: IpAddr,
    is_proxy: bool,
}

/// The id of one request, as its answer and the log carry it.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl Caller {
    /// From the other end of the connection and, if that is one of `proxies`, from what it says of where the request came
    /// from.
    pub fn new(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> Self {
        let address = forwarded::client(peer, headers, proxies);
        Self { address, is_proxy: is_one_of(proxies, address) }
    }

    /// Of a request; nobody's (the unspecified address) where none was put in.
    pub fn of(extensions: &Extensions) -> Self {
        let nobody = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), is_proxy: false };
        extensions.get().copied().unwrap_or(nobody)
    }
}

impl Caller {
    /// What counts as this client; `None` for a trusted proxy that names nobody: behind it is everybody.
    pub fn network(self) -> Option<IpAddr> {
        (!self.is_proxy).then(|| network(self.address))
    }

    /// Whether the other end of the connection, `peer`, is most likely a proxy that nobody declared: it is on this machine or
    /// network, is no trusted one, and names a client.
    pub fn seems_behind(self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let is_near = match peer.to_canonical() {
            IpAddr::V4(short) => short.is_loopback() || short.is_private(),
            IpAddr::V6(long) => long.is_loopback() || long.is_unique_local(),
        };
        is_near && !self.is_proxy && self.address == peer.to_canonical() && headers.contains_key(forwarded::HEADER)
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// What is taken for one client: an IPv4 address, or a /64 of IPv6, because whoever has one address there has 2⁶⁴ of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() >> 64 << 64)),
    }
}

/// Whether an address is in one of these ranges; an IPv4 address counts as such also when it comes dressed as IPv6.
pub fn is_one_of(ranges: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    ranges.iter().any(|range| range.contains(&address))
}
