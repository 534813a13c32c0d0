//! Google's own client library for Python against the pretend Google: what it accepts, ours must serve.

use tokio::process::Command;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn googles_own_client_is_served() {
    let python = std::env::var("TEST_PYTHON").expect(
        "TEST_PYTHON is not set: run the tests with tests/run, which installs Google's client library for Python first",
    );
    let world = World::new().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/google_client.py");
    let ran =
        Command::new(&python).arg(script).arg(&world.google_url).kill_on_drop(true).output().await.expect(&python);
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
}
