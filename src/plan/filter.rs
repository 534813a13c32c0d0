//! Which contacts of a CRM account a sync wants.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    config::{declared::Sync, filter::OneOf},
    contact::{Contact, text_key},
};

/// Where a reading of a contact stands to a sync's filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The sync wants it.
    Inside,
    /// A partial reading does not say enough: it is not created on that account, and does not leave on it.
    Untold(Outside),
    /// The sync does not want it.
    Outside(Outside),
}

/// Why a sync does not want a contact; its code is a short stable word for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// Nothing a person could recognise it by.
    Unrecognisable,
    /// Not owned by one of the sync's owners.
    NotOwner,
    /// None of the sync's tags.
    NoTag,
    /// Not every one of the tags that it must have.
    LacksTag,
    /// A tag that it must not have.
    HasTag,
    /// No phone number.
    NoPhone,
    /// No e-mail address.
    NoEmail,
    /// Created before the sync's time.
    TooOld,
    /// A custom field holds something else.
    OtherValue,
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unrecognisable => "it has no name, company, e-mail or phone",
            Self::NotOwner => "it belongs to another owner",
            Self::NoTag => "it has none of the tags of this sync",
            Self::LacksTag => "it lacks a tag that this sync asks for",
            Self::HasTag => "it has a tag that keeps it out of this sync",
            Self::NoPhone => "it has no phone number",
            Self::NoEmail => "it has no e-mail address",
            Self::TooOld => "it was created before the time from which this sync counts",
            Self::OtherValue => "a custom field does not hold what this sync asks for",
        })
    }
}

/// What a reading says to one rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Yes,
    /// It holds nothing that answers.
    Silent,
    No,
}

/// Where the contact stands to the sync's filter; the first rule that keeps it out is the reason.
///
/// What a whole reading does not hold is not there. What a partial one lacks says nothing; what it holds counts.
pub fn place(sync: &Sync, contact: &Contact) -> Place {
    let answers = answers(sync, contact).map(|(why, answer)| match answer {
        // Which custom field is which could not be read: nobody leaves on that account.
        Answer::Silent if why == Outside::OtherValue && contact.unread.custom => (why, Answer::Silent),
        Answer::Silent if !contact.partial => (why, Answer::No),
        said => (why, said),
    });
    let first = |wanted: Answer| answers.iter().find(|(_, answer)| *answer == wanted).map(|(why, _)| *why);
    match (first(Answer::No), first(Answer::Silent)) {
        (Some(why), _) => Place::Outside(why),
        (None, Some(why)) => Place::Untold(why),
        (None, None) => Place::Inside,
    }
}

fn answers(sync: &Sync, contact: &Contact) -> [(Outside, Answer); 9] {
    let asked = |asks: bool, answer: Answer| if asks { answer } else { Answer::Yes };
    let there = |is_there: bool| if is_there { Answer::Yes } else { Answer::Silent };
    let owner = contact.owner.as_ref().map_or(Answer::Silent, |owner| said(sync.owners.contains(owner)));
    let since = sync
        .created_since
        .as_ref()
        .map_or(Answer::Yes, |since| contact.created.map_or(Answer::Silent, |created| said(created >= since.at())));
    [
        (Outside::Unrecognisable, there(contact.is_recognisable())),
        (Outside::NotOwner, asked(!sync.owners.is_empty(), owner)),
        (Outside::NoTag, asked(!sync.tags.is_empty(), tags(contact, |has| sync.tags.iter().any(has)))),
        (Outside::LacksTag, asked(!sync.tags_all.is_empty(), tags(contact, |has| sync.tags_all.iter().all(has)))),
        // Only a tag that is there keeps a contact out: CRMs leave an empty list of tags away.
        (Outside::HasTag, said(!sync.tags_none.iter().any(|tag| has_tag(contact, tag)))),
        // A phone field may hold "call me".
        (Outside::NoPhone, asked(sync.has_phone, there(contact.phones.iter().any(|p| p.contains(char::is_numeric))))),
        (Outside::NoEmail, asked(sync.has_email, there(contact.emails.iter().any(|e| e.contains('@'))))),
        (Outside::TooOld, since),
        (Outside::OtherValue, sync.custom.iter().map(|(f, v)| custom(contact, f, v)).max().unwrap_or(Answer::Yes)),
    ]
}

