//! What holds for every merge, whatever stands on the three sides.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::subsequence};
use serde_json::{Map, json};

use super::{
    Merge,
    cases::{LABEL, account, apply, merged, wanted_by},
};
use crate::{
    config::{declared::Policy, mapping::Mapping},
    contact::{Address, Birthday, Contact, Name, Unread, text_key},
    google::person::{ClientDataValue, Field, Item, Person},
    plan::{
        base::Base,
        canonical::{Part, keys_of},
        create::{create, member_of},
        desired::Desired,
        stamp::{Origin, STAMP_KEY, Stamp, stamp_for},
        twin::is_surplus_twin,
    },
};

const SINGLE: [Part; 5] = [Part::Given, Part::Middle, Part::Family, Part::Birthday, Part::Custom];
const MAPS: [&str; 3] = [
    "",
    "name = '{first} {last} – {company}'\nlink = true\ndnd = 'suffix: (non)'\n[fields]\nNoces = 'event:anniversary'",
    "note = \"Courtier : {owner}\\n{custom:Budget}\"\nphone_type = 'mobile'\ntags = 'labels'\ndnd = 'label:Non'\n\
     owner = 'custom:Courtier'\n[fields]\nBudget = 'custom:Budget'\nConjoint = 'relation:spouse'\nSurnom = 'nickname'\nFax = 'phone:workFax'",
];

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(words).prop_map(str::to_owned)
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(words, 0..=words.len()).prop_map(|texts| texts.into_iter().map(str::to_owned).collect())
}

fn any_map() -> impl Strategy<Value = Mapping> {
    proptest::sample::select(&MAPS[..]).prop_map(|text| toml::from_str(text).unwrap())
}

fn any_contact() -> impl Strategy<Value = Contact> {
    let name = (word(&["", "Anne", "Jean"]), word(&["", "M."]), word(&["", "Roy", "Côté"]));
    let company = (word(&["", "Acme", "ACME", "Beta"]), word(&["", "CEO", "CTO"]));
    let lists = (
        some(&["a@x.ca", "B@x.ca", "b@X.ca", "c@x.ca"]),
        some(&["+15145550123", "514 555-0123", "+14505550177", "12"]),
        some(&["https://a.ca", "https://b.ca"]),
        some(&["acheteur", "Vendeur", "vip"]),
    );
    let rest = (word(&["", "1 rue A", "2 rue B"]), word(&["", "CA", "FR"]), proptest::option::of(1i8..4));
    let custom = (word(&["", "100", "200"]), word(&["", "Luc", "Guy"]), word(&["", "Ti-Guy"]), word(&["", "12", "13"]));
    let more = (word(&["", "2011-06-24", "2012-01-02"]), word(&["", "Marie", "Paul"]), any::<bool>());
    (name, company, lists, rest, custom, more).prop_map(|(name, company, lists, rest, custom, more)| {
        let ((given, middle, family), (company, title), (emails, phones, urls, tags)) = (name, company, lists);
        let ((street, country_code, day), (date, owner_name, dnd)) = (rest, more);
        let fields =
            [("Budget", custom.0), ("Conjoint", custom.1), ("Surnom", custom.2), ("Fax", custom.3), ("Noces", date)];
        Contact {
            id: "c1".into(),
            name: Name { given, middle, family },
            company,
            title,
            emails,
            phones,
            urls,
            address: Some(Address { street, country_code, ..Address::default() }),
            birthday: day.map(|day| Birthday { year: 1980, month: 5, day }),
            owner_name,
            tags,
            dnd,
            custom: fields.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), v)).collect(),
            ..Contact::default()
        }
    })
}

/// The resource names of a contact's labels.
fn labels(wanted: &Desired) -> Vec<String> {
    wanted.labels.iter().map(|name| format!("contactGroups/{}", name.to_lowercase())).collect()
}

/// Everything a person holds, labels of tags included.
fn everything(person: &Person) -> Vec<(Part, String)> {
    let ours = [LABEL, crate::google::person::MY_CONTACTS];
    let labels = person.labels().filter(|l| !ours.contains(l)).map(|l| (Part::Label, l.to_owned()));
    keys_of(person, "CA").into_iter().chain(labels).collect()
}

