//! Whoever guesses: at a webhook's secret, the API's token, the password.

use futures_util::future::join_all;
use reqwest::{Client, Response};

use super::{ATTACKER, Siege, client};
use crate::world::{
    post::{API_TOKEN, event},
    until,
};

const FEW: usize = 4;

async fn metrics(siege: &Siege, client: &Client, token: &str) -> u16 {
    let request = client.get(format!("{}/metrics", siege.post.service.url)).bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

async fn webhook(siege: &Siege, client: &Client, name: &str, secret: &str) -> Response {
    let request = client.post(format!("{}/webhooks/{name}", siege.post.service.url)).bearer_auth(secret);
    // Nobody is a trusted proxy here, so nobody is whom they say.
    let request = request.header("x-forwarded-for", "127.0.0.1").header("x-carnet-secret", "copper secret");
    request.body(event("c").to_string()).send().await.expect("an answer")
}

async fn password(siege: &Siege, client: &Client, password: &str) -> Response {
    let url = &siege.post.service.url;
    let request = client.post(format!("{url}/login")).header("origin", url);
    request.form(&[("password", password)]).send().await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_put_off_where_it_is_done_and_nowhere_else() {
    let siege = Siege::begin(&[("CARNET_TUNE_FAILURES", "4"), ("CARNET_TUNE_SHUT_OUT_MS", "600000")]).await;
    let (guesser, other) = (siege.client(), client("127.0.0.67"));

    for number in 0..FEW {
        assert_eq!(webhook(&siege, &guesser, "bearer", &format!("guess {number}")).await.status(), 401);
    }
    let answer = webhook(&siege, &guesser, "bearer", "bearer secret").await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers().contains_key("retry-after")),
        (429, true),
        "even if it is right now"
    );
    assert_eq!(webhook(&siege, &other, "bearer", "bearer secret").await.status(), 202, "another address");
    assert_eq!(webhook(&siege, &guesser, "copper", "").await.status(), 202, "another CRM");

    for _ in 0..FEW {
        assert_eq!(metrics(&siege, &guesser, "guess").await, 401);
    }
    assert_eq!(metrics(&siege, &guesser, API_TOKEN).await, 429);
    let api = guesser.get(format!("{}/api/v1/syncs", siege.post.service.url)).bearer_auth(API_TOKEN);
    let answer = api.send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (429, true));
    let said: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(said["error"]["code"], "shut_out");
    assert_eq!(metrics(&siege, &other, API_TOKEN).await, 200);

    let wrong = join_all((0..FEW).map(|_| password(&siege, &guesser, "guess"))).await;
    assert!(wrong.iter().all(|answer| answer.status() == 401));
    assert_eq!(password(&siege, &guesser, "a password for tests").await.status(), 429);
    assert_eq!(password(&siege, &other, "a password for tests").await.status(), 303);

    let out = |what: &'static str| siege.post.counted("carnet_shut_out_total", what);
    assert_eq!([out("bearer").await, out("api").await, out("password").await], [1, 1, 1]);
    let log = siege.post.world.log("carnet");
    assert!(log.contains(&format!("client={ATTACKER}")) && !log.contains("guess"), "{log}");
    assert_eq!(
        log.matches("not in CARNET_TRUSTED_PROXIES").count(),
        1,
        "what looks like a proxy is told of once: {log}"
    );
    siege.lifted(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_right_lately_is_heard_whatever_else_comes_from_there_and_being_shut_out_ends() {
    let siege = Siege::begin(&[("CARNET_TUNE_FAILURES", "4"), ("CARNET_TUNE_SHUT_OUT_MS", "500")]).await;
    let (vendor, late) = (siege.client(), client("127.0.0.68"));
    assert_eq!(webhook(&siege, &vendor, "bearer", "bearer secret").await.status(), 202);
    for _ in 0..3 * FEW {
        assert_eq!(webhook(&siege, &vendor, "bearer", "an old secret").await.status(), 401);
    }
    assert_eq!(webhook(&siege, &vendor, "bearer", "bearer secret").await.status(), 202);
    // One that begins with a wrong secret is heard again after a while, by itself.
    for _ in 0..FEW {
        webhook(&siege, &late, "bearer", "an old secret").await;
    }
    assert_eq!(webhook(&siege, &late, "bearer", "bearer secret").await.status(), 429);
    until("it to be heard again", async || webhook(&siege, &late, "bearer", "bearer secret").await.status() == 202)
        .await;
    siege.lifted(3).await;
}
