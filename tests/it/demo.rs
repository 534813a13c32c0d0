//! The demonstration, as a visitor runs it.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn the_demo_does_what_its_preview_says_and_finds_everything_in_order() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_carnet"));
    demo.args(["demo", "--exit", "--json", "--speed", "20", "--contacts", "80", "--google", "30"]);
    // Whatever the shell of the tests is set to, a demo brings everything along.
    std::env::vars().filter(|(key, _)| key.starts_with("CARNET_")).for_each(|(key, _)| {
        demo.env_remove(key);
    });
    let output = demo.stdin(Stdio::null()).kill_on_drop(true).output().await.expect("the demo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (preview, counts) = (&told["preview"], &told["first_run"]["counts"]);
    assert!(preview["adopt"].as_u64().is_some_and(|adopted| adopted > 0), "{preview}");
    assert_eq!((&preview["create"], &preview["adopt"]), (&counts["created"], &counts["adopted"]), "{told}");
    assert_eq!((&told["clean"], &told["waiting"]), (&Value::Bool(true), &serde_json::json!([])), "{told}");
}
