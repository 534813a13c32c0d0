//! A wire between the service and Redis or Google on which exchanges are counted, and on which a chosen one is the last
//! thing that a process ever did.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
};

use super::process::Victim;

/// Which side of an exchange the process does not survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The request never arrives.
    Before,
    /// It was carried out; the answer never arrives.
    After,
}

/// Where the wire leads.
#[derive(Clone)]
pub enum Upstream {
    Tcp(String),
    Unix(PathBuf),
}

/// The wire.
pub struct Tap {
    pub address: String,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Which chunks sent by the service are requests that count.
    counts: Box<dyn FnMut(&str) -> bool + Send>,
    seen: u64,
    trap: Option<Trap>,
    fired: bool,
}

struct Trap {
    at: u64,
    moment: Moment,
    victim: Victim,
}

enum Verdict {
    Pass,
    DieNow,
    DieWithTheAnswer(Victim),
}

impl Tap {
    /// Listens, and leads every connection on.
    pub async fn open(upstream: Upstream, counts: impl FnMut(&str) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = State { counts: Box::new(counts), seen: 0, trap: None, fired: false };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead_on(client, upstream.clone(), shared.clone()));
            }
        });
        Self { address, state }
    }

    /// Kills the victim at the `at`th exchange from now (the first is 1).
    pub fn arm(&self, at: u64, moment: Moment, victim: Victim) {
        let mut state = lock(&self.state);
        (state.seen, state.fired) = (0, false);
        state.trap = Some(Trap { at, moment, victim });
    }

    /// Nobody is killed any more.
    pub fn disarm(&self) {
        lock(&self.state).trap = None;
    }

    /// Whether the victim is dead.
    pub fn fired(&self) -> bool {
        lock(&self.state).fired
    }

    /// Exchanges since it was armed.
    pub fn seen(&self) -> u64 {
        lock(&self.state).seen
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn lead_on(client: TcpStream, upstream: Upstream, state: Arc<Mutex<State>>) {
    client.set_nodelay(true).ok();
    // A service whose Redis or Google is not there sees its connection closed.
    match upstream {
        Upstream::Tcp(address) => {
            if let Ok(server) = TcpStream::connect(address).await {
                server.set_nodelay(true).ok();
                carry(client, server, &state).await;
            }
        }
        Upstream::Unix(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                carry(client, server, &state).await;
            }
        }
    }
}

async fn carry(client: TcpStream, server: impl AsyncRead + AsyncWrite, state: &Mutex<State>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut request, mut answer) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut doomed: Option<Victim> = None;
    loop {
        tokio::select! {
            read = from_client.read(&mut request) => {
                let Ok(read @ 1..) = read else { return };
                match judge(state, &String::from_utf8_lossy(&request[..read])) {
                    Verdict::Pass => {}
                    Verdict::DieNow => return,
                    Verdict::DieWithTheAnswer(victim) => doomed = Some(victim),
                }
                if to_server.write_all(&request[..read]).await.is_err() { return }
            }
            read = from_server.read(&mut answer) => {
                let Ok(read @ 1..) = read else { return };
                if let Some(victim) = doomed.take() {
                    kill(state, &victim);
                    return;
                }
                if to_client.write_all(&answer[..read]).await.is_err() { return }
            }
        }
    }
}

fn judge(state: &Mutex<State>, request: &str) -> Verdict {
    let mut held = lock(state);
    if !(held.counts)(request) {
        return Verdict::Pass;
    }
    held.seen += 1;
    let seen = held.seen;
    let Some(trap) = held.trap.take_if(|trap| trap.at == seen) else { return Verdict::Pass };
    match trap.moment {
        Moment::Before => {
            trap.victim.kill();
            held.fired = true;
            Verdict::DieNow
        }
        Moment::After => Verdict::DieWithTheAnswer(trap.victim),
    }
}

fn kill(state: &Mutex<State>, victim: &Victim) {
    victim.kill();
    lock(state).fired = true;
}
