//! Identifiers: what may point from a CRM contact to Google persons. Hashed only so that keys are short and equal in
//! form; the hash of a phone number can be guessed back, so it is personal data like the number.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    contact::{Contact, email_key, phone_identity, phone_key},
    google::person::{Item, Person, TextValue},
};

use super::names::{Called, is_contacts_own};

/// What kind of thing identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A valid phone number without extension.
    Phone,
    /// A full name of at least two words; suggests, never decides.
    Name,
}

/// One identifier; displays as `e:`, `p:` or `n:` and 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    kind: Kind,
    hash: [u8; 8],
    role_address: bool,
}

impl Identifier {
    /// Of an e-mail address; `None` for text that is none.
    pub fn email(text: &str) -> Option<Self> {
        let address = email_key(text);
        let (local, domain) = address.rsplit_once('@')?;
        let role_address = is_role(local);
        (!local.is_empty() && !domain.is_empty()).then(|| Self { role_address, ..Self::of(Kind::Email, &address) })
    }

    /// Of a phone number; `None` for an invalid one and for one with an extension.
    pub fn phone(text: &str, region: &str) -> Option<Self> {
        phone_identity(text, region).map(|e164| Self::of(Kind::Phone, &e164))
    }

    fn name(called: &Called) -> Option<Self> {
        let words = called.sorted();
        (words.len() >= 2).then(|| Self::of(Kind::Name, &words.join(" ")))
    }

    fn of(kind: Kind, key: &str) -> Self {
        let mut hash = [0; 8];
        hash.copy_from_slice(&Sha256::digest(key)[..8]);
        Self { kind, hash, role_address: false }
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is an address of a function, not of a person: `info@`, `bureau@`.
    pub fn is_role_address(&self) -> bool {
        self.role_address
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Email => 'e',
            Kind::Phone => 'p',
            Kind::Name => 'n',
        };
        write!(f, "{kind}:{}", hex::encode(self.hash))
    }
}

/// Everything that identifies a CRM contact, sorted, without repeats.
///
/// `region` is the CRM account's (ISO 3166-1 alpha-2), for numbers without a country code.
pub fn identifiers_of_contact(contact: &Contact, region: &str) -> Vec<Identifier> {
    let emails = contact.emails.iter().filter_map(|e| Identifier::email(e));
    let phones = contact.phones.iter().filter_map(|p| Identifier::phone(p, region));
    sorted(emails.chain(phones).chain(Identifier::name(&Called::in_crm(contact))))
}

/// Everything that identifies a Google person, sorted, without repeats. What comes from the person's own Google profile
/// does not count: the owner of the account cannot see or change it as part of the contact.
pub fn identifiers_of_person(person: &Person, region: &str) -> Vec<Identifier> {
    let emails = person.email_addresses.iter().filter(|e| is_contacts_own(e));
    let emails = emails.filter_map(|e| Identifier::email(&e.value.value));
    let phones = person.phone_numbers.iter().filter(|p| is_contacts_own(p));
    let phones = phones.filter_map(|p| phone_of_person(p, region));
    sorted(emails.chain(phones).chain(Identifier::name(&Called::in_google(person))))
}

/// Google's own reading of the number, which knows the account's country, goes before ours.
fn phone_of_person(item: &Item<TextValue>, region: &str) -> Option<Identifier> {
    let typed = &item.value.value;
    // It may leave an extension out, and then a switchboard would identify.
    if phone_key(typed, region).contains(";ext=") {
        return None;
    }
    let canonical = item.rest.get("canonicalForm").and_then(Value::as_str);
    Identifier::phone(canonical.unwrap_or(typed), region)
}

fn sorted(identifiers: impl Iterator<Item = Identifier>) -> Vec<Identifier> {
    identifiers.collect::<BTreeSet<_>>().into_iter().collect()
}

