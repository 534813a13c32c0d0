//! The two pretend sides of a demonstration, with a small town in them.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::control::Control,
    simulate::{
        crm, google,
        people::{self, Town},
    },
};

use super::pace::Pace;

/// Who shall live in the town.
pub struct Wish {
    /// Decides everything random.
    pub seed: u64,
    /// Contacts in the CRM.
    pub contacts: usize,
    /// Contacts in Google.
    pub google: usize,
}

/// Both simulators, running and filled.
pub struct World {
    /// The pretend CRM.
    pub crm: Control,
    /// The pretend Google.
    pub google: Control,
    /// The CRM's app, as its events name it.
    pub app_id: String,
    /// The CRM account.
    pub location: String,
    /// Its token.
    pub crm_token: String,
    /// The CRM's signing key, PEM.
    pub signing_key: String,
    /// The Google account.
    pub subject: String,
    /// Its refresh token.
    pub refresh_token: String,
    /// Every Google contact before anything was done.
    pub before: Vec<Value>,
    contacts: usize,
    same: usize,
}

/// The OAuth app of the pretend Google.
pub const CLIENT: (&str, &str) = ("carnet-demo", "carnet-demo-secret");

impl World {
    /// Starts both, until `stop`, and moves the town in.
    pub async fn open(wish: &Wish, pace: &Pace, stop: &CancellationToken) -> anyhow::Result<Self> {
        let town = people::town(wish.seed, wish.contacts, wish.google, wish.google / 2);
        let options = pace.crm(wish.seed);
        let app_id = options.app_id.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let crm = Control::of(listener.local_addr()?)?;
        tokio::spawn(crm::serve(listener, options, stop.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let google = Control::of(listener.local_addr()?)?;
        let (client_id, client_secret) = (CLIENT.0.to_owned(), CLIENT.1.to_owned());
        let options = google::Options { client_id, client_secret, seed: wish.seed, limits: pace.google() };
        tokio::spawn(google::serve(listener, options, stop.clone()));
        let (location, crm_token) = fill_crm(&crm, &town).await?;
        let (subject, refresh_token) = fill_google(&google, &town).await?;
        // Google shows a new contact in listings only after a while; the owner's have been there for years.
        tokio::time::sleep(pace.visible_after()).await;
        let mut world = Self {
            signing_key: crm::public_key_pem(wish.seed),
            app_id,
            location,
            crm_token,
            subject,
            refresh_token,
            before: Vec::new(),
            contacts: town.crm.len(),
            same: town.same.len(),
            crm,
            google,
        };
        (world.before, _) = world.google_now().await?;
        Ok(world)
    }

    /// Who is there, in a sentence.
    pub fn describe(&self) -> String {
        format!(
            "{} contacts in a pretend CRM, with the dirt that CRMs have. {} contacts in a pretend Google account; {} of them \
             are people whom the CRM knows too.",
            self.contacts,
            self.before.len(),
            self.same
        )
    }

    /// Has the CRM post its webhooks to this address.
    pub async fn post_webhooks_to(&self, url: &str) -> anyhow::Result<()> {
        self.crm.post("webhooks", &json!({ "url": url })).await?;
        Ok(())
    }

    /// Webhooks on their way.
    pub async fn webhooks_under_way(&self) -> anyhow::Result<u64> {
        self.crm.get("deliveries").await?["pending"].as_u64().context("the CRM does not say how many webhooks wait")
    }

    /// Every contact of the CRM.
    pub async fn crm_now(&self) -> anyhow::Result<Vec<Value>> {
        Ok(list(self.crm.get(&format!("locations/{}/contacts", self.location)).await?, "contacts"))
    }

    /// Every contact and every label in Google.
    pub async fn google_now(&self) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
        let mut all = self.google.get(&format!("accounts/{}", self.subject)).await?;
        let persons = list(all["contacts"].take(), "").into_iter().map(|mut contact| {
            let mut person = contact["person"].take();
            person["resourceName"] = contact["resourceName"].take();
            person
        });
        Ok((persons.collect(), list(all["groups"].take(), "")))
    }
}

async fn fill_crm(crm: &Control, town: &Town) -> anyhow::Result<(String, String)> {
    let about = json!({"name": "Courtage du Lac", "customFields": town.custom_fields, "users": town.owners});
    let made = crm.post("locations", &about).await?;
    let (id, token) = (text(&made, "id")?, text(&made, "token")?);
    crm.post(&format!("locations/{id}/seed"), &json!({"contacts": town.crm})).await?;
    Ok((id, token))
}

async fn fill_google(google: &Control, town: &Town) -> anyhow::Result<(String, String)> {
    let made = google.post("accounts", &json!({"email": "courtiere@courriel.example"})).await?;
    let (subject, refresh) = (text(&made, "subject")?, text(&made, "refresh_token")?);
    google.post(&format!("accounts/{subject}/contacts"), &json!(town.google)).await?;
    Ok((subject, refresh))
}

fn text(answer: &Value, key: &str) -> anyhow::Result<String> {
    answer[key].as_str().map(str::to_owned).with_context(|| format!("a simulator did not say its {key}"))
}

/// A list, or the list under a key.
fn list(mut answer: Value, key: &str) -> Vec<Value> {
    let list = if key.is_empty() { answer } else { answer[key].take() };
    match list {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}
