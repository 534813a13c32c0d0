//! Hand-checked cases of the merge, as tables that a person can read who does not know the code: one snapshot for each policy,
//! the same situations in each.

use super::{
    Merge,
    cases::{LABEL, account, apply, merged, wanted_by},
};
use crate::{
    config::{declared::Policy, mapping::Mapping},
    contact::{Address, Birthday, Contact, Name},
    google::person::{Field, Item, NoteValue, Person, RelationValue, TextValue},
    plan::{
        change::Change,
        create::{create, member_of},
        stamp::Origin,
    },
};

const MAP: &str = "note = \"Courtier : {owner}\"\ntags = 'labels'\ndnd = 'label:Ne pas appeler'\n[fields]\n\
                   Budget = 'custom:Budget'\nConjoint = 'relation:spouse'\nSurnom = 'nickname'\nNoces = 'event:anniversary'";

/// One situation: what the CRM said when Carnet last wrote (if it did), what the user then did in Google, what the CRM says now.
struct Situation {
    title: &'static str,
    wrote: Option<Contact>,
    user: fn(&mut Person),
    crm: Contact,
}

fn anne() -> Contact {
    let custom = [("Budget", "400 000"), ("Conjoint", "Luc"), ("Surnom", "Nana"), ("Noces", "2011-06-24")];
    Contact {
        id: "c1".into(),
        name: Name { given: "Anne".into(), middle: String::new(), family: "Tremblay".into() },
        company: "Courtage Nord".into(),
        title: "Courtière".into(),
        emails: vec!["anne@nord.ca".into()],
        phones: vec!["+15145550123".into()],
        address: Some(Address { street: "1 rue du Lac".into(), city: "Laval".into(), ..Address::default() }),
        birthday: Some(Birthday { year: 1980, month: 5, day: 4 }),
        urls: vec!["https://anne.ca".into()],
        owner_name: "Marie".into(),
        tags: vec!["Acheteurs".into()],
        custom: custom.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..Contact::default()
    }
}

fn changed() -> Contact {
    let custom = [("Budget", "500 000"), ("Conjoint", "Guy"), ("Surnom", "Nanou"), ("Noces", "2012-07-01")];
    Contact {
        name: Name { given: "Anne".into(), middle: String::new(), family: "Roy".into() },
        company: "Courtage Sud".into(),
        emails: vec!["anne@sud.ca".into()],
        phones: vec!["+15145550999".into()],
        address: Some(Address { street: "2 rue du Parc".into(), city: "Laval".into(), ..Address::default() }),
        birthday: Some(Birthday { year: 1981, month: 5, day: 4 }),
        urls: vec!["https://anne-roy.ca".into()],
        owner_name: "Paul".into(),
        tags: vec!["Vendeurs".into()],
        dnd: true,
        custom: custom.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..anne()
    }
}

/// The user's own version of everything.
fn edits(person: &mut Person) {
    for name in &mut person.names {
        name.value.family_name = "Tremblay-Gagnon".into();
    }
    person.email_addresses = vec![text("anne@maison.ca")];
    person.phone_numbers = vec![text("(438) 555-0000")];
    person.biographies = vec![NoteValue { value: "Préfère les textos".into(), content_type: None }.into()];
    person.relations = vec![RelationValue { person: "Luc Gagnon".into(), kind: Some("spouse".into()) }.into()];
    person.nicknames = Vec::new();
    for item in &mut person.user_defined {
        item.value.value = "450 000 au plus".into();
    }
    for item in &mut person.organizations {
        item.value.title = "Courtière agréée".into();
    }
    for item in &mut person.birthdays {
        item.value.date = item.value.date.map(|date| crate::google::person::DateValue { day: 5, ..date });
    }
    person.memberships.retain(|m| !format!("{m:?}").contains("acheteurs"));
    person.memberships.push(member_of("contactGroups/famille"));
}

fn text(value: &str) -> Item<TextValue> {
    TextValue { value: value.into(), kind: None }.into()
}

