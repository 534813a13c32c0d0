//! Field masks, read to the letter: no blanks, no sub-fields, no names outside Google's lists.

use super::refusal::Refusal;

/// What `personFields` and `readMask` may name. The place in this list stands for the field inside etags.
pub const READABLE: [&str; 29] = [
    "addresses",
    "ageRanges",
    "biographies",
    "birthdays",
    "calendarUrls",
    "clientData",
    "coverPhotos",
    "emailAddresses",
    "events",
    "externalIds",
    "genders",
    "imClients",
    "interests",
    "locales",
    "locations",
    "memberships",
    "metadata",
    "miscKeywords",
    "names",
    "nicknames",
    "occupations",
    "organizations",
    "phoneNumbers",
    "photos",
    "relations",
    "sipAddresses",
    "skills",
    "urls",
    "userDefined",
];

const UNWRITABLE: [&str; 5] = ["ageRanges", "coverPhotos", "metadata", "photos", "skills"];

const GROUP_READABLE: [&str; 5] = ["clientData", "groupType", "memberCount", "metadata", "name"];

pub type Mask = Vec<&'static str>;

/// Whether an update mask may name it.
pub fn writable(field: &str) -> bool {
    READABLE.contains(&field) && !UNWRITABLE.contains(&field)
}

/// A mask of a person to read; absent or empty is an error. `name` is the parameter's.
pub fn required(name: &str, text: Option<&str>) -> Result<Mask, Refusal> {
    let text = text.filter(|t| !t.is_empty()).ok_or_else(|| {
        Refusal::invalid(format!("{name} mask is required. Please specify one or more valid paths. {}", paths("get")))
    })?;
    read(name, text)
}

/// A mask of a person to read; the caller decides what an empty one means.
pub fn read(name: &str, text: &str) -> Result<Mask, Refusal> {
    parse(name, text, &READABLE, |_| true, "get")
}

/// A mask of what an update replaces; absent or empty is an error.
pub fn update(name: &str, text: Option<&str>) -> Result<Mask, Refusal> {
    let text = text.filter(|t| !t.is_empty()).ok_or_else(|| {
        let paths = paths("updateContact");
        Refusal::invalid(format!("{name} mask is required. Please specify one or more valid paths. {paths}"))
    })?;
    parse(name, text, &READABLE, writable, "updateContact")
}

/// A mask of a contact group; the default when absent or empty.
pub fn group(name: &str, text: Option<&str>) -> Result<Mask, Refusal> {
    match text.filter(|t| !t.is_empty()) {
        None => Ok(vec!["metadata", "groupType", "memberCount", "name"]),
        Some(text) => parse(name, text, &GROUP_READABLE, |_| true, "get"),
    }
}

fn parse(
    name: &str,
    text: &str,
    known: &'static [&'static str],
    allowed: fn(&str) -> bool,
    page: &str,
) -> Result<Mask, Refusal> {
    let one = |path: &str| known.iter().copied().find(|k| *k == path && allowed(k));
    let invalid = |path| Refusal::violation(name, &format!("Invalid {name} mask path: \"{path}\". {}", paths(page)));
    text.split(',').map(|path| one(path).ok_or_else(|| invalid(path))).collect()
}

fn paths(page: &str) -> String {
    format!("Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/{page}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_documented_names_pass() {
        assert_eq!(read("personFields", "names,metadata").unwrap(), ["names", "metadata"]);
        for bad in ["names, metadata", "displayName", "fileAses", "names.givenName", "{\"paths\":[]}", "names,"] {
            assert!(read("personFields", bad).is_err(), "{bad}");
        }
        assert!(update("updatePersonFields", Some("photos")).is_err());
        assert!(update("updatePersonFields", None).is_err());
        assert!(required("personFields", Some("")).is_err());
    }
}
