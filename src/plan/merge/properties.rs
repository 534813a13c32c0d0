//! What holds for every merge, whatever stands on the three sides.

use proptest::{prelude::*, sample::subsequence};
use serde_json::{Map, json};

use super::{
    Merge,
    cases::{LABEL, account, apply, merged},
};
use crate::{
    config::declared::Policy,
    contact::{Address, Birthday, Contact, Name},
    google::person::{ClientDataValue, Field, Item, Person},
    plan::{
        base::Base,
        canonical::{Part, keys_of},
        create::{create, member_of},
        desired::desired,
        stamp::{Origin, STAMP_KEY, Stamp},
        twin::is_surplus_twin,
    },
};

const SINGLE: [Part; 4] = [Part::Given, Part::Middle, Part::Family, Part::Birthday];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(words, 0..=words.len()).prop_map(|texts| texts.into_iter().map(str::to_owned).collect())
}

fn any_contact() -> impl Strategy<Value = Contact> {
    let name = (word(&["", "Anne", "Jean"]), word(&["", "M."]), word(&["", "Roy", "Côté"]));
    let company = (word(&["", "Acme", "ACME", "Beta"]), word(&["", "CEO", "CTO"]));
    let lists = (
        some(&["a@x.ca", "B@x.ca", "b@X.ca", "c@x.ca"]),
        some(&["+15145550123", "514 555-0123", "+14505550177", "12"]),
        some(&["https://a.ca", "https://b.ca"]),
    );
    let rest = (word(&["", "1 rue A", "2 rue B"]), word(&["", "CA", "Canada"]), proptest::option::of(1i8..4));
    (name, company, lists, rest).prop_map(
        |((given, middle, family), (company, title), (emails, phones, urls), rest)| {
            let (street, country_code, day) = rest;
            Contact {
                name: Name { given, middle, family },
                company,
                title,
                emails,
                phones,
                urls,
                address: Some(Address { street, country_code, ..Address::default() }),
                birthday: day.map(|day| Birthday { year: 1980, month: 5, day }),
                ..Contact::default()
            }
        },
    )
}

/// A person with one contact's values and the user's own marks on them.
fn any_person() -> impl Strategy<Value = Person> {
    (any_contact(), any_contact(), any::<[bool; 4]>()).prop_map(|(one, two, [marked, labelled, profile, both])| {
        let mut person = desired(&one, "CA").person();
        let two = desired(&two, "CA").person();
        if both {
            person.email_addresses.extend(two.email_addresses);
            person.organizations.extend(two.organizations);
            person.addresses.extend(two.addresses);
        }
        let mark: Map<_, _> = [("formattedType".to_owned(), json!("Home"))].into_iter().collect();
        for item in person.email_addresses.iter_mut().chain(&mut person.phone_numbers).filter(|_| marked) {
            item.value.kind = Some("home".into());
            item.rest.clone_from(&mark);
        }
        if profile {
            let foreign = json!({"value": "p@x.ca", "metadata": {"source": {"type": "PROFILE"}}});
            person.email_addresses.push(serde_json::from_value(foreign).unwrap());
        }
        if labelled {
            person.memberships.push(member_of(LABEL));
        }
        person
    })
}

fn entry(id: &str, released: bool, base: Base) -> Item<ClientDataValue> {
    let (contact, op) = ("c1".to_owned(), "op-1".to_owned());
    let stamp = Stamp { account: account(id), contact, origin: Origin::Adopted, op, released, base };
    ClientDataValue { key: STAMP_KEY.into(), value: stamp.encode() }.into()
}

/// Everything a merge looks at; the base is any part of what either side says.
#[derive(Clone, Debug)]
struct World {
    crm: Contact,
    person: Person,
    link_base: Option<Base>,
    policy: Policy,
    partial: bool,
}

prop_compose! {
    fn any_world()(
        crm in any_contact(),
        old in any_contact(),
        mut person in any_person(),
        in_base in any::<[bool; 64]>(),
        stamps in subsequence(vec!["other app", "home", "home", "gone", "other"], 0..=5).prop_shuffle(),
        linked in any::<bool>(),
        policy in proptest::sample::select(&[Policy::Merge, Policy::Overwrite, Policy::Link]),
        partial in any::<bool>(),
    ) -> World {
        let known = [desired(&crm, "CA").keys(), desired(&old, "CA").keys(), keys_of(&person, "CA")].concat();
        let base: Base = known.into_iter().zip(in_base.into_iter().cycle()).filter(|(_, is)| *is).map(|(k, _)| k).collect();
        for stamp in stamps {
            person.client_data.push(match stamp {
                "other app" => ClientDataValue { key: "app".into(), value: "1".into() }.into(),
                "gone" => entry("home", true, base.clone()),
                id => entry(id, false, base.clone()),
            });
        }
        World { crm, person, link_base: linked.then_some(base), policy, partial }
    }
}

