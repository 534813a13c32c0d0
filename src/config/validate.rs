//! Checks of declared state that need nobody else: names, references, pairs that stand twice.

mod filter;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    declared::{Crm, Declared, Every, Kind, Scheme, Sync},
    mapping::Link,
};

/// Something in the declared state that cannot be; the sentence says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// Every problem at once, so that a file is corrected in one go.
pub fn check(declared: &Declared) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut say = |text: String| wrong.push(Wrong(text));
    names("crm", declared.crm.iter().map(|c| c.name.as_str()), &mut say);
    names("google", declared.google.iter().map(|g| g.name.as_str()), &mut say);
    names("sync", declared.sync.iter().map(|s| s.name.as_str()), &mut say);
    declared.crm.iter().for_each(|crm| check_crm(crm, &mut say));
    accounts_once(declared, &mut say);
    declared.sync.iter().for_each(|sync| check_sync(declared, sync, &mut say));
    syncs_once(declared, &mut say);
    maps(declared, &mut say);
    wrong
}

fn names<'a>(kind: &str, names: impl Iterator<Item = &'a str>, say: &mut impl FnMut(String)) {
    let mut seen = BTreeSet::new();
    for name in names {
        let good = !name.is_empty()
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
        if !good {
            say(format!("{kind} \"{name}\": a name has 1 to 64 lower-case letters, digits, - and _"));
        }
        if !seen.insert(name) {
            say(format!("{kind} \"{name}\" stands twice; give each its own name"));
        }
    }
}

fn check_crm(crm: &Crm, say: &mut impl FnMut(String)) {
    let name = &crm.name;
    if crm.kind == Kind::Generic {
        if crm.map.is_none() {
            say(format!("crm \"{name}\" is generic and needs a [crm.map] that says where things are in its payload"));
        }
        if !is_key_part(crm.vendor()) {
            say(format!("crm \"{name}\": vendor may hold letters, digits, - and _ only"));
        }
    }
    if crm.kind != Kind::Highlevel && crm.signature.is_none() {
        say(format!("crm \"{name}\" needs a [crm.signature], or anybody could post to its webhook URL"));
    }
    if let Some(signature) = &crm.signature {
        let keyed = matches!(signature.scheme, Scheme::Ed25519 | Scheme::RsaSha256);
        if keyed && signature.public_keys.is_empty() {
            say(format!("crm \"{name}\": its signature needs public_keys"));
        }
        if !keyed && signature.secrets.is_empty() {
            say(format!("crm \"{name}\": its signature needs secrets; an empty list would let nobody in"));
        }
    }
    for account in &crm.account {
        if !is_key_part(&account.id) {
            say(format!("crm \"{name}\": account id \"{}\" may hold letters, digits, - _ and . only", account.id));
        }
        if crm.kind == Kind::Generic && (account.token.is_some() || account.refresh_token.is_some()) {
            say(format!("crm \"{name}\": a generic CRM has no API to use a token for; remove it"));
        }
        if account.token.is_some() && account.refresh_token.is_some() {
            say(format!("crm \"{name}\": account {} has token and refresh_token; keep one", account.id));
        }
        if account.refresh_token.is_some() && (crm.client_id.is_none() || crm.client_secret.is_none()) {
            say(format!("crm \"{name}\": a refresh_token needs the app's client_id and client_secret on the crm"));
        }
    }
}

fn is_key_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Keys and stamps use vendor and account id, so one account under two names would be two masters of the same contacts.
fn accounts_once(declared: &Declared, say: &mut impl FnMut(String)) {
    let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for crm in &declared.crm {
        for account in &crm.account {
            if let Some(first) = seen.insert((crm.vendor(), &account.id), &crm.name) {
                say(format!(
                    "the CRM account {} is configured under \"{first}\" and \"{}\"; one CRM account may be connected once only",
                    account.id, crm.name
                ));
            }
        }
    }
}

