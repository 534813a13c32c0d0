//! The dirt that real CRM data has, one function per kind, and the contacts that carry it.

use rand::RngExt;
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use super::{Draft, Supply, entries, names::Circle, office::OWNERS, pick, text};

/// Spoils a contact; the contacts made before are there to be shared with.
type Kind = fn(&mut Draft, &mut Supply, &[Draft]);

/// Every kind. The first [`ALONE`] need no other contact.
const KINDS: [Kind; 33] = [
    lower_case,
    no_name,
    name_in_one_part,
    sample_prefix,
    invalid_phone,
    foreign_phone,
    odd_phone_format,
    extension,
    several_emails,
    several_phones,
    email_case_and_plus,
    odd_domain,
    placeholders,
    do_not_disturb,
    tags,
    two_company_names,
    company_only,
    address,
    odd_address,
    country_only,
    mixed_custom_fields,
    owner,
    deleted_owner,
    unknown_owner,
    birthday,
    decomposed,
    emoji,
    other_script,
    website,
    social_insurance,
    nothing_to_recognise,
    household,
    duplicate,
];
const ALONE: usize = 31;

/// Kinds take turns and leave a quarter of the contacts tidy, so that even a small town has all of them.
const TURN: usize = 44;

/// The `n`-th contact of a town.
pub(super) fn contact(n: usize, supply: &mut Supply, earlier: &[Draft]) -> Draft {
    let mut draft = supply.client(Circle::Clients);
    if let Some(kind) = KINDS.get(n % TURN) {
        kind(&mut draft, supply, earlier);
    }
    if supply.rng.random_bool(0.2) {
        let second = supply.rng.random_range(0..ALONE);
        KINDS[second](&mut draft, supply, earlier);
    }
    draft
}

/// One kind of dirt for someone who comes later.
pub(super) fn spoil_newcomer(draft: &mut Draft, supply: &mut Supply) {
    let kind = supply.rng.random_range(0..ALONE);
    KINDS[kind](draft, supply, &[]);
}

fn set(draft: &mut Draft, key: &str, value: impl Into<Value>) {
    draft.insert(key.to_owned(), value.into());
}

fn own(draft: &Draft, key: &str) -> String {
    text(draft, key).unwrap_or_default().to_owned()
}

fn lower_case(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    for key in ["firstName", "lastName"] {
        let lower = own(draft, key).to_lowercase();
        set(draft, key, lower);
    }
}

fn no_name(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    draft.retain(|key, _| !matches!(key.as_str(), "firstName" | "lastName"));
}

fn name_in_one_part(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let whole = format!("{} {}", own(draft, "firstName"), own(draft, "lastName"));
    set(draft, "firstName", whole.trim());
    draft.remove("lastName");
}

fn sample_prefix(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let name = format!("(Example) {}", own(draft, "firstName"));
    set(draft, "firstName", name);
}

fn invalid_phone(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let digits = supply.phone();
    // One digit short, one too many with another country's code, or no number at all.
    let invalid = match supply.rng.random_range(0..3) {
        0 => digits[..11].to_owned(),
        1 => format!("+17865568954{}", &digits[10..]),
        _ => "appeler le soir".to_owned(),
    };
    set(draft, "phone", invalid);
}

fn foreign_phone(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let line = supply.phone();
    set(draft, "phone", format!("+86150{}", &line[4..]));
}

fn odd_phone_format(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let number = supply.phone();
    set(draft, "phone", written(&number, supply.rng.random_range(0..5)));
}

fn extension(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let number = supply.phone();
    let written = written(&number, 0);
    let how = [format!("{written} x12"), format!("{written} ext. 12"), format!("{number};ext=12")];
    set(draft, "phone", how[supply.rng.random_range(0..how.len())].clone());
}

/// The same number as people type it.
pub(super) fn written(e164: &str, how: usize) -> String {
    let (area, exchange, line) = (&e164[2..5], &e164[5..8], &e164[8..]);
    match how {
        0 => format!("{area}-{exchange}-{line}"),
        1 => format!("({area}) {exchange}-{line}"),
        2 => format!("+1 {area}-{exchange}-{line}"),
        3 => format!("1.{area}.{exchange}.{line}"),
        _ => format!("{area} {exchange} {line}"),
    }
}

fn several_emails(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let more = supply.email(&own(draft, "firstName"), "bureau");
    // The primary one is often repeated, in capitals.
    let again = own(draft, "email").to_uppercase();
    set(draft, "additionalEmails", entries("email", &[more, again, String::new()]));
}

fn several_phones(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let (second, third) = (supply.phone(), supply.phone());
    set(draft, "additionalPhones", entries("phone", &[second, written(&third, 1)]));
}

fn email_case_and_plus(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let email = own(draft, "email").replace("@boulot", "+Visites@Boulot").replacen('.', ".X", 1);
    set(draft, "email", if email.contains('+') { email } else { email.replacen('@', "+Condo@", 1) });
}

