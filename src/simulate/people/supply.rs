//! Where fresh values come from: each number and address is handed out once, so who shares one does so on purpose.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    Draft, dirt, entries,
    names::{self, Circle},
    pick,
};

const AREAS: [&str; 9] = ["514", "438", "450", "418", "819", "581", "873", "579", "367"];
const DOMAINS: [&str; 5] =
    ["courriel.example", "maison.example", "boulot.example", "poste.example", "clinique.example"];
const STREETS: [&str; 6] =
    ["rue Principale", "chemin du Lac", "boul. des Érables", "av. Ste-Thérèse", "rang 4", "Church Street"];
const CITIES: [&str; 6] =
    ["Val-d'Épinette", "Sainte-Aurélie", "Rivière-Noire", "L'Anse-au-Foin", "Knowlton Mills", "Montréal"];
const COMPANIES: [&str; 6] = ["Toitures", "Plomberie", "Café", "Garage", "Fleuriste", "Excavation"];

/// A seeded source of values that were not used before.
#[derive(Debug)]
pub struct Supply {
    /// Decides everything.
    pub rng: StdRng,
    exchange: u32,
    numbers: u32,
    addresses: u32,
}

impl Supply {
    /// `exchange` (200–999) is the middle of every phone number: two supplies with different ones never collide.
    pub fn new(seed: u64, exchange: u32) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), exchange, numbers: 0, addresses: 0 }
    }

    /// A valid Quebec number in E.164; repeats after 90,000.
    pub(super) fn phone(&mut self) -> String {
        let (area, line) = (self.numbers as usize % AREAS.len(), self.numbers / 9 % 10_000);
        self.numbers += 1;
        format!("+1{}{}{line:04}", AREAS[area], self.exchange)
    }

    /// An address that looks like the name's, under a domain that cannot exist.
    pub(super) fn email(&mut self, given: &str, family: &str) -> String {
        self.addresses += 1;
        let local = format!("{}.{}", names::folded(given), names::folded(family)).replace(' ', "");
        format!("{local}{}x{}@{}", self.exchange, self.addresses, pick(&mut self.rng, &DOMAINS))
    }

    /// A HighLevel id.
    pub(super) fn id(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789";
        (0..20).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect()
    }

    /// `{address1, city, state, postalCode}`.
    pub(super) fn address(&mut self) -> [(&'static str, Value); 4] {
        let number = self.rng.random_range(1..4000);
        let postal = format!("J{}K {}L{}", number % 10, number / 10 % 10, number / 100 % 10);
        [
            ("address1", json!(format!("{number} {}", pick(&mut self.rng, &STREETS)))),
            ("city", json!(pick(&mut self.rng, &CITIES))),
            ("state", json!(["QC", "Québec"][usize::from(number % 3 == 0)])),
            ("postalCode", json!(postal)),
        ]
    }

    /// A company named after its owner.
    pub(super) fn company(&mut self, family: &str) -> String {
        format!("{} {family} inc.", pick(&mut self.rng, &COMPANIES))
    }

    /// A birthday, year included.
    pub(super) fn birthday(&mut self) -> (i32, u32, u32) {
        (self.rng.random_range(1940..2004), self.rng.random_range(1..=12), self.rng.random_range(1..=28))
    }

    /// A tidy client, as an attentive broker would type it.
    pub(super) fn client(&mut self, circle: Circle) -> Draft {
        let (given, family) = names::name(&mut self.rng, circle);
        let (email, phone) = (self.email(&given, &family), self.phone());
        let day = self.rng.random_range(1..=28);
        let fields = json!({
            "id": self.id(), "firstName": given, "lastName": family, "email": email, "phone": phone, "country": "CA",
            "type": "lead", "timezone": "America/Toronto",
            "dateAdded": format!("2025-{:02}-{day:02}T14:{:02}:02.538Z", 1 + day % 12, day + 20),
            "dateUpdated": format!("2026-{:02}-{day:02}T09:{:02}:44.{:03}Z", 1 + day % 9, day + 10, day * 30),
        });
        fields.as_object().cloned().unwrap_or_default()
    }
}

/// A number as this generator makes it: E.164, nothing odd about it.
pub(super) fn is_plain(phone: &str) -> bool {
    phone.len() == 12 && phone.starts_with("+1") && AREAS.iter().any(|area| phone[2..].starts_with(area))
}

/// A new client for the control API of the pretend CRM: no `id`, no dates. Some are dirty.
pub fn newcomer(supply: &mut Supply) -> Value {
    let mut draft = supply.client(Circle::Newcomers);
    if supply.rng.random_bool(0.4) {
        dirt::spoil_newcomer(&mut draft, supply);
    }
    draft.retain(|key, _| !matches!(key.as_str(), "id" | "dateAdded" | "dateUpdated"));
    Value::Object(draft)
}

/// An edit that someone makes to a client: a few fields, `null` clears.
pub fn change(supply: &mut Supply) -> Value {
    let (given, family) = names::name(&mut supply.rng, Circle::Newcomers);
    match supply.rng.random_range(0..9) {
        0 => json!({"phone": supply.phone()}),
        1 => json!({"email": supply.email(&given, &family)}),
        2 => json!({"lastName": family}),
        3 => json!({"companyName": supply.company(&family)}),
        4 => Value::Object(supply.address().into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        5 => json!({"additionalPhones": entries("phone", &[supply.phone(), supply.phone()])}),
        6 => json!({"tags": ["acheteur", "2026"], "source": null}),
        7 => json!({"dnd": true, "dndSettings": {"SMS": {"status": "active"}}}),
        _ => {
            let (year, month, day) = supply.birthday();
            json!({"dateOfBirth": format!("{year}-{month:02}-{day:02}T00:00:00.000Z"), "website": "https://nouveau.example/"})
        }
    }
}
