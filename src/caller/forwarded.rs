//! `X-Forwarded-For`, believed from trusted proxies only.
//!
//! Deliberately not `Forwarded` too: a proxy sets one of them and passes the other on as the client wrote it, so whoever reads
//! both believes the client.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use super::is_one_of;

pub(super) const HEADER: &str = "x-forwarded-for";

/// Each proxy adds the address it was called from at the right end. So from the right, each entry is as good as the proxy that
/// wrote it; the first that is no trusted proxy is the client. What stands left of it is the client's own claim.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines = headers.get_all(HEADER).iter().rev();
    let mut entries = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    while is_one_of(proxies, client) {
        let Some(before) = entries.next().and_then(address) else { break };
        client = before.to_canonical();
    }
    client
}

/// An entry: an address; some proxies (Azure's) add the port.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let proxies: Vec<IpNet> =
            ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"].iter().map(|range| range.parse().expect("a range")).collect();
        for (peer, lines, client) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["1.2.3.4", "198.51.100.1,10.1.1.1"], "198.51.100.1"),
            ("127.0.0.1", &["198.51.100.1 , fd00::1"], "198.51.100.1"),
            ("127.0.0.1", &["10.9.9.9, 10.1.1.1"], "10.9.9.9"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("fd00::1", &["[2001:db8::7]"], "2001:db8::7"),
            ("127.0.0.1", &["198.51.100.1:5555"], "198.51.100.1"),
            ("127.0.0.1", &["unknown"], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, nonsense, 10.1.1.1"], "10.1.1.1"),
            ("127.0.0.1", &["198.51.100.1,"], "127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(HEADER, HeaderValue::from_static(line));
            }
            let found = super::client(peer.parse().expect("an address"), &headers, &proxies);
            assert_eq!(found.to_string(), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_text_ends_the_walk() {
        let proxies = ["127.0.0.1/32".parse().expect("a range")];
        let mut headers = HeaderMap::new();
        headers.append(HEADER, HeaderValue::from_static("198.51.100.1"));
        headers.append(HEADER, HeaderValue::from_bytes(b"\xff").expect("a value"));
        let found = super::client("127.0.0.1".parse().expect("an address"), &headers, &proxies);
        assert_eq!(found.to_string(), "127.0.0.1");
    }
}
