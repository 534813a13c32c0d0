//! What a contact is called, as words: titles, sample marks and generation taken off, the family name guessed where the
//! record does not say.

use serde_json::Value;

use crate::{
    contact::{Contact, name_words},
    google::person::{Item, NameValue, Person},
};

/// The words of one side's name, accents folded, lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// Given and middle names.
    pub given: Vec<String>,
    /// Family names.
    pub family: Vec<String>,
    /// Whether `family` is only the last word of a name that came in one part.
    pub guessed: bool,
    /// `jr`, `sr`, `ii`, `iii`: father and son differ in nothing else.
    pub generation: Option<&'static str>,
    /// Whether the name is that of a couple ("Jean et Marie Tremblay").
    pub couple: bool,
    /// The whole name as typed, for comparing with a company.
    pub typed: Vec<String>,
    /// Companies.
    pub companies: Vec<Vec<String>>,
}

impl Called {
    /// What the CRM calls the contact.
    pub fn in_crm(contact: &Contact) -> Self {
        let name = &contact.name;
        let given = format!("{} {}", name.given, name.middle);
        Self { companies: companies([contact.company.as_str()]), ..Self::read(&given, &name.family) }
    }

    /// What the owner of the Google account calls the person; profile names do not count.
    pub fn in_google(person: &Person) -> Self {
        let own = person.organizations.iter().filter(|o| is_contacts_own(o));
        let companies = companies(own.map(|o| o.value.name.as_str()));
        match person.names.iter().find(|n| is_contacts_own(n)) {
            Some(name) => Self { companies, ..Self::read(&given_text(name), &family_text(name)) },
            None => Self { companies, ..Self::default() },
        }
    }

    /// Reads a given and a family part; either may hold everything or nothing.
    pub fn read(given: &str, family: &str) -> Self {
        let (given, family) = (tokens(given), tokens(family));
        let mut called = Self { typed: company_words([&given[..], &family[..]].concat().concat()), ..Self::default() };
        let (given, family) = called.take_marks(given, family);
        // One part holds everything: the last word is the family name more often than not.
        let (given, family) = match (given.as_slice(), family.as_slice()) {
            ([first @ .., last], []) | ([], [first @ .., last]) if !first.is_empty() => {
                called.guessed = true;
                (first.to_vec(), vec![last.clone()])
            }
            _ => (given, family),
        };
        called.given = given.concat();
        called.family = family.concat();
        called
    }

    /// Takes off titles, generation and "et", unless nothing would be left.
    fn take_marks(&mut self, given: Tokens, family: Tokens) -> (Tokens, Tokens) {
        let is_mark =
            |t: &Vec<String>| matches!(t.as_slice(), [w] if is_title(w) || is_and(w) || generation(w).is_some());
        if given.iter().chain(&family).all(is_mark) {
            return (given, family);
        }
        for word in given.iter().chain(&family).filter(|t| is_mark(t)).flatten() {
            self.couple |= is_and(word);
            self.generation = self.generation.or(generation(word));
        }
        let rest = |tokens: Tokens| tokens.into_iter().filter(|t| !is_mark(t)).collect();
        (rest(given), rest(family))
    }

    /// Whether there is no name at all.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.family.is_empty()
    }

    /// Given, then family words.
    pub fn words(&self) -> Vec<String> {
        [&self.given[..], &self.family[..]].concat()
    }

    /// All words in alphabetical order: equal for names that differ only in the order of their parts.
    pub fn sorted(&self) -> Vec<String> {
        let mut words = self.words();
        words.sort();
        words
    }
}

/// Whether an entry belongs to the contact itself; entries we have built carry no source.
pub(in crate::plan) fn is_contacts_own<T: Default>(item: &Item<T>) -> bool {
    let source = item.metadata.as_ref().and_then(|m| m.source.as_ref());
    source.is_none_or(|s| s.kind.is_empty() || s.kind == "CONTACT")
}

/// The words of each part between blanks: "Jean-François Roy" is two tokens, three words.
type Tokens = Vec<Vec<String>>;

fn tokens(text: &str) -> Tokens {
    let text = without_sample_mark(text);
    // Some CRMs put the e-mail address or the phone number where a name is missing.
    if text.contains('@') || !text.chars().any(char::is_alphabetic) {
        return Vec::new();
    }
    text.split_whitespace().map(token).filter(|t| !t.is_empty()).collect()
}

fn token(text: &str) -> Vec<String> {
    if matches!(text, "&" | "+") {
        return vec!["et".into()];
    }
    name_words(text).into_iter().flat_map(spelled_out).collect()
}

/// "St-Pierre" is also written "Saint-Pierre", "JF" is Jean-François.
fn spelled_out(word: String) -> Vec<String> {
    match word.as_str() {
        "st" => vec!["saint".into()],
        "ste" => vec!["sainte".into()],
        "jr" => vec![word],
        _ => match word.as_bytes() {
            [b'j', second] if second.is_ascii_lowercase() && !b"aeiouy".contains(second) => {
                word.chars().map(String::from).collect()
            }
            _ => vec![word],
        },
    }
}

/// "(Example) Ted Mosby", "[Sample] …", "(Sample Contact) …": how CRMs mark the records they are delivered with.
fn without_sample_mark(text: &str) -> &str {
    let text = text.trim();
    let Some((mark, rest)) = text.strip_prefix(['(', '[']).and_then(|t| t.split_once([')', ']'])) else { return text };
    let mark = mark.to_lowercase();
    if ["example", "exemple", "sample"].iter().any(|m| mark.starts_with(m)) { rest } else { text }
}

/// A lone "M." is not here: it may be Monsieur, but also Marc or Marie.
fn is_title(word: &str) -> bool {
    matches!(word, "mme" | "mlle" | "mr" | "mrs" | "ms" | "dr" | "dre" | "me")
}

fn is_and(word: &str) -> bool {
    matches!(word, "et" | "and")
}

fn generation(word: &str) -> Option<&'static str> {
    match word {
        "jr" | "junior" | "fils" => Some("jr"),
        "sr" | "senior" | "pere" => Some("sr"),
        "ii" => Some("ii"),
        "iii" => Some("iii"),
        _ => None,
    }
}

fn companies<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Vec<String>> {
    texts.into_iter().map(|text| company_words(tokens(text).concat())).filter(|words| !words.is_empty()).collect()
}

/// Words without the legal form, which people leave out.
fn company_words(words: Vec<String>) -> Vec<String> {
    let is_form = |w: &String| matches!(w.as_str(), "inc" | "ltee" | "ltd" | "llc" | "enr" | "senc" | "corp");
    words.into_iter().filter(|w| !is_form(w)).collect()
}

fn given_text(name: &Item<NameValue>) -> String {
    format!("{} {}", name.value.given_name, name.value.middle_name)
}

/// Google moves a typed "Jr." out of the family name; other suffixes (degrees) say nothing.
fn family_text(name: &Item<NameValue>) -> String {
    let suffix = name.rest.get("honorificSuffix").and_then(Value::as_str).unwrap_or_default();
    match name_words(suffix).as_slice() {
        [word] if generation(word).is_some() => format!("{} {word}", name.value.family_name),
        _ => name.value.family_name.clone(),
    }
}