fn is_role(local: &str) -> bool {
    const ROLES: [&str; 29] = [
        "accueil",
        "accounting",
        "achats",
        "admin",
        "administration",
        "billing",
        "bonjour",
        "bureau",
        "commandes",
        "comptabilite",
        "contact",
        "courrier",
        "direction",
        "facturation",
        "hello",
        "help",
        "hr",
        "info",
        "infos",
        "jobs",
        "mail",
        "marketing",
        "office",
        "reception",
        "rh",
        "sales",
        "service",
        "support",
        "ventes",
    ];
    // info+montreal@ is still info@.
    let local = local.split('+').next().unwrap_or_default();
    ROLES.contains(&local)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contact::Name;

    fn shown(identifiers: &[Identifier]) -> Vec<String> {
        identifiers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_sides_get_the_same_identifiers_from_different_writings() {
        let contact = Contact {
            name: Name { given: "Hélène".into(), family: "Bélanger".into(), ..Name::default() },
            emails: vec!["Helene@Example.com".into()],
            phones: vec!["+15145550123".into()],
            ..Contact::default()
        };
        let person: Person = serde_json::from_value(json!({
            "names": [{ "givenName": "BELANGER", "familyName": "Helene" }],
            "emailAddresses": [{ "value": "helene@example.com " }, { "value": "HELENE@example.com" }],
            "phoneNumbers": [{ "value": "(514) 555-0123" }],
        }))
        .unwrap();
        let identifiers = identifiers_of_contact(&contact, "CA");
        assert_eq!(identifiers, identifiers_of_person(&person, "CA"));
        let kinds: Vec<_> = identifiers.iter().map(Identifier::kind).collect();
        assert_eq!(kinds, [Kind::Email, Kind::Phone, Kind::Name]);
    }

    #[test]
    fn an_identifier_shows_its_kind_and_sixteen_hex_digits() {
        // printf %s +15145550123 | sha256sum
        let phone = Identifier::phone("514 555-0123", "CA").unwrap();
        assert_eq!(phone.to_string(), "p:06eb244cc4f54a91");
    }

    #[test]
    fn what_identifies_nobody_is_left_out() {
        let contact = Contact {
            name: Name { given: "Cher".into(), ..Name::default() },
            emails: vec!["call me".into(), "@example.com".into(), String::new()],
            phones: vec!["+178655689546".into(), "+15143984455;ext=12".into(), "911".into()],
            ..Contact::default()
        };
        assert_eq!(shown(&identifiers_of_contact(&contact, "CA")), [""; 0]);
    }

    #[test]
    fn googles_reading_of_a_number_wins_but_an_extension_stays_a_switchboard() {
        let of = |value: serde_json::Value| {
            identifiers_of_person(&serde_json::from_value(json!({ "phoneNumbers": [value] })).unwrap(), "CA")
        };
        let paris = Identifier::phone("+33142685300", "CA").unwrap();
        assert_eq!(of(json!({ "value": "01 42 68 53 00", "canonicalForm": "+33142685300" })), [paris]);
        assert_eq!(of(json!({ "value": "514-398-4455 x12", "canonicalForm": "+15143984455" })), []);
    }

    #[test]
    fn entries_of_the_persons_profile_do_not_identify() {
        let profile = json!({ "source": { "type": "PROFILE" } });
        let person = json!({ "emailAddresses": [{ "value": "a@example.com", "metadata": profile }] });
        assert_eq!(identifiers_of_person(&serde_json::from_value(person).unwrap(), "CA"), []);
    }

    #[test]
    fn addresses_of_a_function_are_told_from_those_of_a_person() {
        for (address, role) in [
            ("info@example.com", true),
            ("Bureau@example.com", true),
            ("ventes+qc@example.com", true),
            ("infographe@example.com", false),
            ("jean.info@example.com", false),
            ("jean+info@example.com", false),
        ] {
            assert_eq!(Identifier::email(address).unwrap().is_role_address(), role, "{address}");
        }
    }
}