impl World {
    /// Merges and applies; the person after, and the base that counted before.
    fn step(&self) -> (Person, Base, bool) {
        let (wanted, home) = (desired(&self.crm, "CA"), account("home"));
        let input = Merge {
            desired: &wanted,
            person: &self.person,
            link_base: self.link_base.as_ref(),
            policy: self.policy,
            account: &home,
            contact: "c1",
            origin: Origin::Adopted,
            op: "op-2",
            label: LABEL,
            had_label: false,
            partial: self.partial,
        };
        let (let_go, held): (Vec<_>, Vec<_>) =
            crate::plan::stamp::stamp_for(&self.person, &home, "c1").into_iter().partition(|s| s.released);
        let base_of = |stamps: Vec<crate::plan::stamp::Stamp>| stamps.into_iter().next().map(|s| s.base);
        let base = base_of(held).or(self.link_base.clone()).or(base_of(let_go)).unwrap_or_default();
        let merged = merged(&input);
        let Some(change) = merged.change else { return (self.person.clone(), base, false) };
        let after = apply(&self.person, &change);
        assert_eq!(Person { etag: self.person.etag.clone(), ..after.clone() }, change.applied_to(&self.person));
        (after, base, true)
    }
}

proptest! {
    #[test]
    fn merging_twice_writes_once(world in any_world()) {
        let (person, base, _) = world.step();
        let link_base = world.link_base.as_ref().map(|_| base);
        let (_, _, wrote) = World { person, link_base, ..world }.step();
        prop_assert!(!wrote);
    }

    #[test]
    fn no_value_that_we_did_not_write_disappears(world in any_world()) {
        let (after, base, _) = world.step();
        let there = keys_of(&after, "CA");
        for (part, key) in keys_of(&world.person, "CA") {
            let may_go = base.has(part, &key) || (world.policy == Policy::Overwrite && SINGLE.contains(&part));
            prop_assert!(may_go || there.contains(&(part, key.clone())), "{part:?} {key}");
        }
    }

    #[test]
    fn link_policy_changes_no_value(world in any_world()) {
        let world = World { policy: Policy::Link, ..world };
        prop_assert_eq!(keys_of(&world.step().0, "CA"), keys_of(&world.person, "CA"));
    }

    #[test]
    fn entries_of_others_in_client_data_stay_as_they_are(world in any_world()) {
        let others = |person: &Person| {
            let ours = |i: &Item<ClientDataValue>| Stamp::decode(&i.value.value).is_some_and(|s| s.account == account("home"));
            person.client_data.iter().filter(|i| !ours(i)).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(others(&world.step().0), others(&world.person));
    }

    #[test]
    fn the_rest_of_an_entry_stays(world in any_world()) {
        let (after, ..) = world.step();
        for item in &after.email_addresses {
            let before = world.person.email_addresses.iter().find(|i| i.value.value == item.value.value);
            prop_assert!(before.is_none_or(|before| before.value == item.value));
        }
    }

    #[test]
    fn what_was_created_needs_no_merge_and_is_a_surplus_twin_until_touched(crm in any_contact(), field in 0..Field::ALL.len()) {
        let (wanted, home) = (desired(&crm, "CA"), account("home"));
        let (mut person, base) = create(&wanted, &home, "c1", "op-1", LABEL);
        let world = World { crm, person: person.clone(), link_base: Some(base), policy: Policy::Merge, partial: false };
        prop_assert!(!world.step().2);
        prop_assert!(is_surplus_twin(&person, &home, "c1", LABEL));
        touch(&mut person, Field::ALL[field]);
        prop_assert!(!is_surplus_twin(&person, &home, "c1", LABEL));
    }

    #[test]
    fn the_digest_knows_content_only(mut crm in any_contact(), other in any_contact()) {
        let digest = desired(&crm, "CA").digest();
        prop_assert_eq!(digest == desired(&other, "CA").digest(), content(&crm) == content(&other));
        crm.emails.reverse();
        crm.phones.reverse();
        crm.emails = crm.emails.iter().map(|e| e.to_uppercase()).collect();
        crm.phones = crm.phones.iter().map(|p| p.replace("+15145550123", "(514) 555.0123")).collect();
        prop_assert_eq!(digest, desired(&crm, "CA").digest());
    }
}

fn content(contact: &Contact) -> std::collections::BTreeSet<(Part, String)> {
    desired(contact, "CA").keys().into_iter().collect()
}

/// The smallest thing that a user could do in a field.
fn touch(person: &mut Person, field: Field) {
    let value = match field {
        Field::Names => json!([{"givenName": "Zoé"}]),
        Field::EmailAddresses | Field::PhoneNumbers | Field::Urls => json!([{"value": "added"}]),
        Field::Addresses => json!([{"streetAddress": "added"}]),
        Field::Organizations => json!([{"name": "added"}]),
        Field::Birthdays => json!([{"date": {"year": 1, "month": 1, "day": 1}}]),
        Field::Memberships => json!([{"contactGroupMembership": {"contactGroupResourceName": "contactGroups/amis"}}]),
        Field::ClientData => json!([{"key": "app", "value": "1"}]),
    };
    let mut whole = serde_json::to_value(&*person).unwrap();
    let list = whole.as_object_mut().unwrap().entry(field.mask()).or_insert_with(|| json!([]));
    list.as_array_mut().unwrap().extend(value.as_array().unwrap().clone());
    *person = serde_json::from_value(whole).unwrap();
}