fn odd_domain(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let email = own(draft, "email").replace(".example", ".comm");
    set(draft, "email", email);
}

fn placeholders(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    for key in ["lastName", "companyName", "city", "website"] {
        set(draft, key, pick(&mut supply.rng, &["null", "N/A", "-", "undefined"]));
    }
}

fn do_not_disturb(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let status = pick(&mut supply.rng, &["active", "inactive", "permanent"]);
    set(draft, "dnd", true);
    set(
        draft,
        "dndSettings",
        json!({"SMS": {"status": status, "message": "STOP", "code": "101"}, "Email": {"status": "inactive"}}),
    );
}

fn tags(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "tags", json!(["acheteur", "vip", "rive-sud, 2025"]));
}

fn two_company_names(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let company = supply.company("L'Érable");
    set(draft, "businessName", company.replace('\'', ""));
    set(draft, "companyName", company);
}

fn company_only(draft: &mut Draft, supply: &mut Supply, earlier: &[Draft]) {
    let company = supply.company(&own(draft, "lastName"));
    set(draft, "companyName", company);
    no_name(draft, supply, earlier);
}

fn address(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    supply.address().into_iter().for_each(|(key, value)| set(draft, key, value));
}

fn odd_address(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    for (key, value) in
        [("address1", "12 RUE DU QUAI\nAPP 4"), ("city", "RIVIÈRE-NOIRE"), ("state", "Texas"), ("country", "US")]
    {
        set(draft, key, value);
    }
}

fn country_only(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    draft.retain(|key, _| !matches!(key.as_str(), "address1" | "city" | "state" | "postalCode"));
    set(draft, "country", "CA");
}

fn mixed_custom_fields(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let fields = json!([
        {"id": "cf0Budget00000000001", "value": "400-500 k$"},
        {"id": "cf0Pieces00000000002", "value": 5},
        {"id": "cf0Secteurs000000003", "value": ["Rive-Sud", "Centre"]},
        {"id": "cf0Mandat00000000004", "value": {"a1": {"url": "https://fichiers.example/m.pdf", "meta": {"size": 12}}}},
        {"id": "cf0Anniv000000000005", "value": 1_735_689_600_000_i64},
        {"id": "cf0Inconnu0000000006", "value": "champ supprimé"},
    ]);
    set(draft, "customFields", fields);
}

fn owner(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let owner = pick(&mut supply.rng, &OWNERS[..3]);
    set(draft, "assignedTo", owner);
}

fn deleted_owner(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "assignedTo", OWNERS[3]);
}

fn unknown_owner(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "assignedTo", "u5erJamaisVu00000099");
}

fn birthday(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let (year, month, day) = supply.birthday();
    set(draft, "dateOfBirth", format!("{year}-{month:02}-{day:02}T00:00:00.000Z"));
}

fn decomposed(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "firstName", "Hélène-Zoé".nfd().to_string());
    let family = own(draft, "lastName").nfd().to_string();
    set(draft, "lastName", family);
}

fn emoji(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    let name = format!("{} 🏡👩‍👧", own(draft, "firstName"));
    set(draft, "firstName", name);
}

fn other_script(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "firstName", "小明");
    set(draft, "lastName", "陈");
}

fn website(draft: &mut Draft, supply: &mut Supply, _: &[Draft]) {
    let number = supply.rng.random_range(1..9999);
    set(draft, "website", format!("https://site{number}.example/accueil"));
}

fn social_insurance(draft: &mut Draft, _: &mut Supply, _: &[Draft]) {
    set(draft, "ssn", "000 000 000");
}

fn nothing_to_recognise(draft: &mut Draft, supply: &mut Supply, earlier: &[Draft]) {
    no_name(draft, supply, earlier);
    draft.retain(|key, _| {
        !matches!(key.as_str(), "email" | "phone" | "companyName" | "additionalEmails" | "additionalPhones")
    });
    set(draft, "source", "formulaire vide");
}

/// Lives with someone who is already a client: one landline, or one address for the family.
fn household(draft: &mut Draft, supply: &mut Supply, earlier: &[Draft]) {
    let Some(other) = neighbour(supply, earlier) else { return };
    let shared = if supply.rng.random_bool(0.6) { "phone" } else { "email" };
    if let Some(value) = other.get(shared) {
        set(draft, shared, value.clone());
        set(draft, "lastName", other.get("lastName").cloned().unwrap_or_default());
    }
}

/// The same person entered twice.
fn duplicate(draft: &mut Draft, supply: &mut Supply, earlier: &[Draft]) {
    let Some(other) = neighbour(supply, earlier) else { return };
    for key in ["firstName", "lastName", "email"] {
        set(draft, key, other.get(key).cloned().unwrap_or_default());
    }
}

fn neighbour<'a>(supply: &mut Supply, earlier: &'a [Draft]) -> Option<&'a Draft> {
    let at = supply.rng.random_range(0..earlier.len().max(1));
    earlier.get(at)
}
