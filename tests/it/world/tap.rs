//! A wire between the service and Redis or Google on which exchanges are counted, on which a chosen one is the last thing that a
//! process ever did, and which can be cut.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
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

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Whole,
    /// Nothing comes through, and nobody is told; what was sent meanwhile arrives later.
    Silent,
    /// Every connection is closed, and none is taken.
    Cut,
}

/// The wire.
pub struct Tap {
    pub address: String,
    state: Arc<Mutex<State>>,
    line: watch::Sender<Line>,
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
        let (line, seen) = watch::channel(Line::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead_on(client, upstream.clone(), shared.clone(), seen.clone()));
            }
        });
        Self { address, state, line }
    }

    /// Cuts the wire, or mends it.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
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

async fn lead_on(client: TcpStream, upstream: Upstream, state: Arc<Mutex<State>>, line: watch::Receiver<Line>) {
    if *line.borrow() == Line::Cut {
        return;
    }
    client.set_nodelay(true).ok();
    // A service whose Redis or Google is not there sees its connection closed.
    match upstream {
        Upstream::Tcp(address) => {
            if let Ok(server) = TcpStream::connect(address).await {
                server.set_nodelay(true).ok();
                carry(client, server, &state, line).await;
            }
        }
        Upstream::Unix(path) => {
            if let Ok(server) = UnixStream::connect(path).await {
                carry(client, server, &state, line).await;
            }
        }
    }
}

async fn carry(
    client: TcpStream,
    server: impl AsyncRead + AsyncWrite,
    state: &Mutex<State>,
    mut line: watch::Receiver<Line>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut request, mut answer) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut doomed: Option<Victim> = None;
    loop {
        let now = *line.borrow_and_update();
        if now == Line::Cut || (now == Line::Silent && line.changed().await.is_err()) {
            return;
        }
        if now == Line::Silent {
            continue;
        }
        tokio::select! {
            changed = line.changed() => if changed.is_err() { return },
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
