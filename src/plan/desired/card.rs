//! The name as the phone shows it: the CRM's parts, or a template's outcome in given and family name, so that Google and phones
//! show it in its order and sorting by family name still works. Google puts a comma before suffixes, so none is used.

use super::{Rules, fit::fit};
use crate::{
    config::{
        mapping::Dnd,
        template::{Template, Token},
    },
    contact::{Contact, Name},
};

/// A name, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    pub name: Name,
    /// The three parts together are one text: a part that it does not use is empty on purpose.
    pub is_whole: bool,
    /// Nothing that belongs into it may be missing from the reading.
    pub is_known: bool,
}

/// A contact without a name gets none: Google then shows company, e-mail or phone.
pub(super) fn card(contact: &Contact, rules: &Rules<'_>) -> Card {
    let parts =
        Name { given: fit(&contact.name.given), middle: fit(&contact.name.middle), family: fit(&contact.name.family) };
    let suffix = match &rules.map.dnd {
        Some(Dnd::Suffix(text)) => Some(text.as_str()),
        _ => None,
    };
    let is_named = parts != Name::default();
    let mut name = match &rules.map.name {
        Some(template) if is_named => rendered(template, contact, rules),
        _ => parts,
    };
    if suffix.is_some() && name == Name::default() {
        // Without a name the mark would show nowhere; and a name that came with the mark could not go with it.
        name.given = fit(&contact.company);
    }
    if let Some(suffix) = suffix.filter(|_| contact.dnd) {
        append(&mut name, suffix);
    }
    Card { name, is_whole: rules.map.name.is_some() || suffix.is_some(), is_known: is_known(contact, rules) }
}

fn rendered(template: &Template, contact: &Contact, rules: &Rules<'_>) -> Name {
    let rendered = template.render(|token| rules.value(token, contact));
    match rendered.split {
        Some(at) => {
            let (given, family) = rendered.text.split_at(at);
            Name { given: fit(given), middle: String::new(), family: fit(family) }
        }
        None if contact.name.given.is_empty() => Name { family: fit(&rendered.text), ..Name::default() },
        None => Name { given: fit(&rendered.text), ..Name::default() },
    }
}

fn append(name: &mut Name, suffix: &str) {
    let last = if name.family.is_empty() { &mut name.given } else { &mut name.family };
    if !last.is_empty() {
        *last = fit(&format!("{last} {suffix}"));
    }
}

/// A partial reading, or one whose ids could not be looked up, may lack what the template asks for.
fn is_known(contact: &Contact, rules: &Rules<'_>) -> bool {
    let mut tokens = rules.map.name.iter().flat_map(Template::tokens);
    tokens.all(|token| match token {
        Token::Owner if contact.unread.owner => false,
        Token::Custom(_) if contact.unread.custom => false,
        token => !contact.partial || !rules.value(token, contact).is_empty(),
    })
}
