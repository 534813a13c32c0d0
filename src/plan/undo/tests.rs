//! What is taken back and what stays, field by field and contact by contact.

use serde_json::{Value, json};

use super::*;
use crate::plan::{
    base::Base,
    canonical::{Part, keys_of},
    stamp::stamped,
};

const LABEL: &str = "contactGroups/crm";
const OWN: &str = "contactGroups/family";

fn account() -> AccountKey {
    AccountKey { vendor: "highlevel".into(), id: "loc".into() }
}

fn person(fields: Value) -> Person {
    serde_json::from_value(fields).expect("a person")
}

fn labelled(mut person: Person, labels: &[&str]) -> Person {
    person.memberships = labels.iter().map(|label| crate::plan::create::member_of(label)).collect();
    person
}

/// With a stamp of ours; its base is all that stands there, as after a create.
fn stamped_as(mut person: Person, origin: Origin, released: bool, op: &str, base: Base) -> Person {
    let contact = "c1".to_owned();
    let stamp = Stamp { account: account(), contact, origin, op: op.into(), released, base };
    person.client_data = stamped(&person, &stamp);
    person.resource_name = "people/c1".into();
    person
}

fn base_of(person: &Person) -> Base {
    keys_of(person, "CA").into_iter().collect()
}

fn write(before: &Person, after: &Person) -> Write {
    let mask = Field::ALL.into_iter().collect();
    Write { mask, before: before.clone(), after: after.clone(), ..Write::default() }
}

struct Case<'a> {
    writes: &'a [Write],
    now: Option<&'a Person>,
    others: bool,
    untouched: bool,
    leaves: bool,
}

impl Case<'_> {
    fn decided(&self) -> Reversal {
        let labels = [LABEL, OWN].map(str::to_owned).into();
        undo(&Undo {
            account: &account(),
            contact: "c1",
            writes: self.writes,
            person: self.now,
            op: "undo",
            label: Some(LABEL),
            is_held_by_others: self.others,
            is_label_shared: false,
            is_untouched: self.untouched,
            labels: &labels,
            map: &Mapping::default(),
            region: "CA",
            leaves: self.leaves,
        })
    }
}

fn decided(writes: &[Write], now: &Person) -> Reversal {
    Case { writes, now: Some(now), others: false, untouched: false, leaves: false }.decided()
}

/// The person as an update leaves it, and the fields that stay.
fn updated(reversal: &Reversal, now: &Person) -> (Person, BTreeSet<Field>) {
    match reversal {
        Reversal::Update { change, left } => {
            (change.applied_to(now), left.as_ref().map(|left| left.fields.clone()).unwrap_or_default())
        }
        other => panic!("no update: {other:?}"),
    }
}

#[test]
fn one_field_is_taken_back_unless_it_was_changed_since() {
    let (a, b, c, d) = (json!({"value": "a"}), json!({"value": "b"}), json!({"value": "c"}), json!({"value": "d"}));
    let (bt, bx) = (json!({"value": "b", "type": "work"}), json!({"value": "b", "canonicalForm": "+b"}));
    for (before, after, now, back, stays) in [
        // A list: what was added goes, what was taken away comes back.
        (vec![&a], vec![&a, &b], vec![&b, &a], vec![&a], false),
        (vec![&a], vec![&a, &b], vec![&a, &bx], vec![&a], false),
        (vec![&a], vec![&a, &b], vec![&a, &b, &c], vec![&a, &c], false),
        (vec![&a], vec![&b], vec![&b, &c], vec![&c, &a], false),
        (vec![&a], vec![], vec![&c], vec![&c, &a], false),
        // Edited, given a type, taken out or replaced since.
        (vec![&a], vec![&a, &b], vec![&a, &c], vec![&a, &c], true),
        (vec![&a], vec![&a, &b], vec![&a, &bt], vec![&a, &bt], true),
        (vec![&a], vec![&b], vec![&d], vec![&d], true),
        // Nothing to do, or done already.
        (vec![&a], vec![&a], vec![&c], vec![&c], false),
        (vec![&a], vec![&a, &b], vec![&a], vec![&a], false),
    ] {
        let of = |list: &[&Value]| person(json!({ "emailAddresses": list }));
        let mut there = of(&now);
        let left = fields::revert(Field::EmailAddresses, &mut there, &write(&of(&before), &of(&after)));
        assert_eq!((there, left), (of(&back), stays), "{before:?} {after:?} {now:?}");
    }
}

