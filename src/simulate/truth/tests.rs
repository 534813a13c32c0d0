//! The oracle is clean on a correct pair and finds each planted defect.

use serde_json::json;

use super::{super::people::town, text::Phone, wanted::Wanted, *};

/// A correct pair: two clients in Google, one adopted, one personal contact untouched.
struct Pair {
    crm: Vec<Value>,
    before: Vec<Value>,
    google: Vec<Value>,
    waiting: BTreeSet<String>,
    edited: BTreeSet<String>,
}

fn member(groups: &[&str]) -> Value {
    groups
        .iter()
        .map(|g| json!({"contactGroupMembership": {"contactGroupResourceName": format!("contactGroups/{g}")}}))
        .collect()
}

fn correct() -> Pair {
    let crm = vec![
        json!({"id": "idAAAAAAAAAAAAAAAAAA", "firstName": "Zoe\u{301}", "lastName": "null", "companyName": "Érable inc.",
            "email": "Zoe@A.example", "additionalEmails": [{"email": "zoe@a.example"}, {"email": ""}],
            "phone": "(514) 555-0101", "additionalPhones": [{"phone": "+1807654321"}], "address1": "1 rue A\nApp 2",
            "city": "Montréal", "country": "CA", "website": "https://a.example", "dateOfBirth": "1980-05-06T00:00:00.000Z"}),
        json!({"id": "idBBBBBBBBBBBBBBBBBB", "firstName": "Jean", "lastName": "Côté", "email": "jean@b.example",
            "phone": "+15145550102", "companyName": "Garage Côté", "dateOfBirth": "1970-01-01"}),
        json!({"id": "idCCCCCCCCCCCCCCCCCC", "firstName": "N/A", "source": "vide"}),
    ];
    let adopted = json!({"resourceName": "people/c2", "etag": "%1", "names": [{"givenName": "J.", "displayName": "J."}],
        "emailAddresses": [{"value": "JEAN@b.example", "type": "home"}], "phoneNumbers": [{"value": "514 555-0199", "type": "Chalet"}],
        "birthdays": [{"date": {"year": 1971, "month": 2, "day": 2}}], "clientData": [{"key": "outlook", "value": "1"}],
        "memberships": member(&["myContacts", "famille"])});
    let personal = json!({"resourceName": "people/c3", "etag": "%2", "names": [{"givenName": "Ami"}], "memberships": member(&["myContacts"])});
    let created = json!({"resourceName": "people/c1", "names": [{"givenName": "Zoé"}], "organizations": [{"name": "Érable inc."}],
        "emailAddresses": [{"value": "Zoe@A.example"}], "phoneNumbers": [{"value": "+15145550101"}, {"value": "+1807654321"}],
        "addresses": [{"streetAddress": "1 rue A App 2", "city": "Montréal", "countryCode": "CA"}],
        "urls": [{"value": "https://a.example"}], "birthdays": [{"date": {"year": 1980, "month": 5, "day": 6}}],
        "clientData": [{"key": "x", "value": "v1|idAAAAAAAAAAAAAAAAAA|op"}], "memberships": member(&["myContacts", "ours"])});
    let mut after = adopted.clone();
    after["names"][0] = json!({"givenName": "J.", "familyName": "Côté", "displayName": "J. Côté"});
    after["phoneNumbers"] = json!([{"value": "+15145550102"}, {"value": "514 555-0199", "type": "Chalet"}]);
    after["organizations"] = json!([{"name": "Garage Côté"}]);
    after["clientData"] = json!([{"key": "outlook", "value": "1"}, {"key": "x", "value": "idBBBBBBBBBBBBBBBBBB"}]);
    after["memberships"] = member(&["myContacts", "famille", "ours"]);
    let mut read_again = personal.clone();
    read_again["etag"] = json!("%3");
    let (before, google) = (vec![adopted, personal], vec![read_again, created, after]);
    Pair { crm, before, google, waiting: BTreeSet::new(), edited: BTreeSet::new() }
}

impl Pair {
    fn judge(&self) -> Verdict {
        let groups = [json!({"resourceName": "contactGroups/ours", "name": "Centiva"})];
        judge(&Evidence {
            crm: &self.crm,
            google: &self.google,
            groups: &groups,
            label: "Centiva",
            before: &self.before,
            waiting: &self.waiting,
            edited: &self.edited,
        })
    }

    /// The fields found wrong, when nothing else is.
    fn wrong_fields(&self) -> Vec<(String, &'static str)> {
        let verdict = self.judge();
        assert!(verdict.missing.is_empty() && verdict.twins.is_empty() && verdict.personal.is_empty(), "{verdict}");
        verdict.wrong.into_iter().map(|wrong| (wrong.contact[..3].to_owned(), wrong.field)).collect()
    }
}

