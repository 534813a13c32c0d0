//! What a CRM contact looks like in Google: the mapped values, cleaned to what Google accepts. No name, nothing invented.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::canonical::{Part, country, keys_of, name_key, organization_key};
use crate::{
    contact::{Address, Birthday, Contact, clean, email_key, phone, phone_key, text_key},
    google::person::{AddressValue, BirthdayValue, DateValue, Item, NameValue, OrganizationValue, Person, TextValue},
};

/// Characters that Google takes in one value.
const LIMIT: usize = 1024;

/// The values that a CRM contact should have in Google. Empty: the CRM says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// First name(s).
    pub given: String,
    /// Middle name(s).
    pub middle: String,
    /// Family name(s).
    pub family: String,
    /// Company and title, one of which may be empty.
    pub organization: Option<(String, String)>,
    /// E-mail addresses, the CRM's primary first, no two the same.
    pub emails: Vec<String>,
    /// Phone numbers, likewise.
    pub phones: Vec<String>,
    /// Postal address; its country code is empty or two upper-case letters.
    pub address: Option<Address>,
    /// Web sites.
    pub urls: Vec<String>,
    /// Birthday.
    pub birthday: Option<Birthday>,
    /// ISO 3166-1 alpha-2; reads phone numbers without a `+`, in Google as well.
    pub region: String,
}

/// Maps a CRM contact. `region` is that of its CRM account (`"CA"`).
pub fn desired(contact: &Contact, region: &str) -> Desired {
    let (company, title) = (fit(&contact.company), fit(&contact.title));
    // E.164 reads the same in every region, so a later change of the account's region disturbs nothing that we wrote.
    let phones: Vec<String> = contact.phones.iter().map(|text| phone(text, region)).collect();
    Desired {
        given: fit(&contact.name.given),
        middle: fit(&contact.name.middle),
        family: fit(&contact.name.family),
        organization: (!company.is_empty() || !title.is_empty()).then_some((company, title)),
        emails: distinct(&contact.emails, email_key),
        phones: distinct(&phones, |phone| phone_key(phone, region)),
        address: contact.address.as_ref().map(fit_address).filter(|a| *a != Address::default()),
        urls: distinct(&contact.urls, text_key),
        birthday: contact.birthday,
        region: region.to_owned(),
    }
}

impl Desired {
    /// 32 hex digits that are the same exactly when the content is: not of the order of entries, the case of an e-mail
    /// or the format of a phone number.
    pub fn digest(&self) -> String {
        let keys: BTreeSet<(Part, String)> = self.keys().into_iter().collect();
        let mut hash = Sha256::new();
        for (part, key) in keys {
            hash.update([part.letter() as u8]);
            hash.update(key.as_bytes());
            // No canonical form holds a control character but the line end.
            hash.update([0]);
        }
        let mut digest = hex::encode(hash.finalize());
        digest.truncate(32);
        digest
    }

    /// Its canonical values.
    pub fn keys(&self) -> Vec<(Part, String)> {
        keys_of(&self.person(), &self.region)
    }

    /// The canonical forms of the name parts, as Google's are compared with them.
    pub fn name_keys(&self) -> [(Part, String); 3] {
        [(Part::Given, &self.given), (Part::Middle, &self.middle), (Part::Family, &self.family)]
            .map(|(part, text)| (part, name_key(text)))
    }

    /// The canonical form of company and title; empty without them.
    pub fn organization_key(&self) -> String {
        self.organization.as_ref().map(|(name, title)| organization_key(name, title)).unwrap_or_default()
    }

    /// A person with these values and nothing else: no label, no stamp.
    pub fn person(&self) -> Person {
        let name = NameValue {
            given_name: self.given.clone(),
            middle_name: self.middle.clone(),
            family_name: self.family.clone(),
        };
        Person {
            names: if name == NameValue::default() { Vec::new() } else { vec![name.into()] },
            email_addresses: texts(&self.emails),
            phone_numbers: texts(&self.phones),
            addresses: self.address.iter().map(address).collect(),
            organizations: self.organization.iter().map(organization).collect(),
            birthdays: self.birthday.iter().map(birthday).collect(),
            urls: texts(&self.urls),
            ..Person::default()
        }
    }
}

fn texts(texts: &[String]) -> Vec<Item<TextValue>> {
    texts.iter().map(|text| TextValue { value: text.clone(), kind: None }.into()).collect()
}

fn address(a: &Address) -> Item<AddressValue> {
    let Address { street, city, region, postal_code, country_code } = a.clone();
    AddressValue { street_address: street, city, region, postal_code, country_code, kind: None }.into()
}

fn organization((name, title): &(String, String)) -> Item<OrganizationValue> {
    OrganizationValue { name: name.clone(), title: title.clone(), kind: None }.into()
}

fn birthday(b: &Birthday) -> Item<BirthdayValue> {
    BirthdayValue { date: Some(DateValue { year: b.year, month: b.month, day: b.day }) }.into()
}

fn fit_address(a: &Address) -> Address {
    Address {
        street: fit(&a.street),
        city: fit(&a.city),
        region: fit(&a.region),
        postal_code: fit(&a.postal_code),
        // Google refuses the whole contact for a code that it does not know.
        country_code: country(&a.country_code).unwrap_or_default(),
    }
}

/// Cleaned, and cut to Google's limit, counted in characters.
fn fit(text: &str) -> String {
    let text = clean(text);
    if text.chars().count() <= LIMIT {
        return text;
    }
    text.chars().take(LIMIT - 1).chain(['…']).collect()
}

/// Without empty ones and repeats; the first spelling stays.
fn distinct(texts: &[String], key: impl Fn(&str) -> String) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let fitted = texts.iter().map(|text| fit(text));
    fitted.filter(|text| Some(key(text)).is_some_and(|key| !key.is_empty() && seen.insert(key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Name;

    #[test]
    fn a_contact_without_a_name_gets_none() {
        let contact = Contact { emails: vec!["anne@example.com".into()], ..Contact::default() };
        assert!(desired(&contact, "CA").person().names.is_empty());
    }

    #[test]
    fn values_are_cleaned_cut_and_distinct() {
        let contact = Contact {
            name: Name { given: "é".repeat(2000), family: "null".into(), middle: " M. ".into() },
            emails: vec!["A@x.ca".into(), String::new(), "a@X.ca".into()],
            phones: vec!["+15145550123".into(), "514 555-0123".into(), "call me".into()],
            address: Some(Address { country_code: "Canada".into(), ..Address::default() }),
            ..Contact::default()
        };
        let found = desired(&contact, "CA");
        assert_eq!(found.given.chars().count(), LIMIT);
        assert!(found.given.ends_with('…'));
        assert_eq!((found.family.as_str(), found.middle.as_str()), ("", "M."));
        assert_eq!(found.emails, ["A@x.ca"]);
        assert_eq!(found.phones, ["+15145550123", "call me"]);
        assert_eq!(found.address, None, "a country that is no code is left out, and nothing else was there");
    }
}