/// A person with one contact's values and the user's own marks on them.
fn any_person() -> impl Strategy<Value = Person> {
    (any_contact(), any_contact(), any_map(), any::<[bool; 4]>()).prop_map(
        |(one, two, map, [marked, labelled, profile, both])| {
            let wanted = wanted_by(&one, &map);
            let mut person = wanted.person();
            let two = wanted_by(&two, &map).person();
            if both {
                person.email_addresses.extend(two.email_addresses);
                person.organizations.extend(two.organizations);
                person.addresses.extend(two.addresses);
                person.user_defined.extend(two.user_defined);
                person.relations.extend(two.relations);
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
                person.memberships.extend(labels(&wanted).iter().map(|label| member_of(label)));
            }
            person
        },
    )
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
    map: Mapping,
    person: Person,
    link_base: Option<Base>,
    policy: Policy,
    partial: bool,
}

prop_compose! {
    fn any_world()(
        mut crm in any_contact(),
        old in any_contact(),
        map in any_map(),
        mut person in any_person(),
        in_base in any::<[bool; 64]>(),
        stamps in subsequence(vec!["other app", "home", "home", "gone", "other"], 0..=5).prop_shuffle(),
        linked in any::<bool>(),
        policy in proptest::sample::select(&[Policy::Merge, Policy::Overwrite, Policy::Link]),
        partial in any::<bool>(),
        unread in any::<[bool; 2]>(),
    ) -> World {
        crm.unread = Unread { owner: unread[0], custom: unread[1] };
        let of_labels = |wanted: &Desired| labels(wanted).into_iter().map(|l| (Part::Label, l)).collect();
        let (new, past) = (wanted_by(&crm, &map), wanted_by(&old, &map));
        let known = [new.keys(), past.keys(), of_labels(&new), of_labels(&past), everything(&person)].concat();
        let base: Base = known.into_iter().zip(in_base.into_iter().cycle()).filter(|(_, is)| *is).map(|(k, _)| k).collect();
        for stamp in stamps {
            person.client_data.push(match stamp {
                "other app" => ClientDataValue { key: "app".into(), value: "1".into() }.into(),
                "gone" => entry("home", true, base.clone()),
                id => entry(id, false, base.clone()),
            });
        }
        World { crm, map, person, link_base: linked.then_some(base), policy, partial }
    }
}

impl World {
    /// Merges and applies; the person after, and the base that counted before.
    fn step(&self) -> (Person, Base, bool) {
        let (wanted, home) = (wanted_by(&self.crm, &self.map), account("home"));
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
            more_labels: &labels(&wanted),
            had_label: false,
            partial: self.partial,
        };
        let (let_go, held): (Vec<_>, Vec<_>) =
            stamp_for(&self.person, &home, "c1").into_iter().partition(|s| s.released);
        let base_of = |stamps: Vec<Stamp>| stamps.into_iter().next().map(|s| s.base);
        let base = base_of(held).or(self.link_base.clone()).or(base_of(let_go)).unwrap_or_default();
        let merged = merged(&input);
        let Some(change) = merged.change else { return (self.person.clone(), base, false) };
        let after = apply(&self.person, &change);
        assert_eq!(Person { etag: self.person.etag.clone(), ..after.clone() }, change.applied_to(&self.person));
        (after, base, true)
    }

    /// The same with another CRM state, on what the last step left.
    fn then(self, crm: &Contact) -> Self {
        let person = as_google_shows(self.step().0);
        Self { crm: crm.clone(), person, ..self }
    }
}