fn said(yes: bool) -> Answer {
    if yes { Answer::Yes } else { Answer::No }
}

/// A list of tags, where there is one, is all of them.
fn tags(contact: &Contact, test: impl Fn(&dyn Fn(&String) -> bool) -> bool) -> Answer {
    if contact.tags.is_empty() {
        return Answer::Silent;
    }
    said(test(&|tag| has_tag(contact, tag)))
}

fn has_tag(contact: &Contact, tag: &str) -> bool {
    let wanted = text_key(tag);
    contact.tags.iter().any(|tag| text_key(tag) == wanted)
}

/// A field that holds several values comes as a text with commas: one of them is enough.
fn custom(contact: &Contact, field: &str, wanted: &OneOf) -> Answer {
    let name = text_key(field);
    let wanted: Vec<String> = wanted.texts().iter().map(|text| text_key(text)).collect();
    let matches = |value: &str| {
        wanted.contains(&text_key(value)) || value.split(',').any(|part| wanted.contains(&text_key(part)))
    };
    let mut values = contact.custom.iter().filter(|(key, _)| text_key(key) == name).map(|(_, value)| value).peekable();
    if values.peek().is_none() {
        return Answer::Silent;
    }
    said(values.any(|value| matches(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Name;

    fn sync(extra: &str) -> Sync {
        toml::from_str(&format!("name = 's'\ncrm = 'c/a'\ngoogle = 'g'\nlabel = 'l'\n{extra}")).unwrap()
    }

    fn jean() -> Contact {
        let pair = |field: &str, value: &str| (field.to_owned(), value.to_owned());
        Contact {
            name: Name { given: "Jean".into(), ..Name::default() },
            owner: Some("u1".into()),
            tags: vec!["Mobile  Contact".into(), "acheteur".into()],
            phones: vec!["+15145550123".into()],
            created: "2025-01-01T00:00:00Z".parse().ok(),
            custom: vec![pair("Type de client", "Acheteur"), pair("cf9", "Laval, Montréal-Nord")],
            ..Contact::default()
        }
    }

    /// Each rule with a contact that it lets in and the reason for which it keeps another out.
    const RULES: [(&str, Option<Outside>); 26] = [
        ("", None),
        ("owners = ['u2', 'u1']", None),
        ("owners = ['u2']", Some(Outside::NotOwner)),
        ("owners = ['U1']", Some(Outside::NotOwner)),
        ("tags = ['vendeur', 'mobile contact']", None),
        ("tags = ['ACHETEUR']", None),
        ("tags = ['mobile']", Some(Outside::NoTag)),
        ("tags_all = ['acheteur', 'MOBILE CONTACT']", None),
        ("tags_all = ['acheteur', 'vip']", Some(Outside::LacksTag)),
        ("tags_none = ['vendeur']", None),
        ("tags_none = ['vendeur', 'Acheteur']", Some(Outside::HasTag)),
        ("has_phone = true", None),
        ("has_email = true", Some(Outside::NoEmail)),
        ("created_since = '2025-01-01'", None),
        ("created_since = '2024-12-31T19:00:00-05:00'", None),
        ("created_since = '2025-01-02'", Some(Outside::TooOld)),
        ("custom = { 'type de CLIENT' = 'acheteur' }", None),
        ("custom = { 'Type de client' = ['Vendeur', 'ACHETEUR'] }", None),
        ("custom = { 'Type de client' = 'Vendeur' }", Some(Outside::OtherValue)),
        ("custom = { 'Type de client' = 'Ache' }", Some(Outside::OtherValue)),
        ("custom = { CF9 = 'montréal-nord' }", None),
        ("custom = { cf9 = 'Laval, Montréal-Nord' }", None),
        ("custom = { 'Type de client' = 'Acheteur', Budget = '1' }", Some(Outside::OtherValue)),
        ("owners = ['u2']\ntags = ['acheteur']", Some(Outside::NotOwner)),
        ("owners = ['u1']\ntags = ['vendeur']", Some(Outside::NoTag)),
        ("tags = ['acheteur']\ntags_none = ['mobile contact']", Some(Outside::HasTag)),
    ];

    #[test]
    fn each_rule_lets_in_what_it_names_and_nothing_else() {
        for (rules, why) in RULES {
            let expected = why.map_or(Place::Inside, Place::Outside);
            assert_eq!(place(&sync(rules), &jean()), expected, "{rules}");
        }
    }

    #[test]
    fn what_a_whole_reading_lacks_is_not_there_and_what_a_partial_one_lacks_says_nothing() {
        let bare = Contact { name: jean().name, phones: vec!["call me".into()], ..Contact::default() };
        for (rule, why) in [
            ("owners = ['u1']", Outside::NotOwner),
            ("tags = ['a']", Outside::NoTag),
            ("tags_all = ['a']", Outside::LacksTag),
            ("has_phone = true", Outside::NoPhone),
            ("has_email = true", Outside::NoEmail),
            ("created_since = '2025-01-01'", Outside::TooOld),
            ("custom = { a = 'b' }", Outside::OtherValue),
        ] {
            assert_eq!(place(&sync(rule), &bare), Place::Outside(why), "{rule}");
            let partial = Contact { partial: true, ..bare.clone() };
            assert_eq!(place(&sync(rule), &partial), Place::Untold(why), "{rule}");
        }
        let partial = Contact { partial: true, ..bare };
        assert_eq!(place(&sync("tags_none = ['a']"), &partial), Place::Inside);
    }

    #[test]
    fn what_a_partial_reading_holds_counts() {
        let partial = Contact { partial: true, ..jean() };
        for (rules, why) in RULES.into_iter().filter(|(_, why)| *why != Some(Outside::NoEmail)) {
            // What it has no field for at all is the one thing that it does not say.
            let silent = rules.contains("Budget");
            let expected = match why {
                Some(why) if silent => Place::Untold(why),
                why => why.map_or(Place::Inside, Place::Outside),
            };
            assert_eq!(place(&sync(rules), &partial), expected, "{rules}");
        }
        let both = sync("has_email = true\nowners = ['u2']");
        assert_eq!(place(&both, &partial), Place::Outside(Outside::NotOwner), "one certain reason is enough");
    }

    #[test]
    fn what_nobody_could_recognise_is_outside_every_sync() {
        assert_eq!(place(&sync(""), &Contact::default()), Place::Outside(Outside::Unrecognisable));
    }

    #[test]
    fn every_reason_has_a_code_and_a_sentence_of_its_own() {
        let all: std::collections::BTreeSet<Outside> =
            answers(&sync(""), &Contact::default()).into_iter().map(|(why, _)| why).collect();
        let codes: Vec<String> = all.iter().map(|why| serde_json::to_string(why).unwrap()).collect();
        assert_eq!(
            codes.join(" ").replace('"', ""),
            "unrecognisable not-owner no-tag lacks-tag has-tag no-phone no-email too-old other-value"
        );
        let sentences: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(sentences.len(), codes.len());
    }

    #[test]
    fn nobody_leaves_because_custom_fields_could_not_be_read() {
        let asks = sync("custom = { 'Type de client' = 'Acheteur' }");
        let bare = Contact { custom: Vec::new(), ..jean() };
        assert_eq!(place(&asks, &bare), Place::Outside(Outside::OtherValue));
        let unread = crate::contact::Unread { custom: true, owner: false };
        assert_eq!(place(&asks, &Contact { unread, ..bare }), Place::Untold(Outside::OtherValue));
    }
}