#[test]
fn a_correct_pair_is_clean() {
    let verdict = correct().judge();
    assert!(verdict.is_clean(), "{verdict}");
    assert_eq!((verdict.expected, verdict.found), (2, 2));
}

/// A faithful, simple writer: adds what is wanted and not there, fills what is blank, labels and stamps.
fn write(person: &mut Value, id: &str, wanted: &Wanted) {
    let mut add = |field: &str, items: Vec<Value>| {
        let list = person.as_object_mut().unwrap().entry(field).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().extend(items);
    };
    add("emailAddresses", wanted.emails.iter().map(|email| json!({"value": email})).collect());
    add("phoneNumbers", wanted.phones.iter().map(|phone| json!({"value": phone.text})).collect());
    add("clientData", vec![json!({"key": "k", "value": format!("1;{id};x")})]);
    add("memberships", vec![member(&["ours"])[0].clone()]);
    let mut blank = |field: &str, item: Value, has: bool| {
        if has && person[field].is_null() {
            person[field] = json!([item]);
        }
    };
    blank("names", json!({"givenName": wanted.given, "familyName": wanted.family}), true);
    blank("organizations", json!({"name": wanted.company}), !wanted.company.is_empty());
    blank("urls", json!({"value": wanted.website}), !wanted.website.is_empty());
    let address: serde_json::Map<_, _> = wanted.address.iter().map(|(k, v)| ((*k).to_owned(), json!(v))).collect();
    blank("addresses", json!(address), !address.is_empty());
    if let Some((year, month, day)) = wanted.birthday {
        blank("birthdays", json!({"date": {"year": year, "month": month, "day": day}}), true);
    }
}

#[test]
fn a_whole_town_written_faithfully_is_clean_and_one_lost_contact_shows() {
    let town = town(21, 600, 300, 150);
    let mut before = town.google.clone();
    before.iter_mut().enumerate().for_each(|(n, person)| person["resourceName"] = json!(format!("people/c{n}")));
    let mut google = before.clone();
    for contact in &town.crm {
        let (id, wanted) = (contact["id"].as_str().unwrap(), Wanted::read(contact));
        match town.same.iter().find(|(same, _)| same == id) {
            Some((_, index)) => write(&mut google[*index], id, &wanted),
            None if wanted.is_recognisable() => {
                let mut person = json!({"resourceName": format!("people/c{}", google.len())});
                write(&mut person, id, &wanted);
                google.push(person);
            }
            None => {}
        }
    }
    let mut pair = Pair { crm: town.crm, before, google, ..correct() };
    let verdict = pair.judge();
    assert!(verdict.is_clean(), "{verdict}");
    assert!(verdict.expected > 550 && verdict.found == verdict.expected, "{verdict}");
    // Without stamps the content alone tells nearly everyone; those entered twice may be taken for each other.
    for person in &mut pair.google[300..] {
        person["clientData"] = json!([]);
    }
    let verdict = pair.judge();
    assert_eq!((verdict.missing.len(), verdict.stray.len(), verdict.twins.len()), (0, 0, 0), "{verdict}");
    pair.google.pop();
    assert_eq!(pair.judge().missing.len(), 1);
}

#[test]
fn the_dump_of_the_pretend_google_is_read() {
    let dump =
        json!({"contacts": [{"resourceName": "people/c1", "sourceEtag": "#1", "person": {"names": []}}], "trash": []});
    assert_eq!(people(&dump), [json!({"resourceName": "people/c1", "names": []})]);
}

#[test]
fn a_phone_compares_by_its_number_and_an_invalid_one_by_its_text() {
    let key = |text: &str| Phone::read(text).map(|phone| phone.key);
    assert_eq!(key("514-555-0101"), key("+1 (514) 555-0101"));
    assert_eq!(key("514-555-0101 x12"), key("+15145550101;ext=12"));
    assert_ne!(key("514-555-0101 x12"), key("514-555-0101"));
    assert_eq!((key("+1807654321"), key("null")), (Some("+1807654321".into()), None));
}

#[test]
fn a_missing_contact_is_found_missing_unless_it_waits() {
    let mut pair = correct();
    pair.google.remove(1);
    assert_eq!(pair.judge().missing, ["idAAAAAAAAAAAAAAAAAA"]);
    pair.waiting.insert("idAAAAAAAAAAAAAAAAAA".into());
    assert!(pair.judge().is_clean());
}

