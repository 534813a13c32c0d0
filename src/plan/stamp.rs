//! The stamp: what we write into a Google contact's `clientData` to know it again. Links and bases can be rebuilt from it.
//!
//! `1;created;highlevel:LOCATION/CONTACT;OPERATION;held;HASHES`, everything in it ASCII, foreign characters as `%XX`.

use serde::{Deserialize, Serialize};

use super::{
    base::{Base, ValueHash},
    canonical::{Part, is_contacts_own},
};
use crate::{
    contact::AccountKey,
    google::person::{ClientDataValue, Item, Person},
};

/// The key of our entries in `clientData`. Keys may repeat: there is one entry for each CRM contact.
pub const STAMP_KEY: &str = "carnet";

/// Characters that one `clientData` value may have.
pub const STAMP_LIMIT: usize = 1012;
const FORMAT: &str = "1";

/// How a Google contact came to be managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// We created it; only such a contact may ever be deleted.
    Created,
    /// It was there before.
    Adopted,
}

/// One CRM contact's mark in a Google contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The CRM account.
    pub account: AccountKey,
    /// The CRM's contact id.
    pub contact: String,
    /// How it came to be managed.
    pub origin: Origin,
    /// Id of the operation that last wrote values.
    pub op: String,
    /// We have let go; the entry stays because Google does not reliably forget one.
    pub released: bool,
    /// Hashes of the values that we wrote.
    pub base: Base,
}

impl Stamp {
    /// As a `clientData` value of at most 1,012 characters. Hashes that find no room are left out, the least important
    /// ones first: what they stood for then counts as the user's and is never taken away.
    ///
    /// Ids of more than about 900 characters leave no room for themselves; Google refuses such a contact.
    pub fn encode(&self) -> String {
        let origin = if self.origin == Origin::Created { "created" } else { "adopted" };
        let state = if self.released { "released" } else { "held" };
        let AccountKey { vendor, id } = &self.account;
        let [vendor, id, contact, op] = [vendor, id, &self.contact, &self.op].map(|text| escaped(text));
        let mut text = format!("{FORMAT};{origin};{vendor}:{id}/{contact};{op};{state};");
        let room = STAMP_LIMIT.saturating_sub(text.len()) / ValueHash::LENGTH;
        text.extend(self.base.by_importance().take(room).map(ValueHash::as_str));
        text
    }

    /// Reads a `clientData` value; `None` when it is no stamp. Damaged hashes are passed over: the contact stays known.
    pub fn decode(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let mut next = || parts.next();
        let (format, origin, identity, op, state, hashes) = (next()?, next()?, next()?, next()?, next()?, next()?);
        let origin = match (format, origin) {
            (FORMAT, "created") => Origin::Created,
            (FORMAT, "adopted") => Origin::Adopted,
            _ => return None,
        };
        let (account, contact) = identity.split_once('/')?;
        let (vendor, id) = account.split_once(':')?;
        let released = match state {
            "held" => false,
            "released" => true,
            _ => return None,
        };
        Some(Self {
            account: AccountKey { vendor: unescaped(vendor)?, id: unescaped(id)? },
            contact: unescaped(contact)?,
            origin,
            op: unescaped(op)?,
            released,
            base: hashes_in(hashes),
        })
    }

    fn is_of(&self, account: &AccountKey, contact: &str) -> bool {
        self.account == *account && self.contact == contact
    }
}

/// Every stamp of ours in a person, released ones too, in the order of its `clientData`.
pub fn stamps_of(person: &Person) -> Vec<Stamp> {
    own_entries(person).filter_map(read).collect()
}

/// Whether a person, or what of it was written down as JSON, bears a stamp of ours.
pub fn is_stamped(json: &str) -> bool {
    serde_json::from_str::<Person>(json).is_ok_and(|person| !stamps_of(&person).is_empty())
}

/// The stamp of one CRM contact in a person: an unreleased one if there is any.
///
/// Google's *Merge & fix* can leave two entries for one CRM contact in a person; their bases count together.
pub fn stamp_for(person: &Person, account: &AccountKey, contact: &str) -> Option<Stamp> {
    let (released, held): (Vec<_>, Vec<_>) =
        stamps_of(person).into_iter().filter(|s| s.is_of(account, contact)).partition(|s| s.released);
    let mut held = held.into_iter();
    let Some(mut stamp) = held.next() else { return released.into_iter().next() };
    for twin in held {
        stamp.base.extend(twin.base);
    }
    Some(stamp)
}

/// What the listing's index calls an unreleased stamp of this CRM contact.
pub fn stamp_mark(account: &AccountKey, contact: &str) -> String {
    format!("s:{account}/{contact}")
}

/// Whether this CRM contact's stamp is, or would be, the first unreleased one: the first owns single-valued fields.
pub fn comes_first(person: &Person, account: &AccountKey, contact: &str) -> bool {
    let first = stamps_of(person).into_iter().find(|s| !s.released || s.is_of(account, contact));
    first.is_none_or(|s| s.is_of(account, contact))
}

