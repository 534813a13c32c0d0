//! Which contacts of a CRM account a sync wants.

use std::fmt;

use crate::{
    config::declared::Sync,
    contact::{Contact, text_key},
};

/// Why a sync does not want a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Nothing a person could recognise it by.
    Unrecognisable,
    /// Not owned by one of the sync's owners.
    NotOwner,
    /// None of the sync's tags.
    NoTag,
    /// No phone number.
    NoPhone,
}

impl Outside {
    /// A short stable word for journals and counters.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unrecognisable => "unrecognisable",
            Self::NotOwner => "not-owner",
            Self::NoTag => "no-tag",
            Self::NoPhone => "no-phone",
        }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unrecognisable => "it has no name, company, e-mail or phone",
            Self::NotOwner => "it belongs to another owner",
            Self::NoTag => "it has none of the tags of this sync",
            Self::NoPhone => "it has no phone number",
        })
    }
}

/// Whether the sync wants the contact.
///
/// What a partial reading lacks says nothing: there `Err` means "do not create", never "has left the filter".
pub fn passes(sync: &Sync, contact: &Contact) -> Result<(), Outside> {
    if !contact.is_recognisable() {
        return Err(Outside::Unrecognisable);
    }
    if !sync.owners.is_empty() && !contact.owner.as_ref().is_some_and(|owner| sync.owners.contains(owner)) {
        return Err(Outside::NotOwner);
    }
    if !sync.tags.is_empty() && !has_any_tag(&sync.tags, &contact.tags) {
        return Err(Outside::NoTag);
    }
    // A phone field may hold "call me".
    if sync.has_phone && !contact.phones.iter().any(|p| p.contains(char::is_numeric)) {
        return Err(Outside::NoPhone);
    }
    Ok(())
}

fn has_any_tag(wanted: &[String], tags: &[String]) -> bool {
    wanted.iter().any(|w| tags.iter().any(|t| text_key(t) == text_key(w)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Name;

    fn sync(extra: &str) -> Sync {
        toml::from_str(&format!("name = 's'\ncrm = 'c/a'\ngoogle = 'g'\nlabel = 'l'\n{extra}")).unwrap()
    }

    fn jean() -> Contact {
        Contact {
            name: Name { given: "Jean".into(), ..Name::default() },
            owner: Some("u1".into()),
            tags: vec!["Mobile  Contact".into(), "acheteur".into()],
            phones: vec!["+15145550123".into()],
            ..Contact::default()
        }
    }

    #[test]
    fn each_rule_lets_in_what_it_names_and_nothing_else() {
        for (rules, verdict) in [
            ("", Ok(())),
            ("owners = ['u2', 'u1']", Ok(())),
            ("owners = ['u2']", Err(Outside::NotOwner)),
            ("tags = ['vendeur', 'mobile contact']", Ok(())),
            ("tags = ['ACHETEUR']", Ok(())),
            ("tags = ['mobile']", Err(Outside::NoTag)),
            ("has_phone = true", Ok(())),
            ("owners = ['u2']\ntags = ['acheteur']", Err(Outside::NotOwner)),
            ("owners = ['u1']\ntags = ['vendeur']", Err(Outside::NoTag)),
        ] {
            assert_eq!(passes(&sync(rules), &jean()), verdict, "{rules}");
        }
    }

    #[test]
    fn a_contact_without_owner_or_number_is_outside_where_one_is_asked_for() {
        let bare = Contact { owner: None, phones: vec!["call me".into()], ..jean() };
        assert_eq!(passes(&sync(""), &bare), Ok(()));
        assert_eq!(passes(&sync("owners = ['u1']"), &bare), Err(Outside::NotOwner));
        assert_eq!(passes(&sync("has_phone = true"), &bare), Err(Outside::NoPhone));
    }

    #[test]
    fn what_nobody_could_recognise_is_outside_every_sync() {
        assert_eq!(passes(&sync(""), &Contact::default()), Err(Outside::Unrecognisable));
    }
}
