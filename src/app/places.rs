//! Places for connections, and for requests through a proxy: so many in all, and a share of them for each client, so that one
//! cannot take them all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::caller::{is_one_of, network};

/// Connections at a time; more wait in the listener's queue.
const ALL: usize = 4_096;

/// All places for connections.
pub(super) struct Places {
    free: Arc<Semaphore>,
    shares: Shares,
    proxies: Vec<IpNet>,
}

/// The place of one connection until it is dropped.
pub(super) struct Place {
    _free: OwnedSemaphorePermit,
    /// `None` for a trusted proxy: behind it is everybody.
    _share: Option<Share>,
}

/// What each client has of something, and may have of it at a time.
#[derive(Clone)]
pub(super) struct Shares {
    taken: Arc<Mutex<HashMap<IpAddr, u64>>>,
    each: u64,
}

/// One more of a client's, until it is dropped.
pub(super) struct Share {
    network: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, u64>>>,
}

impl Places {
    pub fn new(share: u64, proxies: Vec<IpNet>) -> Self {
        Self { free: Arc::new(Semaphore::new(ALL)), shares: Shares::new(share), proxies }
    }

    /// Waits for a place that is free.
    pub async fn free(&self) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_owned().await.ok()
    }

    /// Gives it to a connection from `peer`, unless that has its share already.
    pub fn give(&self, free: OwnedSemaphorePermit, peer: IpAddr) -> Option<Place> {
        if is_one_of(&self.proxies, peer) {
            return Some(Place { _free: free, _share: None });
        }
        let share = self.shares.take(network(peer.to_canonical()))?;
        Some(Place { _free: free, _share: Some(share) })
    }
}

impl Shares {
    /// So many for each client.
    pub fn new(each: u64) -> Self {
        Self { taken: Arc::default(), each }
    }

    /// One for this client, unless it has its share already.
    pub fn take(&self, network: IpAddr) -> Option<Share> {
        let mut taken = lock(&self.taken);
        let its = taken.entry(network).or_default();
        if *its >= self.each {
            return None;
        }
        *its += 1;
        Some(Share { network, taken: self.taken.clone() })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(its) = taken.get_mut(&self.network) {
            *its -= 1;
            if *its == 0 {
                taken.remove(&self.network);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<IpAddr, u64>>) -> MutexGuard<'_, HashMap<IpAddr, u64>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_its_share_and_gets_it_back_and_a_proxy_has_no_share() {
        let places = Places::new(2, vec!["10.0.0.1/32".parse().expect("a range")]);
        let take = async |peer: &str| {
            let free = places.free().await.expect("open");
            places.give(free, peer.parse().expect("an address"))
        };
        let (first, second) = (take("2001:db8::1").await, take("2001:db8::2").await);
        assert!(first.is_some() && second.is_some());
        assert!(take("2001:db8::3").await.is_none(), "the network has its share");
        assert!(take("192.0.2.1").await.is_some());
        drop(first);
        assert!(take("2001:db8::3").await.is_some());
        let proxy = [take("10.0.0.1").await, take("10.0.0.1").await, take("::ffff:10.0.0.1").await];
        assert!(proxy.iter().all(Option::is_some));
        drop((second, proxy));
        assert!(lock(&places.shares.taken).is_empty(), "nothing is kept of those who are gone");
        assert_eq!(places.free.available_permits(), ALL);
    }
}
