//! The real service as a process of its own that stands in the open: a CRM with a sync, and one more CRM for each way in which
//! webhooks are signed.

use carnet::{
    config::declared::{Crm, Declared},
    contact::AccountKey,
    crm::signature::{Outgoing, sign},
    store::keys::CrmKeys,
};
use redis::{AsyncCommands as _, streams::StreamRangeReply};
use serde_json::{Value, json};

use super::{
    Service, World,
    process::{Process, free_address},
    server::RedisServer,
    until,
};

/// The account of every CRM that only receives.
pub const ACCOUNT: &str = "acc";

/// Name and `[crm.signature]` of each CRM that only receives.
pub const SCHEMES: &[(&str, &str)] = &[
    (
        "github",
        "scheme = 'hmac-sha256'\nheader = 'X-Hub-Signature-256'\nprefix = 'sha256='\nsecrets = ['github secret']",
    ),
    ("meta", "scheme = 'hmac-sha1'\nheader = 'X-Hub-Signature'\nprefix = 'sha1='\nsecrets = ['meta secret']"),
    (
        "stripe",
        "scheme = 'hmac-sha256'\nheader = 'Stripe-Signature'\npart = 'v1'\ntimestamp_part = 't'\n\
         message = '{timestamp}.{body}'\ntolerance = 300\nsecrets = ['whsec_stripe secret']",
    ),
    (
        "slack",
        "scheme = 'hmac-sha256'\nheader = 'X-Slack-Signature'\nprefix = 'v0='\n\
         timestamp_header = 'X-Slack-Request-Timestamp'\nmessage = 'v0:{timestamp}:{body}'\ntolerance = 300\n\
         secrets = ['slack secret']",
    ),
    (
        "shopify",
        "scheme = 'hmac-sha256'\nheader = 'X-Shopify-Hmac-Sha256'\nencoding = 'base64'\nsecrets = ['shopify secret']",
    ),
    (
        "inside",
        "scheme = 'hmac-sha256'\nheader = 'X-Sig'\ntimestamp_pointer = '/t'\ntolerance = 300\nsecrets = ['inside secret']",
    ),
    ("standard", "scheme = 'standard-webhooks'\nsecrets = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw']"),
    ("hubspot", "scheme = 'hubspot-v3'\nsecrets = ['hubspot secret']"),
    ("basic", "scheme = 'basic'\nuser = 'carnet'\nsecrets = ['basic secret']"),
    ("zoho", "scheme = 'body'\npointer = '/token'\nsecrets = ['zoho secret']"),
    ("copper", "scheme = 'token'\nheader = 'X-Carnet-Secret'\nsecrets = ['copper secret']"),
    ("bearer", "scheme = 'bearer'\nsecrets = ['bearer secret']"),
    ("address", "scheme = 'url'\nparameter = 'token'\nsecrets = ['address secret']"),
];

/// A CRM that only receives, with this `[crm.signature]`.
fn receiving(name: &str, signature: &str) -> String {
    format!(
        "[[crm]]\nname = '{name}'\nkind = 'generic'\nvendor = '{name}'\n[crm.signature]\n{signature}\n\
         [crm.map]\naccount = '/account'\ncontact = '/contact'\n[[crm.account]]\nid = '{ACCOUNT}'\n"
    )
}

/// The service at its post.
pub struct Post {
    pub world: World,
    _redis: RedisServer,
    pub settings: std::collections::BTreeMap<String, String>,
    pub process: Option<Process>,
    pub service: Service,
    /// Where it listens: host and port.
    pub listen: String,
}

impl Post {
    /// `public` is the address at which the world reaches it; without one, where it listens.
    pub async fn open(mut world: World, public: Option<String>) -> Self {
        let redis = RedisServer::start().await;
        let listen = free_address().await;
        world.set("CARNET_REDIS_URL", redis.url());
        let mut settings = world.settings(&listen);
        settings.insert("CARNET_PUBLIC_URL".into(), public.unwrap_or_else(|| format!("http://{listen}")));
        let declared = SCHEMES.iter().map(|(name, signature)| receiving(name, signature));
        let declared = declared.fold(world.declared(), |all, one| all + "\n" + &one);
        let file = world.dir.path().join("declared.toml");
        std::fs::write(&file, declared).expect("a file");
        world.command(&settings, &["apply", &file.display().to_string()]);
        let mut service = world.watch(&redis.url(), &settings).await;
        service.url = format!("http://{listen}");
        let mut post = Self { world, _redis: redis, settings, process: None, service, listen };
        post.start().await;
        post
    }

    /// Starts the process again, after it was killed or ended.
    pub async fn start(&mut self) {
        self.process = Some(self.world.spawn("carnet", &self.settings, &["serve"]));
        self.service.ready().await;
    }

    /// Tells the process to end, as systemd does, and waits until it has.
    pub async fn end(&mut self) {
        let process = self.process.take().expect("it runs");
        process.end();
        until("the service to end", async || process.has_ended()).await;
    }

    pub fn crm(&self, name: &str) -> Crm {
        let (_, signature) = SCHEMES.iter().find(|(scheme, _)| *scheme == name).expect("a scheme");
        toml::from_str::<Declared>(&receiving(name, signature)).expect("declared state").crm.remove(0)
    }

    /// A delivery as the CRM sends it, for the address at which it knows the service.
    pub fn signed(&self, name: &str, path_and_query: &str, body: &[u8]) -> Outgoing {
        let url = format!("{}{path_and_query}", self.settings["CARNET_PUBLIC_URL"]);
        sign(&self.crm(name), &url, body, "msg_1", jiff::Timestamp::now()).expect("signed")
    }

    /// What every CRM that only receives has in its stream: CRM and contact.
    pub async fn received(&self) -> Vec<(&'static str, String)> {
        let mut connection = self.service.pool.get().await.expect("redis");
        let mut all = Vec::new();
        for (name, _) in SCHEMES {
            let keys = CrmKeys::new(&AccountKey { vendor: (*name).into(), id: ACCOUNT.into() });
            let range: StreamRangeReply = connection.xrange_all(keys.events()).await.expect("a stream");
            all.extend(range.ids.iter().map(|entry| (*name, entry.get::<String>("contact").expect("a contact"))));
        }
        all
    }

    /// The contacts of the CRM with the sync, in the order in which their events were stored.
    pub async fn stored(&self) -> Vec<String> {
        let mut connection = self.service.pool.get().await.expect("redis");
        let range: StreamRangeReply = connection.xrange_all(self.service.keys().events()).await.expect("a stream");
        range.ids.iter().map(|entry| entry.get::<String>("contact").expect("a contact")).collect()
    }

    /// Sum of a counter's values whose labels contain `labels`, as `/metrics` says.
    pub async fn counted(&self, name: &str, labels: &str) -> u64 {
        let answer = self.world.http.get(format!("{}/metrics", self.service.url)).bearer_auth(API_TOKEN);
        let text = answer.send().await.expect("metrics").text().await.expect("text");
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(labels));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

/// Of the API, when a story sets it.
pub const API_TOKEN: &str = "a token for tests";

/// The body of an event about a contact.
pub fn event(contact: &str) -> Value {
    json!({"account": ACCOUNT, "contact": contact})
}