fn situations() -> Vec<Situation> {
    vec![
        Situation {
            title: "Carnet meets a contact of the user's own for the first time",
            wrote: None,
            user: |person| {
                person.names = serde_json::from_str(r#"[{"givenName": "Maman"}]"#).unwrap();
                person.phone_numbers = vec![text("514 555-0123")];
                person.biographies = vec![NoteValue { value: "Clé chez la voisine".into(), content_type: None }.into()];
            },
            crm: anne(),
        },
        Situation {
            title: "The CRM changes, the user has changed nothing",
            wrote: Some(anne()),
            user: |_| {},
            crm: changed(),
        },
        Situation {
            title: "The user changes, the CRM says the same as before",
            wrote: Some(anne()),
            user: edits,
            crm: anne(),
        },
        Situation { title: "Both have changed", wrote: Some(anne()), user: edits, crm: changed() },
        Situation {
            title: "The CRM says nothing any more: empty never erases, but a tag that is gone is",
            wrote: Some(anne()),
            user: |_| {},
            crm: Contact { id: "c1".into(), ..Contact::default() },
        },
        Situation {
            title: "The same values in another order, format or case, and with types: nothing to do",
            wrote: Some(Contact { phones: vec!["+15145550123".into(), "+14505550177".into()], ..anne() }),
            user: |person| {
                person.phone_numbers.reverse();
                person.phone_numbers[0].value.value = "(450) 555-0177".into();
                person.phone_numbers[1].value.kind = Some("mobile".into());
                person.email_addresses = vec![text("Anne@Nord.CA")];
            },
            crm: Contact { phones: vec!["514 555-0123".into(), "450 555-0177".into()], ..anne() },
        },
    ]
}

/// A field of the table, in words.
const FIELDS: [(&str, Field); 12] = [
    ("name", Field::Names),
    ("company, title", Field::Organizations),
    ("phones", Field::PhoneNumbers),
    ("e-mails", Field::EmailAddresses),
    ("address", Field::Addresses),
    ("birthday", Field::Birthdays),
    ("web sites", Field::Urls),
    ("note", Field::Biographies),
    ("nickname", Field::Nicknames),
    ("relations", Field::Relations),
    ("dates", Field::Events),
    ("custom fields", Field::UserDefined),
];

fn shown(person: &Person, field: Field) -> String {
    let whole = serde_json::to_value(person).unwrap();
    let items = whole[field.mask()].as_array().cloned().unwrap_or_default();
    let skip = ["type", "contentType", "metadata"];
    let mut texts: Vec<String> = Vec::new();
    for item in items {
        if field == Field::Memberships {
            let label = item["contactGroupMembership"]["contactGroupResourceName"].as_str().unwrap_or_default();
            texts.push(label.trim_start_matches("contactGroups/").to_owned());
            continue;
        }
        let order = ["givenName", "middleName", "familyName", "key"];
        let parts = item.as_object().unwrap();
        let mut keys: Vec<&String> = parts.keys().filter(|k| !skip.contains(&k.as_str())).collect();
        keys.sort_by_key(|k| order.iter().position(|o| o == k).unwrap_or(9));
        let text = |value: &serde_json::Value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => format!(
                "{}-{:02}-{:02}",
                other["year"],
                other["month"].as_i64().unwrap(),
                other["day"].as_i64().unwrap()
            ),
        };
        texts.push(keys.into_iter().map(|k| text(&parts[k])).collect::<Vec<_>>().join(" "));
    }
    if field == Field::Memberships {
        texts.sort();
    }
    if texts.is_empty() { "–".to_owned() } else { texts.join(" + ") }
}

fn labels(names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("contactGroups/{}", name.to_lowercase())).collect()
}

fn table(policy: Policy) -> String {
    let map: Mapping = toml::from_str(MAP).unwrap();
    let mut out = String::new();
    for situation in situations() {
        let home = account("home");
        let before = situation.wrote.as_ref().map(|contact| {
            let wanted = wanted_by(contact, &map);
            create(&wanted, &home, "c1", "op-1", LABEL, &labels(&wanted.labels)).0
        });
        let mut google = before.clone().unwrap_or_default();
        (situation.user)(&mut google);
        let wanted = wanted_by(&situation.crm, &map);
        let more = labels(&wanted.labels);
        let input = Merge {
            desired: &wanted,
            person: &google,
            link_base: None,
            policy,
            account: &home,
            contact: "c1",
            origin: Origin::Adopted,
            op: "op-2",
            label: LABEL,
            more_labels: &more,
            had_label: before.is_some(),
            partial: false,
        };
        let merged = merged(&input);
        let after = merged.change.as_ref().map_or_else(|| google.clone(), |change| apply(&google, change));
        let mut crm = wanted.person();
        crm.memberships = more.iter().chain([&LABEL.to_owned()]).map(|label| member_of(label)).collect();
        let why = |field: Field| {
            let wrote = merged.change.iter().flat_map(|c: &Change| &c.wrote).filter(|w| w.field == field);
            let kept = merged.kept.iter().filter(|k| k.field == field);
            wrote
                .map(|w| w.action.to_owned())
                .chain(kept.map(|k| format!("kept: {}", k.why)))
                .collect::<Vec<_>>()
                .join("; ")
        };
        out.push_str(&format!("\n{}\n\n", situation.title));
        out.push_str(
            "| field | CRM says | we wrote before | Google has | Google gets | why |\n|---|---|---|---|---|---|\n",
        );
        for (name, field) in FIELDS.iter().copied().chain([("labels", Field::Memberships)]) {
            let wrote = before.as_ref().map_or("–".to_owned(), |person| shown(person, field));
            let (says, has, gets) = (shown(&crm, field), shown(&google, field), shown(&after, field));
            let gets = if gets == has { "the same".to_owned() } else { gets };
            out.push_str(&format!("| {name} | {says} | {wrote} | {has} | {gets} | {} |\n", why(field)));
        }
        let calls = if merged.change.is_some() { "one update" } else { "no call" };
        out.push_str(&format!("\nTo Google: {calls}.\n"));
    }
    out
}

#[test]
fn what_the_policy_merge_does() {
    insta::assert_snapshot!(table(Policy::Merge));
}

#[test]
fn what_the_policy_overwrite_does() {
    insta::assert_snapshot!(table(Policy::Overwrite));
}

#[test]
fn what_the_policy_link_does() {
    insta::assert_snapshot!(table(Policy::Link));
}
