//! Standing in the open: what is thrown at the socket, kind by kind. Nothing of it is believed, breaks anything, hangs or eats
//! memory, and a good sender beside it is always heard.

mod bodies;
mod forged;
mod guessed;
mod shapes;
mod slow;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use reqwest::Client;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::timeout,
};

use crate::world::{
    World,
    judge::person,
    post::{API_TOKEN, Post},
    until,
};

/// Longer nobody waits for anything.
const BOUND: Duration = Duration::from_secs(5);
/// Where the attacks come from; the good sender is at 127.0.0.1.
const ATTACKER: &str = "127.0.0.66";
/// What the process may ever have had in memory: a debug build of it, 64 MiB of bodies, and what the allocator keeps.
const MEMORY_KB: u64 = 320 * 1024;

/// The service under attack, with a good sender beside.
struct Siege {
    post: Post,
    beside: JoinHandle<()>,
    taken: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Siege {
    /// `settings` on top of short waits and an attacker who is never put off, so that every attack reaches its aim.
    async fn begin(settings: &[(&str, &str)]) -> Self {
        let mut world = World::new().await;
        world
            .set("CARNET_API_TOKEN", API_TOKEN)
            .set("CARNET_ADMIN_PASSWORD", "a password for tests")
            .set("CARNET_TUNE_HEADERS_TIMEOUT_MS", 1000)
            .set("CARNET_TUNE_BODY_TIMEOUT_MS", 1000)
            .set("CARNET_TUNE_FAILURES", 1_000_000);
        for (key, value) in settings {
            world.set(key, value);
        }
        let post = Post::open(world, None).await;
        let mut contacts = Vec::new();
        for number in 0..5 {
            contacts.push(post.world.crm_create(person("Good", number)).await);
        }
        let (taken, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let told = contacts.iter().map(|contact| post.world.told_of(contact)).collect();
        let beside = good_sender(format!("{}/webhooks/centiva", post.service.url), told, taken.clone(), enough.clone());
        Self { post, beside: tokio::spawn(beside), taken, enough }
    }

    /// An HTTP client of the attacker.
    fn client(&self) -> Client {
        client(ATTACKER)
    }

    async fn connect(&self) -> TcpStream {
        connect(&self.post.listen).await
    }

    /// Sends bytes as they are; answers all that is said until the connection is closed, which it is within the bound.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut connection = self.connect().await;
        // Whoever has heard enough closes: what it said before counts.
        let sending = async {
            connection.write_all(bytes).await.ok();
            let mut answer = Vec::new();
            connection.read_to_end(&mut answer).await.ok();
            answer
        };
        let answer = timeout(BOUND, sending).await;
        let shown = || String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        String::from_utf8_lossy(&answer.unwrap_or_else(|_| panic!("no end of: {}", shown()))).into_owned()
    }

    /// Each of these is answered with one of the statuses beside it, or not at all where 0 is among them.
    async fn each(&self, attacks: Vec<(&str, Vec<u8>, &[u16])>) {
        let answers = join_all(attacks.iter().map(|(_, bytes, _)| self.raw(bytes))).await;
        for ((what, _, statuses), answer) in attacks.iter().zip(answers) {
            let status = answer.get(9..12).and_then(|text| text.parse().ok()).unwrap_or(0);
            assert!(statuses.contains(&status), "{what}: {}", &answer.chars().take(400).collect::<String>());
            assert!(!answer.contains("HTTP/1.1 5"), "{what}: {answer}");
        }
    }

    /// It is over: the good sender was heard all the time and still is, `believed` of the attacker's deliveries were, and
    /// nothing is left anywhere.
    async fn lifted(self, believed: usize) {
        let wanted = self.taken.load(Ordering::Relaxed) + 20;
        until("the good sender to be heard", async || {
            self.taken.load(Ordering::Relaxed) >= wanted || self.beside.is_finished()
        })
        .await;
        self.enough.store(true, Ordering::Relaxed);
        self.beside.await.expect("the good sender was heard");
        let received = self.post.received().await;
        assert_eq!(received.len(), believed, "{received:?}");
        until("everything to be worked off", async || self.post.service.left().await == (0, 0)).await;
        assert_eq!(self.post.world.wrongs().await, [""; 0]);
        self.post.service.nothing_left().await;
        let process = self.post.process.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a high-water mark");
        let most: u64 = most.trim().trim_end_matches(" kB").parse().expect("a number");
        println!("{} good deliveries beside; at most {} MiB", self.taken.load(Ordering::Relaxed), most / 1024);
        assert!(most < MEMORY_KB, "{most} kB");
        let log = self.post.world.log("carnet");
        assert!(!log.contains("panicked"), "{log}");
    }
}

/// Sends good events, one after the other; each is taken at once.
async fn good_sender(url: String, told: Vec<(String, String)>, taken: Arc<AtomicUsize>, enough: Arc<AtomicBool>) {
    let client = client("127.0.0.1");
    for (body, signature) in told.into_iter().cycle() {
        let request = client.post(&url).header("content-type", "application/json").header("X-GHL-Signature", signature);
        let answer = request.body(body).send().await.expect("the good sender is answered in time");
        assert_eq!(answer.status(), 202, "the good sender");
        taken.fetch_add(1, Ordering::Relaxed);
        if enough.load(Ordering::Relaxed) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A client at this address of the machine.
fn client(local: &str) -> Client {
    let local: std::net::IpAddr = local.parse().expect("an address");
    let client = Client::builder().local_address(local).timeout(BOUND).redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

async fn connect(address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Little room for what is never read.
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.bind(format!("{ATTACKER}:0").parse().expect("an address")).expect("an address of this machine");
    let connecting = socket.connect(address.parse().expect("an address"));
    timeout(BOUND, connecting).await.expect("in time").expect("a connection")
}

/// A POST to a webhook with these header lines (each with its line end) and this body, as bytes.
fn post_to(path: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{lines}\r\n").into_bytes();
    bytes.extend(body);
    bytes
}