#[test]
fn a_twin_is_found_by_its_stamp_and_by_its_content() {
    for unstamp in [false, true] {
        let mut pair = correct();
        let mut twin = pair.google[1].clone();
        twin["resourceName"] = json!("people/c9");
        if unstamp {
            twin["clientData"] = json!([]);
            twin["memberships"] = member(&["myContacts"]);
        }
        pair.google.push(twin);
        let twins = vec![("idAAAAAAAAAAAAAAAAAA".to_owned(), vec!["people/c1".to_owned(), "people/c9".to_owned()])];
        assert_eq!(pair.judge().twins, twins, "unstamp {unstamp}");
    }
}

#[test]
fn a_labelled_contact_of_nobody_is_stray() {
    let mut pair = correct();
    pair.crm.remove(0);
    assert_eq!(pair.judge().stray, ["people/c1"]);
}

#[test]
fn each_wrong_field_of_a_created_contact_is_found() {
    for (field, value) in [
        ("names", json!([{"givenName": "zoe"}])),
        ("names", json!([{"givenName": "Zoé", "familyName": "null"}])),
        ("organizations", json!([{"name": "Erable inc."}])),
        ("emailAddresses", json!([])),
        ("emailAddresses", json!([{"value": "zoe@a.example"}, {"value": "old@a.example"}])),
        ("phoneNumbers", json!([{"value": "(514) 555-0101"}, {"value": "+1807654321"}])),
        ("phoneNumbers", json!([{"value": "+15145550101"}])),
        ("addresses", json!([{"streetAddress": "1 rue A", "city": "Montréal"}])),
        ("addresses", json!([{"streetAddress": "1 rue A App 2", "city": "Montréal", "countryCode": "US"}])),
        ("urls", json!([{"value": "https://old.example"}, {"value": "https://a.example"}])),
        ("birthdays", json!([{"date": {"year": 1980, "month": 5, "day": 5}}])),
    ] {
        let mut pair = correct();
        pair.google[1][field] = value.clone();
        assert_eq!(pair.wrong_fields(), [("idA".to_owned(), field)], "{value}");
    }
}

#[test]
fn a_contact_without_the_label_is_wrong() {
    let mut pair = correct();
    pair.google[1]["memberships"] = member(&["myContacts"]);
    assert_eq!(pair.wrong_fields(), [("idA".to_owned(), "label")]);
}

#[test]
fn two_contacts_in_one_person_are_wrong() {
    let mut pair = correct();
    pair.google.remove(1);
    pair.google[1]["clientData"][1]["value"] = json!("idAAAAAAAAAAAAAAAAAA idBBBBBBBBBBBBBBBBBB");
    let fields = pair.wrong_fields();
    assert!(fields.contains(&("idA".into(), "person")) && fields.contains(&("idB".into(), "person")), "{fields:?}");
}

#[test]
fn an_adopted_contact_must_keep_every_value_and_gain_the_crms() {
    let mut pair = correct();
    pair.google[2]["phoneNumbers"] = json!([{"value": "514 555-0199", "type": "Chalet"}]);
    assert_eq!(pair.wrong_fields(), [("idB".to_owned(), "phoneNumbers")]);
    for (field, value) in [
        ("names", json!([{"givenName": "Jean", "familyName": "Côté"}])),
        ("phoneNumbers", json!([{"value": "+15145550102"}, {"value": "514 555-0199", "type": "mobile"}])),
        ("birthdays", json!([{"date": {"year": 1970, "month": 1, "day": 1}}])),
        ("clientData", json!([{"key": "x", "value": "idBBBBBBBBBBBBBBBBBB"}])),
        ("memberships", member(&["myContacts", "ours"])),
    ] {
        let mut pair = correct();
        pair.google[2][field] = value;
        assert_eq!(pair.judge().personal, [PersonalChange { resource: "people/c2".into(), field: field.into() }]);
    }
}

#[test]
fn a_personal_contact_that_changed_or_went_is_found() {
    let mut pair = correct();
    pair.google[0]["nicknames"] = json!([{"value": "Ti-Guy"}]);
    assert_eq!(pair.judge().personal, [PersonalChange { resource: "people/c3".into(), field: "nicknames".into() }]);
    pair.edited.insert("people/c3".into());
    assert!(pair.judge().is_clean(), "the user may");
    let mut pair = correct();
    pair.google.remove(0);
    assert_eq!(pair.judge().personal, [PersonalChange { resource: "people/c3".into(), field: "deleted".into() }]);
}

#[test]
fn the_table_has_a_row_per_question() {
    let table = correct().judge().to_string();
    let rows: Vec<_> =
        table.lines().map(|line| line.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end()).collect();
    assert_eq!(rows, ["expected", "found", "missing", "twins", "stray", "personal contacts changed", "wrong fields"]);
}