fn check_sync(declared: &Declared, sync: &Sync, say: &mut impl FnMut(String)) {
    let name = &sync.name;
    let known = sync.crm.split_once('/').is_some_and(|(crm, account)| {
        declared.crm.iter().any(|c| c.name == crm && c.account.iter().any(|a| a.id == account))
    });
    if !known {
        say(format!("sync \"{name}\": crm = \"{}\" is no configured CRM account; write CRM-NAME/ACCOUNT-ID", sync.crm));
    }
    if !declared.google.iter().any(|g| g.name == sync.google) {
        say(format!("sync \"{name}\": there is no google account named \"{}\"", sync.google));
    }
    let crm = sync.crm.split_once('/').and_then(|(crm, _)| declared.crm.iter().find(|c| c.name == crm));
    filter::check(sync, crm, say);
    let label = sync.label.trim();
    if label.is_empty() || label.chars().count() > 100 || label != sync.label {
        say(format!("sync \"{name}\": the label needs 1 to 100 characters, without blanks around it"));
    }
    if let Every::Interval(interval) = sync.every
        && interval.as_secs() < 60
    {
        say(format!("sync \"{name}\": every = \"{}\" is more often than Google allows; 1m at the least", sync.every));
    }
}

/// The same CRM account to the same Google account with the same label twice would fight over removals.
fn syncs_once(declared: &Declared, say: &mut impl FnMut(String)) {
    let mut seen: BTreeMap<(&str, &str, String), &str> = BTreeMap::new();
    for sync in &declared.sync {
        if let Some(first) = seen.insert((&sync.crm, &sync.google, sync.label.to_lowercase()), &sync.name) {
            say(format!("syncs \"{first}\" and \"{}\" go from and to the same place; keep one", sync.name));
        }
    }
}

fn maps(declared: &Declared, say: &mut impl FnMut(String)) {
    for (at, sync) in declared.sync.iter().enumerate() {
        let name = &sync.name;
        sync.map.problems().into_iter().for_each(|problem| say(format!("sync \"{name}\": {problem}")));
        let kind = declared.crm.iter().find(|c| sync.crm.starts_with(&format!("{}/", c.name))).map(|c| c.kind);
        if sync.map.link == Link::On && kind == Some(Kind::Generic) {
            say(format!("sync \"{name}\": link = true is for HighLevel; write the address, with {{contact}} in it"));
        }
        let same_google = declared.sync.iter().filter(|other| other.google == sync.google);
        for other in
            same_google.clone().filter(|o| sync.map.labels().any(|l| l.to_lowercase() == o.label.to_lowercase()))
        {
            say(format!(
                "sync \"{name}\": its map gives the label \"{}\", which is that of sync \"{}\"; a label that is taken off \
                 would mean two things",
                other.label, other.name
            ));
        }
        // One Google contact stands for one CRM contact, whichever sync brings it: two maps would write over each other.
        for other in same_google.take(at.min(declared.sync.len())).filter(|o| o.name != *name) {
            if other.crm == sync.crm && other.map != sync.map {
                say(format!(
                    "syncs \"{}\" and \"{name}\" bring the same CRM account to the same Google account and need the same [sync.map]",
                    other.name
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(toml: &str) -> Vec<String> {
        check(&toml::from_str(toml).expect("toml")).into_iter().map(|w| w.0).collect()
    }

    const GOOD: &str = r#"
        [[crm]]
        name = "centiva"
        kind = "highlevel"
        [[crm.account]]
        id = "LOC1"
        [[google]]
        name = "office"
        [[sync]]
        name = "phone"
        crm = "centiva/LOC1"
        google = "office"
        label = "Centiva"
    "#;

    #[test]
    fn a_good_file_has_no_problem() {
        assert_eq!(said(GOOD), Vec::<String>::new());
    }

    #[test]
    fn one_crm_account_under_two_names_is_refused_with_a_sentence() {
        let twice = format!("{GOOD}\n[[crm]]\nname = \"other\"\nkind = \"highlevel\"\n[[crm.account]]\nid = \"LOC1\"");
        assert!(said(&twice)[0].contains("one CRM account may be connected once only"), "{:?}", said(&twice));
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let bad = "[[crm]]\nname = \"A b\"\nkind = \"generic\"\n[[sync]]\nname = \"s\"\ncrm = \"x\"\ngoogle = \"y\"\nlabel = \"\"";
        assert_eq!(said(bad).len(), 6, "{:#?}", said(bad));
    }
}
