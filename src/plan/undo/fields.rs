//! One field taken back: by what stood there before and after a write, and what stands there now. Only what is still as it was
//! written goes, and what the write took away comes back in its place.

use std::collections::BTreeSet;

use super::Write;
use crate::{
    google::person::{Field, Item, MY_CONTACTS, MembershipValue, NameValue, Person},
    plan::{
        canonical::is_contacts_own,
        change::as_written,
        create::member_of,
        release::groups,
        twin::{ADDED_BY_GOOGLE, ADDED_TO_NAMES},
    },
};

/// Takes one write of a field back; answers whether something of it stays, because it was changed since.
pub(super) fn revert(field: Field, now: &mut Person, write: &Write) -> bool {
    let (before, after) = (&write.before, &write.after);
    match field {
        Field::Names => name(&mut now.names, &before.names, &after.names),
        Field::EmailAddresses => entries(&mut now.email_addresses, &before.email_addresses, &after.email_addresses),
        Field::PhoneNumbers => entries(&mut now.phone_numbers, &before.phone_numbers, &after.phone_numbers),
        Field::Addresses => entries(&mut now.addresses, &before.addresses, &after.addresses),
        Field::Organizations => entries(&mut now.organizations, &before.organizations, &after.organizations),
        Field::Birthdays => single(&mut now.birthdays, &before.birthdays, &after.birthdays),
        Field::Urls => entries(&mut now.urls, &before.urls, &after.urls),
        Field::Nicknames => entries(&mut now.nicknames, &before.nicknames, &after.nicknames),
        Field::Biographies => single(&mut now.biographies, &before.biographies, &after.biographies),
        Field::Relations => entries(&mut now.relations, &before.relations, &after.relations),
        Field::Events => entries(&mut now.events, &before.events, &after.events),
        Field::UserDefined => entries(&mut now.user_defined, &before.user_defined, &after.user_defined),
        // Labels and stamps have rules of their own.
        Field::Memberships | Field::ClientData => false,
    }
}

/// Takes one write of the labels back. `there`: the labels that exist; `stays`: those that are not ours to give or take.
pub(super) fn labels(now: &mut Person, write: &Write, there: &BTreeSet<String>, stays: impl Fn(&str) -> bool) -> bool {
    let set = |person: &Person| person.labels().map(str::to_owned).collect::<BTreeSet<String>>();
    let (before, after) = (set(&write.before), set(&write.after));
    let mut is_lost = false;
    for label in before.difference(&after).filter(|label| !stays(label)) {
        if !there.contains(label) && label != MY_CONTACTS {
            is_lost = true;
        } else if !now.labels().any(|l| l == label) {
            now.memberships = groups(now).into_iter().chain([member_of(label)]).collect();
        }
    }
    take_off(now, |label| after.contains(label) && !before.contains(label) && !stays(label));
    is_lost
}

/// Takes labels off; whoever would be left without any stays in *My contacts*.
pub(super) fn take_off(now: &mut Person, goes: impl Fn(&str) -> bool) {
    if !now.labels().any(&goes) {
        return;
    }
    let is_one = |item: &Item<MembershipValue>| {
        item.value.contact_group_membership.as_ref().is_some_and(|g| goes(&g.contact_group_resource_name))
    };
    let mut left: Vec<_> = groups(now).into_iter().filter(|item| !is_one(item)).collect();
    if left.is_empty() {
        left.push(member_of(MY_CONTACTS));
    }
    now.memberships = left;
}

/// Whether the two persons hold something else in this field, leaving aside what Google adds and the order of a list.
pub(super) fn differs(field: Field, one: &Person, other: &Person) -> bool {
    let Person { names, email_addresses, phone_numbers, addresses, organizations, birthdays, urls, .. } = one;
    let Person { nicknames, biographies, relations, events, user_defined, .. } = one;
    match field {
        Field::Names => !is_same(names, &other.names),
        Field::EmailAddresses => !is_same(email_addresses, &other.email_addresses),
        Field::PhoneNumbers => !is_same(phone_numbers, &other.phone_numbers),
        Field::Addresses => !is_same(addresses, &other.addresses),
        Field::Organizations => !is_same(organizations, &other.organizations),
        Field::Birthdays => !is_same(birthdays, &other.birthdays),
        Field::Urls => !is_same(urls, &other.urls),
        Field::Nicknames => !is_same(nicknames, &other.nicknames),
        Field::Biographies => !is_same(biographies, &other.biographies),
        Field::Relations => !is_same(relations, &other.relations),
        Field::Events => !is_same(events, &other.events),
        Field::UserDefined => !is_same(user_defined, &other.user_defined),
        Field::Memberships => one.labels().collect::<BTreeSet<_>>() != other.labels().collect::<BTreeSet<_>>(),
        Field::ClientData => false,
    }
}