#[test]
fn a_name_goes_back_part_by_part() {
    let name = |given: &str, family: &str| json!({"givenName": given, "familyName": family});
    let whole = json!({"unstructuredName": "Papa", "displayName": "Papa"});
    for (before, after, now, back, stays) in [
        (name("Ann", ""), name("Anne", "Roy"), name("Anne", "Roy"), Some(name("Ann", "")), false),
        (name("Ann", ""), name("Anne", "Roy"), name("Anne", "Côté"), Some(name("Ann", "Côté")), true),
        (name("Ann", ""), name("Anne", "Roy"), name("Maman", "Côté"), Some(name("Maman", "Côté")), true),
        (Value::Null, name("Anne", "Roy"), name("Anne", "Roy"), None, false),
        (whole, name("Jean", "Roy"), name("Jean", "Roy"), Some(json!({"unstructuredName": "Papa"})), false),
    ] {
        let of = |name: &Value| person(if name.is_null() { json!({}) } else { json!({ "names": [name] }) });
        let mut there = of(&now);
        let left = fields::revert(Field::Names, &mut there, &write(&of(&before), &of(&after)));
        assert_eq!((there, left), (of(&back.unwrap_or_default()), stays), "{before} {after} {now}");
    }
}

#[test]
fn a_note_or_birthday_goes_back_if_it_is_still_the_one_that_was_written() {
    let note = |text: &str| person(json!({"biographies": [{"value": text}]}));
    let none = Person::default();
    for (before, after, now, back, stays) in [
        (&none, &note("a"), &note("a"), &none, false),
        (&note("x"), &note("a"), &note("a"), &note("x"), false),
        (&note("x"), &note("a"), &note("mine"), &note("mine"), true),
        (&note("x"), &note("a"), &note("x"), &note("x"), false),
    ] {
        let mut there = now.clone();
        let left = fields::revert(Field::Biographies, &mut there, &write(before, after));
        assert_eq!((&there, left), (back, stays));
    }
}

#[test]
fn labels_go_and_come_back_if_they_still_exist() {
    for (before, after, now, back, stays) in [
        (&[OWN][..], &[OWN, LABEL][..], &[OWN, LABEL][..], &[OWN][..], false),
        (&[OWN], &[OWN, LABEL], &[OWN], &[OWN], false),
        (&[LABEL], &[MY], &[MY], &[LABEL], false),
        (&[OWN, "contactGroups/gone"], &[OWN], &[OWN], &[OWN], true),
        (&[], &[LABEL], &[LABEL], &[MY], false),
    ] {
        let of = |labels: &[&str]| labelled(Person::default(), labels);
        let mut there = of(now);
        let existing = [LABEL, OWN].map(str::to_owned).into();
        let left = fields::labels(&mut there, &write(&of(before), &of(after)), &existing, |_| false);
        assert_eq!((there.labels().collect::<Vec<_>>(), left), (back.to_vec(), stays), "{before:?} {after:?} {now:?}");
    }
}

const MY: &str = crate::google::person::MY_CONTACTS;

/// Somebody that we made, as it stands in Google.
fn made() -> (Person, Write) {
    let bare = person(json!({"names": [{"givenName": "Anne"}], "phoneNumbers": [{"value": "+15145550101"}]}));
    let base = base_of(&bare);
    let made = stamped_as(labelled(bare, &[MY, LABEL]), Origin::Created, false, "op", base);
    let write = Write { made: true, ..write(&Person::default(), &made) };
    (made, write)
}

