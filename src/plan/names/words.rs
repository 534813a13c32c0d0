//! What a contact is called, as words: titles, sample marks and generation taken off, the family name guessed where the
//! record does not say.

use serde_json::Value;

use crate::{
    contact::{Contact, name_words},
    google::person::{Item, NameValue, Person},
};

use super::{
    marks::{generation, is_and, is_business, is_legal_form, is_title, spelled_out, without_sample_mark},
    nicknames,
    parts::is_initial,
};

/// The words of one side's name, accents folded, lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// Given and middle names.
    pub given: Vec<String>,
    /// Family names.
    pub family: Vec<String>,
    /// Other places in [`Called::words`] where the family name may start, should the record be wrong or not say.
    pub starts: Vec<usize>,
    /// `jr`, `sr`, `ii`, `iii`: father and son differ in nothing else.
    pub generation: Option<&'static str>,
    /// Whether the name is that of a couple ("Jean et Marie Tremblay").
    pub couple: bool,
    /// Whether it is a company's, by its words ("Toitures Roy", "Boréal inc.").
    pub business: bool,
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
        let typed = [&given[..], &family[..]].concat().concat();
        let mut called = Self { business: is_business(&typed), typed: company_words(typed), ..Self::default() };
        let (given, family) = called.take_marks(given, family);
        // One part holds everything: the last word is the family name more often than not.
        let (given, family) = match (given.as_slice(), family.as_slice()) {
            ([first @ .., last], []) | ([], [first @ .., last]) if !first.is_empty() => {
                called.starts = starts(&[first, std::slice::from_ref(last)].concat());
                (first.to_vec(), vec![last.clone()])
            }
            _ => {
                called.starts = starts(&given);
                (given, family)
            }
        };
        called.given = given.concat();
        called.family = family.concat();
        called
    }

    /// Takes off titles, generation and "et", unless nothing would be left.
    fn take_marks(&mut self, mut given: Tokens, mut family: Tokens) -> (Tokens, Tokens) {
        let is_mark =
            |t: &Vec<String>| matches!(t.as_slice(), [w] if is_title(w) || is_and(w) || generation(w).is_some());
        if given.iter().chain(&family).all(is_mark) {
            return (given, family);
        }
        for word in given.iter().chain(&family).filter(|t| is_mark(t)).flatten() {
            self.couple |= is_and(word);
            self.generation = self.generation.or(generation(word));
        }
        // "M. Jean Tremblay": before a given name it is Monsieur. "M. Tremblay" may be Marc's.
        let all = given.len() + family.len();
        for part in [&mut given, &mut family] {
            if all >= 3 && part.len() >= 2 && part[0] == ["m"] && part[1].concat().len() > 1 {
                part.remove(0);
            }
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

/// Before any token but the first, unless it is a given name or an initial: "Jean Pierre Roy" is not Jean, "Julie Tremblay Gagnon" may
/// well be Julie Tremblay. The end counts: it may all be given names.
fn starts(tokens: &[Vec<String>]) -> Vec<usize> {
    // A text of hundreds of words is no name, and every pair of places would be tried.
    if tokens.len() > 8 {
        return Vec::new();
    }
    let mut at = 0;
    let mut found = Vec::new();
    for token in tokens {
        let is_given = |word: &String| is_initial(word) || nicknames::is_given_name(word);
        if at > 0 && !token.first().is_some_and(is_given) {
            found.push(at);
        }
        at += token.len();
    }
    found.push(at);
    found
}

fn companies<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Vec<String>> {
    texts.into_iter().map(|text| company_words(tokens(text).concat())).filter(|words| !words.is_empty()).collect()
}

/// Words without the legal form, which people leave out.
fn company_words(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|word| !is_legal_form(word)).collect()
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