/// A list: what was added goes; what was taken away comes back if all that was added in its place is still there.
fn entries<T: Clone + Default + PartialEq>(now: &mut Vec<Item<T>>, before: &[Item<T>], after: &[Item<T>]) -> bool {
    let (was, became, is) = (bare(before), bare(after), bare(now));
    let added: Vec<_> = became.iter().filter(|item| !was.contains(item)).collect();
    let removed: Vec<_> = was.iter().filter(|item| !became.contains(item)).collect();
    if (added.is_empty() && removed.is_empty()) || is_same_bare(&is, &was) {
        return false;
    }
    let is_whole = added.iter().all(|item| is.contains(item));
    let stays = own(now).into_iter().zip(&is).filter(|(_, bare)| !added.contains(bare));
    let mut list: Vec<Item<T>> = stays.map(|(item, _)| item).collect();
    if is_whole {
        let back = own(before).into_iter().zip(&was).filter(|(_, bare)| removed.contains(bare) && !is.contains(bare));
        list.extend(back.map(|(item, _)| without_text(item)));
    }
    if is_same_bare(&is, &became) {
        // Nobody has touched it since: in its old order too.
        list.sort_by_key(|item| was.iter().position(|one| bare(std::slice::from_ref(item)).first() == Some(one)));
    }
    *now = list;
    !is_whole
}

/// Only what we wrote ever went, and of our addresses Google builds the text.
fn without_text<T: Default>(mut item: Item<T>) -> Item<T> {
    item.rest.remove("formattedValue");
    item
}

/// The one value of a field.
fn single<T: Clone + Default + PartialEq>(now: &mut Vec<Item<T>>, before: &[Item<T>], after: &[Item<T>]) -> bool {
    if is_same(before, after) || is_same(now, before) {
        return false;
    }
    if !is_same(now, after) {
        return true;
    }
    *now = own(before);
    false
}

/// The name, part by part: an edit of one does not keep the others.
fn name(now: &mut Vec<Item<NameValue>>, before: &[Item<NameValue>], after: &[Item<NameValue>]) -> bool {
    if is_same(now, after) {
        // One that Google could not take apart comes back as it was typed.
        *now = own(before);
        now.iter_mut().for_each(without_derived);
        return false;
    }
    let value = |list: &[Item<NameValue>]| own(list).into_iter().next().unwrap_or_default();
    let (was, became, mut is) = (value(before).value, value(after).value, value(now));
    let mut stays = false;
    for (was, became, is) in [
        (was.given_name, became.given_name, &mut is.value.given_name),
        (was.middle_name, became.middle_name, &mut is.value.middle_name),
        (was.family_name, became.family_name, &mut is.value.family_name),
    ] {
        if was == became || *is == was {
            continue;
        }
        if *is == became {
            *is = was;
        } else {
            stays = true;
        }
    }
    without_derived(&mut is);
    let is_empty = is.value == NameValue::default() && is.rest.is_empty();
    *now = if is_empty { Vec::new() } else { vec![is] };
    stays
}

/// What Google makes of the parts of a name is not sent back; a name without parts is nothing else.
fn without_derived(name: &mut Item<NameValue>) {
    let is_whole = name.value == NameValue::default();
    for derived in ADDED_TO_NAMES.into_iter().filter(|key| !(is_whole && *key == "unstructuredName")) {
        name.rest.remove(derived);
    }
}

/// The contact's own entries, as they are sent back.
fn own<T: Clone + Default>(list: &[Item<T>]) -> Vec<Item<T>> {
    list.iter().filter(|item| is_contacts_own(item)).map(as_written).collect()
}

/// The same, without what Google adds by itself.
fn bare<T: Clone + Default>(list: &[Item<T>]) -> Vec<Item<T>> {
    let mut bare = own(list);
    for item in &mut bare {
        for added in ADDED_BY_GOOGLE.into_iter().chain(ADDED_TO_NAMES) {
            item.rest.remove(added);
        }
    }
    bare
}

fn is_same<T: Clone + Default + PartialEq>(one: &[Item<T>], other: &[Item<T>]) -> bool {
    is_same_bare(&bare(one), &bare(other))
}

/// Google promises no order of a list.
fn is_same_bare<T: Default + PartialEq>(one: &[Item<T>], other: &[Item<T>]) -> bool {
    one.len() == other.len()
        && one.iter().all(|item| other.contains(item))
        && other.iter().all(|item| one.contains(item))
}