/// Whether another CRM contact, too, gave this person the label.
pub fn is_given_by_others(person: &Person, account: &AccountKey, contact: &str, label: &str) -> bool {
    let mut others = stamps_of(person).into_iter().filter(|s| !s.released && !s.is_of(account, contact));
    others.any(|s| s.base.has(Part::Label, label))
}

/// The whole `clientData` list with this stamp in the place of its CRM contact's entry; every other entry as it was.
pub fn stamped(person: &Person, stamp: &Stamp) -> Vec<Item<ClientDataValue>> {
    let mut entry = Some(ClientDataValue { key: STAMP_KEY.to_owned(), value: stamp.encode() });
    let mut list = Vec::new();
    for item in own_entries(person) {
        if read(item).is_some_and(|s| s.is_of(&stamp.account, &stamp.contact)) {
            // A second entry of the same CRM contact goes; its base is in the first now.
            list.extend(entry.take().map(|value| Item { value, metadata: None, rest: item.rest.clone() }));
        } else {
            list.push(Item { metadata: None, ..item.clone() });
        }
    }
    list.extend(entry.map(Item::from));
    list
}

fn own_entries(person: &Person) -> impl Iterator<Item = &Item<ClientDataValue>> {
    person.client_data.iter().filter(|item| is_contacts_own(item))
}

fn read(item: &Item<ClientDataValue>) -> Option<Stamp> {
    if item.value.key == STAMP_KEY { Stamp::decode(&item.value.value) } else { None }
}

fn hashes_in(text: &str) -> Base {
    let chunks = text.as_bytes().chunks(ValueHash::LENGTH);
    chunks.filter_map(|c| ValueHash::try_from(String::from_utf8(c.to_vec()).ok()?).ok()).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'%' | b':' | b'/' | b';') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            bytes.push(*hex::decode(pair).ok()?.first()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::canonical::Part;

    fn stamp(id: &str, contact: &str, base: Base) -> Stamp {
        let account = AccountKey { vendor: "highlevel".into(), id: id.into() };
        Stamp { account, contact: contact.into(), origin: Origin::Created, op: "op1".into(), released: false, base }
    }

    #[test]
    fn a_stamp_reads_as_text_and_never_changes_its_format() {
        let base = Base::from_iter([(Part::Given, "Anne".to_owned())]);
        assert_eq!(stamp("loc", "c/1", base).encode(), "1;created;highlevel:loc/c%2F1;op1;held;gS7b7K");
    }

    #[test]
    fn a_full_stamp_forgets_the_least_important_hashes() {
        let many = |part| (0..120).map(move |n| (part, n.to_string()));
        let full: Base = many(Part::Url).chain(many(Part::Phone)).chain([(Part::Given, "Anne".to_owned())]).collect();
        let text = stamp("loc", "c1", full).encode();
        let read = Stamp::decode(&text).unwrap().base;
        assert!(text.chars().count() <= STAMP_LIMIT && text.chars().count() > STAMP_LIMIT - ValueHash::LENGTH);
        assert!(read.has(Part::Given, "Anne"));
        assert!(many(Part::Phone).all(|(part, key)| read.has(part, &key)));
        assert!(!many(Part::Url).all(|(part, key)| read.has(part, &key)));
    }

    #[test]
    fn two_entries_of_one_crm_contact_become_one_and_the_others_stay() {
        let entry = |stamp: &Stamp| Item::from(ClientDataValue { key: STAMP_KEY.into(), value: stamp.encode() });
        let (one, two) =
            (Base::from_iter([(Part::Given, "A".to_owned())]), Base::from_iter([(Part::Url, "b".to_owned())]));
        let (first, second, other) = (stamp("a", "1", one), stamp("a", "1", two), stamp("b", "1", Base::default()));
        let mut person =
            Person { client_data: vec![entry(&first), entry(&other), entry(&second)], ..Person::default() };
        let joined = stamp_for(&person, &first.account, "1").unwrap();
        assert!(joined.base.has(Part::Given, "A") && joined.base.has(Part::Url, "b"));
        person.client_data = stamped(&person, &joined);
        assert_eq!(stamps_of(&person), [joined, other]);
    }

    proptest! {
        #[test]
        fn stamps_read_back_whatever_the_ids_hold(vendor in ".{0,9}", id in ".{0,9}", contact in ".{0,9}", op in ".{0,9}", released: bool) {
            let account = AccountKey { vendor, id };
            let base = Base::from_iter([(Part::Email, "a@b".to_owned()), (Part::Address, "x".to_owned())]);
            let stamp = Stamp { account, contact, origin: Origin::Adopted, op, released, base };
            prop_assert_eq!(Stamp::decode(&stamp.encode()), Some(stamp));
        }

        #[test]
        fn garbage_is_no_stamp_and_does_no_harm(text in ".*", tail in "[;:/%a-z0-9é]{0,40}", cut in 0usize..60) {
            prop_assert_eq!(Stamp::decode(&text), None);
            let whole = stamp("l%é", "c", Base::from_iter([(Part::Url, "u".to_owned())])).encode();
            let head: String = whole.chars().take(cut).collect();
            if let Some(read) = Stamp::decode(&format!("{head}{tail}")) {
                prop_assert!(read.encode().len() <= STAMP_LIMIT);
            }
        }
    }
}
