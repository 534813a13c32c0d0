//! Golden cases of the merge: what stood in Google, what the CRM says, and the update that follows. Each applied update is
//! merged again, which must change nothing.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Kept, Merge, Merged, Verdict, merge};
use crate::{
    config::{declared::Policy, mapping::Mapping},
    contact::AccountKey,
    contact::{Contact, Name},
    google::person::Person,
    plan::{
        base::Base,
        change::{Change, Written},
        desired::{Desired, Rules, desired},
        release::release,
        stamp::{Origin, STAMP_KEY, Stamp},
    },
};

pub(super) const LABEL: &str = "contactGroups/crm";

pub(super) fn account(id: &str) -> AccountKey {
    AccountKey { vendor: "highlevel".into(), id: id.into() }
}

/// Without a map.
pub(super) fn wanted(contact: &Contact) -> Desired {
    wanted_by(contact, &Mapping::default())
}

pub(super) fn wanted_by(contact: &Contact, map: &Mapping) -> Desired {
    desired(contact, &Rules { region: "CA", map, account: &account("home") })
}

/// What Google does with an update: each masked field is replaced by what the body has, on the wire.
pub(super) fn apply(person: &Person, change: &Change) -> Person {
    let mut after = serde_json::to_value(person).unwrap();
    let body = serde_json::to_value(&change.person).unwrap();
    for field in &change.mask {
        after[field.mask()] = body.get(field.mask()).cloned().unwrap_or_else(|| json!([]));
    }
    after["etag"] = json!("next");
    serde_json::from_value(after).unwrap()
}

/// How a case stands in its snapshot.
#[derive(Serialize)]
struct Case {
    policy: Policy,
    google_before: Person,
    crm: Person,
    sent: Option<Value>,
    wrote: Vec<Written>,
    kept: Vec<Kept>,
}

/// What a case may have beside the three sides.
#[derive(Default)]
struct More<'a> {
    account: Option<&'a AccountKey>,
    link_base: Option<&'a Base>,
    partial: bool,
}

fn run(google: Value, crm: &Desired, policy: Policy) -> Case {
    run_with(google, crm, policy, &More::default())
}

fn run_with(google: Value, crm: &Desired, policy: Policy, more: &More<'_>) -> Case {
    let person: Person = serde_json::from_value(google).unwrap();
    let home = account("home");
    let input = Merge {
        desired: crm,
        person: &person,
        link_base: more.link_base,
        policy,
        account: more.account.unwrap_or(&home),
        contact: "c1",
        origin: Origin::Adopted,
        op: "op-2",
        label: LABEL,
        more_labels: &[],
        had_label: false,
        partial: more.partial,
    };
    let merged = merged(&input);
    if let Some(change) = &merged.change {
        let after = apply(&person, change);
        let again = self::merged(&Merge { person: &after, had_label: true, ..input });
        assert_eq!(again.change, None, "merging again changes nothing");
    }
    let change = merged.change;
    Case {
        policy,
        google_before: person.clone(),
        crm: crm.person(),
        sent: change.as_ref().map(|c| serde_json::to_value(&c.person).unwrap()),
        wrote: change.map(|c| c.wrote).unwrap_or_default(),
        kept: merged.kept,
    }
}

pub(super) fn merged(input: &Merge<'_>) -> Merged {
    match merge(input) {
        Verdict::Merged(merged) => *merged,
        Verdict::OptedOut => panic!("nobody opted out"),
    }
}

/// A `clientData` entry that says we wrote all of this.
fn stamp(account_id: &str, wrote: &Desired) -> Value {
    let stamp = Stamp {
        account: account(account_id),
        contact: "c1".into(),
        origin: Origin::Created,
        op: "op-1".into(),
        released: false,
        base: wrote.keys().into_iter().collect::<Base>(),
    };
    json!({"key": STAMP_KEY, "value": stamp.encode()})
}

fn anne() -> Contact {
    Contact {
        id: "c1".into(),
        name: Name { given: "Anne".into(), middle: String::new(), family: "Tremblay".into() },
        company: "Courtage Nord".into(),
        emails: vec!["anne@example.com".into()],
        phones: vec!["+15145550123".into()],
        ..Contact::default()
    }
}

fn google(fields: Value) -> Value {
    let mut person = json!({
        "resourceName": "people/c7",
        "etag": "%one",
        "metadata": {"sources": [{"type": "CONTACT", "id": "7", "etag": "#one", "updateTime": "2026-11-01T00:00:00Z"}]},
        "memberships": [{"contactGroupMembership": {"contactGroupResourceName": LABEL}}],
    });
    for (key, value) in fields.as_object().unwrap() {
        person[key] = value.clone();
    }
    person
}

