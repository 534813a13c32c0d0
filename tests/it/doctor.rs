//! The program itself, looking at a running service: `carnet doctor` and `carnet sign`.

use serde_json::{Value, json};

use crate::world::{World, service::Service};

/// Runs a command of the program beside the service; answers its exit code and the JSON it printed.
async fn carnet(world: &World, service: &Service, arguments: &[&str]) -> (Option<i32>, Value) {
    let listen = service.url.trim_start_matches("http://");
    let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_carnet"))
        .args(arguments)
        .arg("--json")
        .envs(world.settings(listen))
        .output()
        .await
        .expect("the program runs");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    (ran.status.code(), serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}")))
}

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let found = report["checks"].as_array().into_iter().flatten().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_everything_well_and_then_what_is_not() {
    let world = World::new().await;
    let service = world.start().await;
    let (code, report) = carnet(&world, &service, &["doctor"]).await;
    assert_eq!((code, &report["problems"]), (Some(0), &json!(0)), "{report:#}");
    let account = format!("CRM account centiva/{}", world.location);
    for name in
        ["Redis", "persistence", "eviction", "snapshot", "workers", &account, "Google account office", "sync phone"]
    {
        assert_eq!(check(&report, name)["state"], "ok", "{name}: {report:#}");
    }
    world.google("POST", &format!("accounts/{}/revoke", world.subject), &json!({})).await;
    let (code, report) = carnet(&world, &service, &["doctor"]).await;
    assert_eq!(code, Some(1));
    let google = check(&report, "Google account office");
    assert!(
        google["state"] == "problem" && google["says"].to_string().contains("connect the account again"),
        "{google}"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_sample_is_taken_by_the_door() {
    let world = World::new().await;
    let forms = r#"
        [[crm]]
        name = "forms"
        kind = "generic"
        [crm.signature]
        scheme = "hmac-sha256"
        header = "X-Hub-Signature-256"
        prefix = "sha256="
        secrets = ["a secret"]
        [crm.map]
        account = "/account"
        contact = "/contact/id"
        [[crm.account]]
        id = "acc"
    "#;
    let service = world.start_bare(&(world.declared() + forms)).await;
    let (code, signed) = carnet(&world, &service, &["sign", "forms", "--contact", "c1"]).await;
    assert_eq!(code, Some(0), "{signed}");
    assert!(!signed.to_string().contains("a secret"), "{signed}");
    let mut request = world.http.post(signed["url"].as_str().expect("a URL"));
    for (name, value) in signed["headers"].as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("a value"));
    }
    let answer = request.body(signed["body"].as_str().expect("a body").to_owned()).send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    let (code, said) = carnet(&world, &service, &["sign", "centiva"]).await;
    assert_eq!(code, Some(1));
    assert!(said["error"].to_string().contains("private key"), "{said}");
    service.stop().await;
}