#[test]
fn what_we_made_goes_to_the_trash_only_as_we_left_it() {
    let (now, write) = made();
    let writes = [write];
    let trash =
        |untouched| Case { writes: &writes, now: Some(&now), others: false, untouched, leaves: false }.decided();
    assert_eq!(trash(true), Reversal::Trash { unread: false });
    assert_eq!(trash(false), Reversal::Trash { unread: true });
    for (fields, changed) in [
        (json!({"nicknames": [{"value": "Nana"}]}), Field::Nicknames),
        (json!({"phoneNumbers": [{"value": "+15145550101", "type": "home"}]}), Field::PhoneNumbers),
        (json!({"names": []}), Field::Names),
    ] {
        let mut edited = now.clone();
        edited.take(changed, &person(fields));
        let left = Left { why: Why::ChangedSince, fields: [changed].into() };
        assert_eq!(decided(&writes, &edited), Reversal::Stays(left));
    }
    for labels in [&[MY][..], &[MY, LABEL, OWN]] {
        let left = Left { why: Why::ChangedSince, fields: [Field::Memberships].into() };
        assert_eq!(decided(&writes, &labelled(now.clone(), labels)), Reversal::Stays(left));
    }
    let gone = Case { writes: &writes, now: None, others: false, untouched: false, leaves: false };
    assert_eq!(gone.decided(), Reversal::Nothing);
}

#[test]
fn what_another_sync_holds_too_loses_our_label_only() {
    let (now, write) = made();
    let reversal = Case { writes: &[write], now: Some(&now), others: true, untouched: true, leaves: false }.decided();
    let (after, left) = updated(&reversal, &now);
    assert_eq!(after.labels().collect::<Vec<_>>(), [MY]);
    assert_eq!((after.names, after.phone_numbers), (now.names.clone(), now.phone_numbers.clone()));
    assert!(stamp_for(&reversal_person(&reversal), &account(), "c1").is_some_and(|stamp| !stamp.released));
    assert_eq!(left, [Field::Names, Field::PhoneNumbers].into());
}

fn reversal_person(reversal: &Reversal) -> Person {
    match reversal {
        Reversal::Update { change, .. } => change.person.clone(),
        other => panic!("no update: {other:?}"),
    }
}

/// Somebody who was there before, and what we added.
fn adopted() -> (Person, Person, Write) {
    let before = labelled(person(json!({"names": [{"givenName": "Anne"}], "nicknames": [{"value": "Nana"}]})), &[MY]);
    let mut after = before.clone();
    after.phone_numbers = person(json!({"phoneNumbers": [{"value": "+15145550101"}]})).phone_numbers;
    let base = Base::from_iter([(Part::Phone, "+15145550101".to_owned())]);
    let after = stamped_as(labelled(after, &[MY, LABEL]), Origin::Adopted, false, "op", base);
    let write = write(&before, &after);
    (before, after, write)
}

#[test]
fn who_was_adopted_is_let_go_of_with_the_values_of_before() {
    let (before, now, write) = adopted();
    let (after, left) = updated(&decided(&[write], &now), &now);
    assert_eq!(Person { client_data: Vec::new(), resource_name: String::new(), ..after.clone() }, before);
    let stamp = stamp_for(&after, &account(), "c1").expect("a stamp");
    assert!(stamp.released && stamp.op == "undo" && stamp.base == Base::default(), "{stamp:?}");
    assert_eq!(left, BTreeSet::new());
    // Once it is done, the same operation has nothing more to do, and another one finds it let go of.
    let (_, _, write) = adopted();
    assert_eq!(decided(std::slice::from_ref(&write), &after), Reversal::Done);
    let later = stamped_as(after.clone(), Origin::Adopted, true, "another", Base::default());
    let left = Left { why: Why::LetGo, fields: BTreeSet::new() };
    assert_eq!(decided(&[write], &later), Reversal::Stays(left));
}

#[test]
fn what_the_owner_took_out_stays_known_and_is_not_written_again() {
    let (_, now, write) = adopted();
    let edited = Person { phone_numbers: Vec::new(), ..now };
    let (after, left) = updated(&decided(&[write], &edited), &edited);
    let stamp = stamp_for(&after, &account(), "c1").expect("a stamp");
    assert!(stamp.released && stamp.base.has(Part::Phone, "+15145550101"), "{stamp:?}");
    assert_eq!(left, BTreeSet::new());
}