/// What Google adds to what it was given, and its lists in another order.
fn as_google_shows(mut person: Person) -> Person {
    person.email_addresses.reverse();
    person.phone_numbers.reverse();
    person.memberships.reverse();
    person.user_defined.reverse();
    person.relations.reverse();
    for name in &mut person.names {
        name.rest.insert("displayName".into(), json!("as shown"));
    }
    for phone in &mut person.phone_numbers {
        phone.rest.insert("canonicalForm".into(), json!(crate::contact::phone(&phone.value.value, "CA")));
    }
    for address in &mut person.addresses {
        address.rest.insert("formattedValue".into(), json!("one\nline"));
    }
    for event in &mut person.events {
        event.rest.insert("formattedType".into(), json!("Anniversaire"));
    }
    person
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
    fn a_second_plan_after_a_push_is_empty(world in any_world(), next in any_contact()) {
        let first = world.crm.clone();
        let world = world.then(&first);
        prop_assert!(!world.step().2, "after the first push");
        let world = World { crm: next.clone(), ..world }.then(&next);
        prop_assert!(!world.step().2, "after the push of a change");
    }

    #[test]
    fn no_value_that_we_did_not_write_disappears(world in any_world()) {
        let (after, base, _) = world.step();
        let there = everything(&after);
        for (part, key) in everything(&world.person) {
            let may_go = base.has(part, &key) || (world.policy == Policy::Overwrite && SINGLE.contains(&part));
            prop_assert!(may_go || there.contains(&(part, key.clone())), "{part:?} {key}");
        }
    }

    #[test]
    fn the_order_in_which_readings_come_does_not_change_the_end(
        (states, order) in any_history(),
        map in any_map(),
        person in any_person(),
        policy in proptest::sample::select(&[Policy::Merge, Policy::Overwrite, Policy::Link]),
    ) {
        // A name, company, birthday or note of the user's own decides by what the CRM said when it was first met; so does a custom
        // field that the user has twice, of which `overwrite` makes the first its own.
        let mut person =
            Person { names: vec![], organizations: vec![], birthdays: vec![], biographies: vec![], ..person };
        let mut fields = BTreeSet::new();
        person.user_defined.retain(|field| fields.insert(text_key(&field.value.key)));
        let end = |order: &[usize]| {
            let mut world =
                World { crm: states[order[0]].clone(), map: map.clone(), person: person.clone(), link_base: None, policy, partial: false };
            // A reading that is older than what was acted on is dropped (`triage`).
            let mut newest = order[0];
            for reading in &order[1..] {
                if *reading > newest {
                    world = world.then(&states[*reading]);
                    newest = *reading;
                }
            }
            let mut end = everything(&world.step().0);
            end.sort();
            end
        };
        let in_order: Vec<usize> = (0..states.len()).collect();
        prop_assert_eq!(end(&order), end(&in_order));
    }

    #[test]
    fn the_plan_does_not_depend_on_where_a_batch_ends(
        contacts in proptest::collection::vec((any_contact(), proptest::option::of(any_person())), 1..5),
        map in any_map(),
        size in 1usize..4,
    ) {
        prop_assert_eq!(batches::pushed(&contacts, &map, size), batches::pushed(&contacts, &map, contacts.len()));
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
    fn what_was_created_needs_no_merge_and_is_a_surplus_twin_until_touched(
        crm in any_contact(),
        map in any_map(),
        field in 0..Field::ALL.len(),
    ) {
        let (wanted, home) = (wanted_by(&crm, &map), account("home"));
        let (mut person, base) = create(&wanted, &home, "c1", "op-1", LABEL, &labels(&wanted));
        let policy = Policy::Merge;
        let world = World { crm, map: map.clone(), person: person.clone(), link_base: Some(base), policy, partial: false };
        prop_assert!(!world.step().2);
        prop_assert!(is_surplus_twin(&person, &home, "c1", LABEL, &map));
        touch(&mut person, Field::ALL[field]);
        prop_assert!(!is_surplus_twin(&person, &home, "c1", LABEL, &map));
    }

    #[test]
    fn the_digest_knows_content_only(mut crm in any_contact(), other in any_contact(), map in any_map()) {
        let content = |contact: &Contact| {
            let wanted = wanted_by(contact, &map);
            let labels = labels(&wanted).into_iter().map(|l| (Part::Label, l));
            wanted.keys().into_iter().chain(labels).collect::<std::collections::BTreeSet<_>>()
        };
        let digest = wanted_by(&crm, &map).digest();
        prop_assert_eq!(digest == wanted_by(&other, &map).digest(), content(&crm) == content(&other));
        crm.emails.reverse();
        crm.phones.reverse();
        crm.tags.reverse();
        crm.custom.reverse();
        crm.emails = crm.emails.iter().map(|e| e.to_uppercase()).collect();
        crm.phones = crm.phones.iter().map(|p| p.replace("+15145550123", "(514) 555.0123")).collect();
        prop_assert_eq!(digest, wanted_by(&crm, &map).digest());
    }
}

/// States that a CRM contact had one after the other, and the order in which readings of them come. What is empty in one is
/// empty in all: emptying never erases, so whether an earlier value was seen at all would show.
fn any_history() -> impl Strategy<Value = (Vec<Contact>, Vec<usize>)> {
    let states = proptest::collection::vec(any_contact(), 2..4).prop_map(|mut states| {
        let first = states[0].clone();
        for state in &mut states {
            fill(state, &first);
        }
        states
    });
    states.prop_flat_map(|states| {
        let order = Just((0..states.len()).collect::<Vec<_>>()).prop_shuffle();
        (Just(states), order)
    })
}

fn fill(state: &mut Contact, first: &Contact) {
    let text = |text: &mut String, first: &String| {
        if text.is_empty() || first.is_empty() {
            text.clone_from(first);
        }
    };
    text(&mut state.name.given, &first.name.given);
    text(&mut state.name.middle, &first.name.middle);
    text(&mut state.name.family, &first.name.family);
    text(&mut state.company, &first.company);
    text(&mut state.title, &first.title);
    text(&mut state.owner_name, &first.owner_name);
    for (list, first) in
        [(&mut state.emails, &first.emails), (&mut state.phones, &first.phones), (&mut state.urls, &first.urls)]
    {
        if list.is_empty() || first.is_empty() {
            list.clone_from(first);
        }
    }
    state.birthday = first.birthday.map(|day| state.birthday.unwrap_or(day));
    let (Some(address), Some(held)) = (&mut state.address, &first.address) else { return };
    text(&mut address.street, &held.street);
    text(&mut address.country_code, &held.country_code);
    let fields = first.custom.iter().map(|(key, value)| {
        let own = Some(state.custom(key)).filter(|v| !v.is_empty()).unwrap_or(value);
        (key.clone(), own.to_owned())
    });
    state.custom = fields.collect();
}

/// The smallest thing that a user could do in a field.
fn touch(person: &mut Person, field: Field) {
    let value = match field {
        Field::Names => json!([{"givenName": "Zoé"}]),
        Field::EmailAddresses | Field::PhoneNumbers | Field::Urls | Field::Nicknames | Field::Biographies => {
            json!([{"value": "added"}])
        }
        Field::Addresses => json!([{"streetAddress": "added"}]),
        Field::Organizations => json!([{"name": "added"}]),
        Field::Birthdays | Field::Events => json!([{"date": {"year": 1, "month": 1, "day": 1}}]),
        Field::Relations => json!([{"person": "added"}]),
        Field::UserDefined => json!([{"key": "added", "value": "added"}]),
        Field::Memberships => json!([{"contactGroupMembership": {"contactGroupResourceName": "contactGroups/amis"}}]),
        Field::ClientData => json!([{"key": "app", "value": "1"}]),
    };
    let mut whole = serde_json::to_value(&*person).unwrap();
    let list = whole.as_object_mut().unwrap().entry(field.mask()).or_insert_with(|| json!([]));
    list.as_array_mut().unwrap().extend(value.as_array().unwrap().clone());
    *person = serde_json::from_value(whole).unwrap();
}

/// Several contacts worked off in slices, as the workers do it.
mod batches {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plan::change::{Change, by_mask};

    /// Everything in Google at the end, by CRM contact. A batch of updates has one mask for all: a contact that lacks a field
    /// of it loses that field.
    pub fn pushed(contacts: &[(Contact, Option<Person>)], map: &Mapping, size: usize) -> BTreeMap<usize, Person> {
        let mut google: BTreeMap<usize, Person> =
            contacts.iter().enumerate().filter_map(|(n, (_, person))| Some((n, person.clone()?))).collect();
        let numbered: Vec<(usize, &Contact)> = contacts.iter().enumerate().map(|(n, (crm, _))| (n, crm)).collect();
        for slice in numbered.chunks(size) {
            let mut changes = Vec::new();
            for (n, crm) in slice {
                match google.get(n) {
                    Some(person) => changes.extend(change(*n, crm, person, map).map(|change| (*n, change))),
                    None => {
                        let wanted = wanted_by(crm, map);
                        let (id, op) = (format!("c{n}"), format!("op-{n}"));
                        let made = create(&wanted, &account("home"), &id, &op, LABEL, &labels(&wanted)).0;
                        google.insert(*n, made);
                    }
                }
            }
            for (mask, batch) in by_mask(changes, |(_, change)| Some(change)).0 {
                for (n, change) in batch {
                    let person = google.get_mut(&n).unwrap();
                    mask.iter().for_each(|field| person.take(*field, &change.person));
                }
            }
        }
        google
    }

    fn change(n: usize, crm: &Contact, person: &Person, map: &Mapping) -> Option<Change> {
        let (wanted, home, op) = (wanted_by(crm, map), account("home"), format!("op-{n}"));
        let input = Merge {
            desired: &wanted,
            person,
            link_base: None,
            policy: Policy::Merge,
            account: &home,
            contact: &format!("c{n}"),
            origin: Origin::Adopted,
            op: &op,
            label: LABEL,
            more_labels: &labels(&wanted),
            had_label: false,
            partial: false,
        };
        merged(&input).change
    }
}
