//! Identifiers: what may point from a CRM contact to Google persons. Hashed only so that keys are short and equal in
//! form; the hash of a phone number can be guessed back, so it is personal data like the number.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    contact::{Contact, email_key, phone_identity, phone_key},
    google::person::{Item, Person, TextValue},
};

mod impersonal;

use super::names::{Called, is_contacts_own};

/// What kind of thing identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A valid phone number without extension.
    Phone,
    /// A writing of a full name of at least two words; suggests, never decides.
    Name,
}

/// One identifier; displays as `e:`, `p:` or `n:` and 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    kind: Kind,
    hash: [u8; 8],
    impersonal: bool,
}

impl Identifier {
    /// Of an e-mail address; `None` for text that is none.
    pub fn email(text: &str) -> Option<Self> {
        let address = email_key(text);
        let (local, domain) = address.rsplit_once('@')?;
        let (mailbox, domain) = mailbox(local, domain);
        let impersonal = impersonal::is_shared_mailbox(local);
        let of = |address: String| Self { impersonal, ..Self::of(Kind::Email, &address) };
        (!mailbox.is_empty() && !domain.is_empty()).then(|| of(format!("{mailbox}@{domain}")))
    }

    /// Of a phone number; `None` for an invalid one and for one with an extension.
    pub fn phone(text: &str, region: &str) -> Option<Self> {
        let e164 = phone_identity(text, region)?;
        Some(Self { impersonal: impersonal::is_business_line(&e164), ..Self::of(Kind::Phone, &e164) })
    }

    /// Of every writing of a full name.
    fn names(called: &Called) -> impl Iterator<Item = Self> {
        called.keys().into_iter().map(|key| Self::of(Kind::Name, &key))
    }

    fn of(kind: Kind, key: &str) -> Self {
        let mut hash = [0; 8];
        hash.copy_from_slice(&Sha256::digest(key)[..8]);
        Self { kind, hash, impersonal: false }
    }

    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is an office's or a household's by the look of it, not a person's: `info@`, `famille.roy@`, 1-800.
    pub fn is_impersonal(&self) -> bool {
        self.impersonal
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
    sorted(emails.chain(phones).chain(Identifier::names(&Called::in_crm(contact))))
}

/// Everything that identifies a Google person, sorted, without repeats. What comes from the person's own Google profile
/// does not count: the owner of the account cannot see or change it as part of the contact.
pub fn identifiers_of_person(person: &Person, region: &str) -> Vec<Identifier> {
    let emails = person.email_addresses.iter().filter(|e| is_contacts_own(e));
    let emails = emails.filter_map(|e| Identifier::email(&e.value.value));
    let phones = person.phone_numbers.iter().filter(|p| is_contacts_own(p));
    let phones = phones.filter_map(|p| phone_of_person(p, region));
    sorted(emails.chain(phones).chain(Identifier::names(&Called::in_google(person))))
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

/// Gmail delivers j.roy+crm@ to jroy@: one mailbox, however it is written.
fn mailbox<'a>(local: &str, domain: &'a str) -> (String, &'a str) {
    match domain {
        "gmail.com" | "googlemail.com" => (local.split('+').next().unwrap_or_default().replace('.', ""), "gmail.com"),
        _ => (local.to_owned(), domain),
    }
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
    fn a_gmail_address_is_one_mailbox_in_all_its_writings() {
        let jean = Identifier::email("jean.roy@gmail.com");
        for writing in ["JeanRoy@gmail.com", "j.e.a.n.roy+crm@gmail.com", "jeanroy@googlemail.com"] {
            assert_eq!(Identifier::email(writing), jean, "{writing}");
        }
        assert_ne!(Identifier::email("jean.roy@exemple.ca"), Identifier::email("jeanroy@exemple.ca"));
        assert_ne!(Identifier::email("jean+a@exemple.ca"), Identifier::email("jean+b@exemple.ca"));
        assert_eq!(Identifier::email("+tag@gmail.com"), None, "nobody's mailbox");
    }

    #[test]
    fn a_full_name_identifies_in_every_writing() {
        let of = |given: &str, family: &str| {
            let name = Name { given: given.into(), family: family.into(), ..Name::default() };
            identifiers_of_contact(&Contact { name, ..Contact::default() }, "CA")
        };
        let meet = |a: &[Identifier], b: &[Identifier]| a.iter().any(|i| b.contains(i));
        for (a, b) in [
            (("Robert", "Smith"), ("SMITH", "Bob")),
            (("Robert", "Smith"), ("Robert J.", "Smith")),
            (("Robert James", "Smith"), ("Robert", "Smith")),
            (("Julie", "Tremblay-Gagnon"), ("Julie", "Gagnon")),
            (("Julie Tremblay Gagnon", ""), ("Julie", "Tremblay")),
            (("Marc", "Van der Berg"), ("Marc", "Vanderberg")),
            (("Luc", "de la Fontaine"), ("Luc", "Fontaine")),
            (("Anne", "St-Pierre"), ("Anne", "Saint Pierre")),
        ] {
            assert!(meet(&of(a.0, a.1), &of(b.0, b.1)), "{a:?} {b:?}");
        }
        for (a, b) in [
            (("Jean-François", "Roy"), ("Jean", "Roy")),
            (("Alexandre", "Roy"), ("Alexandra", "Roy")),
            (("Luc", "de la Fontaine"), ("Luc", "de la Rue")),
            (("Luc", "St-Pierre"), ("Luc", "St-Jean")),
        ] {
            assert!(!meet(&of(a.0, a.1), &of(b.0, b.1)), "{a:?} {b:?}");
        }
        assert_eq!(
            of("Robert Bob Alex Sam Steph", "Roy").len(),
            8,
            "a name that is none takes no more room than others"
        );
    }

    #[test]
    fn a_company_without_a_person_identifies_by_its_name() {
        let company = Contact { company: "Toitures Roy inc.".into(), ..Contact::default() };
        let person: Person =
            serde_json::from_value(json!({ "names": [{ "givenName": "Toitures", "familyName": "Roy" }] })).unwrap();
        assert_eq!(identifiers_of_contact(&company, "CA"), identifiers_of_person(&person, "CA"));
    }
}