/// As created from [`anne`], with what Google adds.
fn anne_in_google() -> Value {
    google(json!({
        "names": [{"givenName": "Anne", "familyName": "Tremblay", "displayName": "Anne Tremblay", "unstructuredName": "Anne Tremblay"}],
        "emailAddresses": [{"value": "anne@example.com"}],
        "phoneNumbers": [{"value": "+15145550123", "canonicalForm": "+15145550123"}],
        "organizations": [{"name": "Courtage Nord"}],
        "clientData": [stamp("home", &wanted(&anne()))],
    }))
}

#[test]
fn merge_fills_blanks_and_keeps_what_the_user_has() {
    let before = google(json!({
        "names": [{"givenName": "Anne", "honorificPrefix": "Me", "displayName": "Me Anne", "unstructuredName": "Me Anne"}],
        "phoneNumbers": [{"value": "(514) 555-0123", "type": "mobile", "formattedType": "Mobile", "metadata": {"primary": true, "sourcePrimary": true}}],
        "emailAddresses": [
            {"value": "anne.perso@example.org", "displayName": "Anne (maison)"},
            {"value": "profil@example.org", "metadata": {"source": {"type": "PROFILE", "id": "1"}}}
        ],
        "memberships": [
            {"contactGroupMembership": {"contactGroupResourceName": "contactGroups/amis", "contactGroupId": "amis"}},
            {"domainMembership": {"inViewerDomain": true}}
        ],
        "clientData": [{"key": "another app", "value": "its value"}],
    }));
    insta::assert_json_snapshot!(run(before, &wanted(&anne()), Policy::Merge));
}

#[test]
fn merge_does_not_mix_two_names() {
    let before = google(json!({"names": [{"givenName": "Maman"}]}));
    insta::assert_json_snapshot!(run(before, &wanted(&anne()), Policy::Merge));
}

#[test]
fn overwrite_replaces_single_values_and_adds_to_lists() {
    let before = google(json!({
        "names": [{"givenName": "Maman", "phoneticGivenName": "maman"}],
        "birthdays": [{"date": {"year": 1960, "month": 1, "day": 2}}],
        "organizations": [{"name": "Sa retraite", "type": "work"}],
        "phoneNumbers": [{"value": "+14185550100"}],
    }));
    insta::assert_json_snapshot!(run(before, &wanted(&anne()), Policy::Overwrite));
}

#[test]
fn link_writes_label_and_stamp_only() {
    let before = google(json!({"names": [{"givenName": "Maman"}], "memberships": []}));
    insta::assert_json_snapshot!(run(before, &wanted(&anne()), Policy::Link));
}

#[test]
fn edits_in_google_stay_in_every_policy_while_the_crm_is_unchanged() {
    let mut before = anne_in_google();
    before["names"][0]["givenName"] = json!("Annie");
    before["phoneNumbers"][0] = json!({"value": "+15145550199", "canonicalForm": "+15145550199"});
    before["emailAddresses"] = json!([]);
    before["organizations"] = json!([]);
    for policy in [Policy::Merge, Policy::Overwrite] {
        let case = run(before.clone(), &wanted(&anne()), policy);
        assert_eq!(case.sent, None);
        insta::allow_duplicates! { insta::assert_json_snapshot!(case.kept); }
    }
}

#[test]
fn a_changed_crm_replaces_what_is_still_ours() {
    let mut crm = anne();
    crm.name.family = "Roy".into();
    crm.company = "Courtage Sud".into();
    crm.emails = vec!["anne.roy@example.com".into()];
    let mut before = anne_in_google();
    before["organizations"][0]["department"] = json!("added by the user");
    before["emailAddresses"] = json!([{"value": "anne@example.com"}, {"value": "added@by.the.user"}]);
    insta::assert_json_snapshot!(run(before, &wanted(&crm), Policy::Merge));
}

#[test]
fn a_partial_reading_adds_and_removes_nothing() {
    let crm = Contact { emails: vec!["second@example.com".into()], ..Contact::default() };
    let said = wanted(&crm);
    insta::assert_json_snapshot!(run_with(
        anne_in_google(),
        &said,
        Policy::Merge,
        &More { partial: true, ..More::default() }
    ));
}

#[test]
fn an_empty_crm_erases_nothing() {
    let case = run(anne_in_google(), &wanted(&Contact::default()), Policy::Overwrite);
    assert_eq!(case.sent, None);
}