#[test]
fn an_undo_is_undone_in_turn() {
    let (_, now, adopted) = adopted();
    let (after, _) = updated(&decided(&[adopted], &now), &now);
    let undone = write(&now, &after);
    let held = stamped_as(after.clone(), Origin::Adopted, true, "undo", Base::default());
    let labels = [LABEL, OWN].map(str::to_owned).into();
    let input = Undo { op: "again", labels: &labels, ..again(&undone, &held) };
    let (back, _) = updated(&undo(&input), &held);
    assert_eq!((&back.phone_numbers, back.labels().collect::<Vec<_>>()), (&now.phone_numbers, vec![MY, LABEL]));
    assert!(stamp_for(&back, &account(), "c1").is_some_and(|s| !s.released && s.base.has_any(Part::Phone)));
}

fn again<'a>(write: &'a Write, now: &'a Person) -> Undo<'a> {
    static ACCOUNT: std::sync::LazyLock<AccountKey> = std::sync::LazyLock::new(account);
    static MAP: std::sync::LazyLock<Mapping> = std::sync::LazyLock::new(Mapping::default);
    static LABELS: BTreeSet<String> = BTreeSet::new();
    Undo {
        account: &ACCOUNT,
        contact: "c1",
        writes: std::slice::from_ref(write),
        person: Some(now),
        op: "again",
        label: Some(LABEL),
        is_held_by_others: false,
        is_label_shared: false,
        is_untouched: false,
        labels: &LABELS,
        map: &MAP,
        region: "CA",
        leaves: false,
    }
}

#[test]
fn of_several_writes_the_newest_is_taken_back_first() {
    let (before, first, one) = adopted();
    let second = {
        let mut second = first.clone();
        second.phone_numbers = person(json!({"phoneNumbers": [{"value": "+15145550102"}]})).phone_numbers;
        let base = Base::from_iter([(Part::Phone, "+15145550102".to_owned())]);
        stamped_as(second, Origin::Adopted, false, "op-2", base)
    };
    let two = write(&first, &second);
    let (back, _) = updated(&decided(std::slice::from_ref(&two), &second), &second);
    assert_eq!(back.phone_numbers, first.phone_numbers, "the update alone");
    assert!(stamp_for(&back, &account(), "c1").is_some_and(|s| !s.released && s.base.has(Part::Phone, "+15145550101")));
    let mut edited = second.clone();
    edited.phone_numbers.extend(person(json!({"phoneNumbers": [{"value": "+15145550999"}]})).phone_numbers);
    let (back, _) = updated(&decided(&[one, two], &edited), &edited);
    assert_eq!(back.phone_numbers, edited.phone_numbers[1..], "what the owner added stays");
    assert_eq!(back.nicknames, before.nicknames);
}

#[test]
fn what_went_to_the_trash_is_its_owners_to_bring_back() {
    let (now, _) = made();
    let trashed = Write { trashed: true, at: Timestamp::UNIX_EPOCH, ..write(&now, &Person::default()) };
    let case = Case { writes: &[trashed], now: None, others: false, untouched: false, leaves: false };
    let Reversal::Stays(left) = case.decided() else { panic!("it stays") };
    assert!(left.why.to_string().contains("in Google's trash until 1970-01-31"), "{}", left.why);
}

#[test]
fn a_sync_that_leaves_lets_go_also_of_what_it_had_before_the_journal() {
    let (_, now, _) = adopted();
    let reversal = Case { writes: &[], now: Some(&now), others: false, untouched: false, leaves: true }.decided();
    let (after, _) = updated(&reversal, &now);
    assert_eq!((after.labels().collect::<Vec<_>>(), &after.phone_numbers), (vec![MY], &now.phone_numbers));
    assert!(stamp_for(&after, &account(), "c1").is_some_and(|stamp| stamp.released));
    let (now, _) = made();
    // Nobody can tell any more what we wrote first: what we never read is looked at before it goes.
    let case = Case { writes: &[], now: Some(&now), others: false, untouched: true, leaves: true };
    assert_eq!(case.decided(), Reversal::Trash { unread: true });
}
