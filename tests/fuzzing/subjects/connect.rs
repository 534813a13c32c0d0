//! The pages that anybody may call without a login: connect links, and the way back from Google. Nobody is let in by a link or
//! a cookie that was made up.
//!
//! Input: a letter for the page and what stands behind it in the address, to the end of the line; then the cookie.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode};
use carnet::{
    admin::connect,
    claim::Tools,
    config::Settings,
    store::{
        current::Current,
        highwater::Highwater,
        installation::{Guard, Installation},
        pool::Pool,
        registry::{Registry, RegistryStore},
        seal::Sealer,
        snapshot::SnapshotFile,
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    lines::{chosen, first_line},
    room::Room,
};

struct Pages {
    room: Room,
    http: reqwest::Client,
}

thread_local! {
    static PAGES: Pages = Pages::open();
}

const METHODS: [(reqwest::Method, &str); 3] = [
    (reqwest::Method::GET, "connect/"),
    (reqwest::Method::POST, "connect/"),
    (reqwest::Method::GET, "oauth/google/callback?"),
];

/// Calls the page.
pub fn look(data: &[u8]) {
    let (line, cookie) = first_line(data);
    let behind = String::from_utf8_lossy(line.get(1..).unwrap_or_default()).into_owned();
    let (method, path) = &METHODS[chosen(&METHODS, line)];
    PAGES.with(|pages| {
        let Ok(url) = Url::parse(&format!("{}{path}{behind}", pages.room.url)) else { return };
        let mut request = pages.http.request(method.clone(), url);
        if let Ok(cookie) = HeaderValue::from_bytes(cookie.trim_ascii()) {
            request = request.header("cookie", cookie);
        }
        let answer = pages.room.runtime.block_on(request.send());
        let status = answer.expect("an answer").status();
        let refused =
            [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::GONE];
        assert!(refused.contains(&status), "{status}");
    });
}

impl Pages {
    fn open() -> Self {
        let room = Room::with(|| connect::router(Arc::new(tools())));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { room, http }
    }
}

/// Of a service whose Redis is not there: nothing that is made up leads as far as to it.
fn tools() -> Tools {
    let settings = Arc::new(Settings::from_texts([].into()).expect("settings"));
    let nowhere = std::env::temp_dir().join("carnet-fuzz-nowhere");
    let pool = Pool::open(&format!("unix://{}/redis.sock", nowhere.display())).expect("a pool");
    let sealer = Arc::new(Sealer::new(&"a key for fuzzing".into()).expect("a key"));
    let registry = RegistryStore::new(pool.clone(), sealer.clone(), SnapshotFile::in_dir(&nowhere));
    let highwater = Arc::new(Highwater::open(&nowhere));
    let guard = Arc::new(Guard::new(pool.clone(), registry.clone(), highwater.clone(), true));
    let installation = Installation { id: String::new(), epoch: 0, epoch_at: 0 };
    let current = Current::open(&Registry::default(), installation, &sealer).expect("a configuration");
    let (_, current) = watch::channel(Arc::new(current));
    Tools::build(settings, pool, registry, guard, highwater, current, CancellationToken::new()).expect("tools")
}