#[test]
fn the_second_crm_account_on_a_person_adds_to_lists_only() {
    let other = AccountKey { vendor: "generic".into(), id: "2;/:%é".into() };
    let crm = Contact {
        name: Name { given: "A.".into(), middle: "M.".into(), family: "T.".into() },
        phones: vec!["+15145550123".into(), "+14505550177".into()],
        ..Contact::default()
    };
    let person: Person = serde_json::from_value(anne_in_google()).unwrap();
    let said = wanted(&crm);
    let case = run_with(anne_in_google(), &said, Policy::Overwrite, &More { account: Some(&other), ..More::default() });
    insta::assert_json_snapshot!(case);
    assert!(!crate::plan::stamp::comes_first(&person, &other, "c1"));
}

#[test]
fn a_label_that_the_user_took_off_stops_everything() {
    let mut before = anne_in_google();
    before["memberships"] =
        json!([{"contactGroupMembership": {"contactGroupResourceName": "contactGroups/myContacts"}}]);
    let person: Person = serde_json::from_value(before).unwrap();
    let home = account("home");
    let input = Merge {
        desired: &wanted(&anne()),
        person: &person,
        link_base: None,
        policy: Policy::Overwrite,
        account: &home,
        contact: "c1",
        origin: Origin::Created,
        op: "op-2",
        label: LABEL,
        more_labels: &[],
        had_label: true,
        partial: false,
    };
    assert_eq!(merge(&input), Verdict::OptedOut);
    let given_back = merged(&Merge { had_label: false, ..input });
    let wrote: Vec<_> = given_back.change.unwrap().wrote.iter().map(|w| w.action).collect();
    assert_eq!(wrote, ["label added", "stamped"]);
}

#[test]
fn a_label_that_we_took_off_ourselves_when_we_let_go_comes_back() {
    let held: Person = serde_json::from_value(anne_in_google()).unwrap();
    let home = account("home");
    let let_go = release(&held, &home, "c1", "op-2", Some(LABEL), false).unwrap().applied_to(&held);
    let input = Merge {
        desired: &wanted(&anne()),
        person: &let_go,
        link_base: None,
        policy: Policy::Merge,
        account: &home,
        contact: "c1",
        origin: Origin::Created,
        op: "op-3",
        label: LABEL,
        more_labels: &[],
        had_label: true,
        partial: false,
    };
    let wrote: Vec<_> = merged(&input).change.unwrap().wrote.iter().map(|w| w.action).collect();
    assert_eq!(wrote, ["label added", "stamped"]);
}

#[test]
fn without_a_stamp_the_links_base_counts_and_the_stamp_is_written_again() {
    let mut before = anne_in_google();
    before["clientData"] = json!([]);
    before["names"][0]["familyName"] = json!("Gagnon");
    let base: Base = wanted(&anne()).keys().into_iter().collect();
    let more = More { link_base: Some(&base), ..More::default() };
    let case = run_with(before, &wanted(&anne()), Policy::Overwrite, &more);
    assert_eq!(case.wrote.iter().map(|w| w.action).collect::<Vec<_>>(), ["stamped"]);
    assert_eq!(case.kept.iter().map(|k| k.why).collect::<Vec<_>>(), ["edited in Google, unchanged in the CRM"]);
}

#[test]
fn a_contact_that_is_nearly_as_large_as_google_takes_gets_no_more_than_fits() {
    let own: Vec<Value> = (0..27).map(|n| json!({"key": format!("own {n}"), "value": "é".repeat(2_000)})).collect();
    let person: Person = serde_json::from_value(json!({"resourceName": "people/c1", "userDefined": own})).unwrap();
    let contact =
        Contact { emails: (0..20).map(|n| format!("{n}{}@x.ca", "é".repeat(900))).collect(), ..Contact::default() };
    let crm = wanted(&contact);
    let merged = merged(&Merge {
        desired: &crm,
        person: &person,
        link_base: None,
        policy: Policy::Merge,
        account: &account("home"),
        contact: "c1",
        origin: Origin::Adopted,
        op: "op-2",
        label: LABEL,
        more_labels: &[],
        had_label: false,
        partial: false,
    });
    let after = apply(&person, &merged.change.unwrap());
    let size = serde_json::to_string(&after).unwrap().len();
    assert!((110 * 1024..128 * 1024).contains(&size), "{size}");
    assert!((1..20).contains(&after.email_addresses.len()), "{}", after.email_addresses.len());
    assert!(merged.kept.iter().any(|kept| kept.why.contains("128 KB")), "{:?}", merged.kept);
}
