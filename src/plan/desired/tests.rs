//! What a CRM contact becomes, with and without a map.

use super::*;
use crate::contact::{Name, Unread};

fn with_map(contact: &Contact, map: &str) -> Desired {
    let map: Mapping = toml::from_str(map).expect("a map");
    let account = AccountKey { vendor: "highlevel".into(), id: "LOC".into() };
    desired(contact, &Rules { region: "CA", map: &map, account: &account })
}

fn texts(entries: &[Entry]) -> Vec<(&str, Option<&str>)> {
    entries.iter().map(|e| (e.value.as_str(), e.kind.as_deref())).collect()
}

fn anne() -> Contact {
    Contact {
        id: "c1".into(),
        name: Name { given: "Anne".into(), middle: String::new(), family: "Tremblay".into() },
        company: "Courtage Nord".into(),
        phones: vec!["514 555-0123".into()],
        created: "2024-05-06T10:00:00Z".parse().ok(),
        owner: Some("u1".into()),
        owner_name: "Marie Roy".into(),
        tags: vec!["acheteur".into(), "VIP".into()],
        custom: [("Fax", "514 555-0199"), ("Noces", "2011-06-24"), ("Fonction", "Notaire"), ("Conjoint", "Luc")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
        ..Contact::default()
    }
}

#[test]
fn a_contact_without_a_name_gets_none() {
    let contact = Contact { emails: vec!["anne@example.com".into()], company: "Acme".into(), ..Contact::default() };
    assert!(with_map(&contact, "").person().names.is_empty());
    assert!(with_map(&contact, "name = '{first} {last} – {company}'").person().names.is_empty());
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
    let found = with_map(&contact, "");
    assert_eq!(found.given.chars().count(), fit::LIMIT);
    assert!(found.given.ends_with('…'));
    assert_eq!((found.family.as_str(), found.middle.as_str()), ("", "M."));
    assert_eq!(texts(&found.emails), [("A@x.ca", None)]);
    assert_eq!(texts(&found.phones), [("+15145550123", None), ("call me", None)]);
    assert_eq!(found.address, None, "a country that is no code is left out, and nothing else was there");
}

#[test]
fn a_country_that_google_would_refuse_is_left_out() {
    let address = |code: &str| Some(Address { city: "Laval".into(), country_code: code.into(), ..Address::default() });
    for (code, written) in [("ca", "CA"), ("ZZ", ""), ("Canada", "")] {
        let found = with_map(&Contact { address: address(code), ..Contact::default() }, "");
        assert_eq!(found.address.expect("an address").country_code, written, "{code}");
    }
}

#[test]
fn the_name_on_the_phone_keeps_the_template_s_order_and_sorts_by_family_name() {
    let name = |contact: &Contact, map: &str| {
        let Desired { given, middle, family, .. } = with_map(contact, map);
        [given, middle, family]
    };
    let card = "name = '{first} {last} – {company}'";
    let no_family = Contact { name: Name { given: "Anne".into(), ..Name::default() }, ..anne() };
    let no_given = Contact { name: Name { family: "Tremblay".into(), ..Name::default() }, ..anne() };
    assert_eq!(name(&anne(), card), ["Anne", "", "Tremblay – Courtage Nord"]);
    assert_eq!(name(&no_family, card), ["Anne – Courtage Nord", "", ""]);
    assert_eq!(name(&no_given, card), ["", "", "Tremblay – Courtage Nord"]);
    assert_eq!(name(&anne(), "name = '{last}, {first} ({tags})'"), ["Tremblay, Anne (acheteur, VIP)", "", ""]);
    let dnd = Contact { dnd: true, ..anne() };
    let mark = "dnd = 'suffix: (ne pas appeler)'";
    assert_eq!(name(&dnd, mark), ["Anne", "", "Tremblay (ne pas appeler)"]);
    assert_eq!(name(&anne(), mark), ["Anne", "", "Tremblay"]);
    let company = Contact { name: Name::default(), ..dnd };
    assert_eq!(name(&company, mark), ["Courtage Nord (ne pas appeler)", "", ""]);
    assert_eq!(name(&Contact { dnd: false, ..company }, mark), ["Courtage Nord", "", ""], "the mark can go again");
}

#[test]
fn every_place_takes_its_value() {
    let found = with_map(
        &anne(),
        r#"
        note = "Client depuis {created}\nCourtier : {owner}\nVille : {city}"
        phone_type = "mobile"
        owner = "custom:Courtier"
        tags = { "ACHETEUR" = "Acheteurs" }
        link = true
        [fields]
        "Fax" = "phone:workFax"
        "Noces" = "event:anniversary"
        "Fonction" = "title"
        "Conjoint" = "relation:spouse"
        "Surnom" = "nickname"
        "#,
    );
    assert_eq!(found.note, "Client depuis 2024-05-06\nCourtier : Marie Roy");
    assert_eq!(texts(&found.phones), [("+15145550123", Some("mobile")), ("+15145550199", Some("workFax"))]);
    assert_eq!(found.custom, [("Courtier".to_owned(), "Marie Roy".to_owned())]);
    assert_eq!(found.labels, ["Acheteurs"]);
    let link = "https://app.gohighlevel.com/v2/location/LOC/contacts/detail/c1";
    assert_eq!(texts(&found.urls), [(link, Some("CRM"))]);
    assert_eq!(found.events, [("anniversary".to_owned(), Birthday { year: 2011, month: 6, day: 24 })]);
    assert_eq!(found.organization, Some(("Courtage Nord".into(), "Notaire".into())));
    assert_eq!(texts(&found.relations), [("Luc", Some("spouse"))]);
    assert!(found.nicknames.is_empty() && found.slots.contains(&(Part::Nickname, String::new())));
}

#[test]
fn the_digest_follows_the_outcome_and_nothing_else() {
    let digest = |contact: &Contact, map: &str| with_map(contact, map).digest();
    let plain = digest(&anne(), "");
    for same in
        ["phone_type = 'home'", "dnd = 'label:Ne pas appeler'", "name = '{first} {middle}'", "[fields]\nX = 'nickname'"]
    {
        let equal = digest(&anne(), same) == plain;
        assert_eq!(equal, !same.starts_with("name"), "{same}");
    }
    for other in ["tags = 'labels'", "link = true", "owner = 'nickname'", "[fields]\nFax = 'phone'"] {
        assert_ne!(digest(&anne(), other), plain, "{other}");
    }
}

#[test]
fn what_could_not_be_looked_up_is_uncertain() {
    let unread = Unread { owner: true, custom: true };
    let contact = Contact { owner_name: String::new(), custom: Vec::new(), unread, ..anne() };
    let map =
        "name = '{first} {last} ({owner})'\nnote = '{custom:Rang}'\nowner = 'custom:Courtier'\n[fields]\nFax = 'phone'";
    let found = with_map(&contact, map);
    assert_eq!(found.uncertain, [Part::Custom, Part::Phone].into());
    assert!(!found.name_is_known && !found.note_is_known);
    assert!(with_map(&anne(), map).name_is_known);
}

#[test]
fn more_than_the_stamp_remembers_is_left_out_from_the_end() {
    let contact = Contact {
        emails: (0..100).map(|n| format!("a{n}@x.ca")).collect(),
        tags: (0..40).map(|n| format!("tag {n}")).collect(),
        ..anne()
    };
    let found = with_map(&contact, "tags = 'labels'\nlink = true");
    assert_eq!((found.phones.len(), found.emails.len(), found.labels.len()), (1, 100, 19));
    assert_eq!(found.left_out, [Part::Label, Part::Url].into());
}
