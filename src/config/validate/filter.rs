//! Checks of a sync's filter: what can let nobody in, and what its CRM never tells.

use std::collections::BTreeSet;

use super::super::{
    declared::{Crm, Kind, Map, Sync},
    filter::OneOf,
};

/// `crm` is the one that the sync reads, if it is known.
pub(super) fn check(sync: &Sync, crm: Option<&Crm>, say: &mut impl FnMut(String)) {
    let mut say = |text: String| say(format!("sync \"{}\": {text}", sync.name));
    let lists =
        [("owners", &sync.owners), ("tags", &sync.tags), ("tags_all", &sync.tags_all), ("tags_none", &sync.tags_none)];
    for (key, list) in lists {
        if list.iter().any(|text| text.trim().is_empty()) {
            say(format!("{key} holds an empty text; take it out"));
        }
    }
    for (key, list) in [("tags", &sync.tags), ("tags_all", &sync.tags_all)] {
        if let Some(tag) = list.iter().find(|tag| sync.tags_none.iter().any(|none| same(tag, none))) {
            say(format!("the tag \"{tag}\" stands in {key} and in tags_none; take it out of one"));
        }
    }
    custom(sync, &mut say);
    if let Some(map) = crm.filter(|crm| crm.kind == Kind::Generic).and_then(|crm| crm.map.as_ref()) {
        untold(sync, map, &mut say);
    }
}

fn custom(sync: &Sync, say: &mut impl FnMut(String)) {
    let mut seen = BTreeSet::new();
    for (field, wanted) in &sync.custom {
        if field.trim().is_empty() {
            say("custom holds a field without a name; write \"Field name\" = \"value\"".into());
        }
        if !seen.insert(folded(field)) {
            say(format!("custom names the field \"{field}\" twice; give it one list of values"));
        }
        let nothing = matches!(wanted, OneOf::Several(list) if list.is_empty());
        if nothing || wanted.texts().iter().any(|text| text.trim().is_empty()) {
            say(format!("custom asks for nothing in the field \"{field}\"; write the values that let a contact in"));
        }
    }
}

/// A generic CRM tells what its map names and nothing else; a custom field is `custom:NAME` there.
fn untold(sync: &Sync, map: &Map, say: &mut impl FnMut(String)) {
    let tagged = [&sync.tags, &sync.tags_all, &sync.tags_none].iter().any(|list| !list.is_empty());
    for (asks, key, field) in [
        (!sync.owners.is_empty(), "owners", "owner"),
        (tagged, "tags", "tags"),
        (sync.has_phone, "has_phone", "phones"),
        (sync.has_email, "has_email", "emails"),
        (sync.created_since.is_some(), "created_since", "created"),
    ] {
        if asks && !map.fields.contains_key(field) && !map.properties.values().any(|to| to == field) {
            say(format!("it filters by {key}, but [crm.map.fields] of its CRM does not say where \"{field}\" is"));
        }
    }
    let told =
        |name: &str| map.fields.keys().chain(map.properties.values()).any(|f| same(f, &format!("custom:{name}")));
    for name in sync.custom.keys().filter(|name| !told(name)) {
        say(format!(
            "it filters by the custom field \"{name}\", but [crm.map.fields] of its CRM has no \"custom:{name}\""
        ));
    }
}

fn same(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(filter: &str, crm: Option<&Crm>) -> Vec<String> {
        let sync = format!("name = 's'\ncrm = 'c/a'\ngoogle = 'g'\nlabel = 'l'\n{filter}");
        let mut said = Vec::new();
        check(&toml::from_str(&sync).expect("a sync"), crm, &mut |text| said.push(text));
        said
    }

    #[test]
    fn a_filter_that_can_be_meant_has_no_problem() {
        let all = "owners = ['u']\ntags = ['a']\ntags_all = ['a', 'b']\ntags_none = ['c']\nhas_phone = true\nhas_email = true\n\
                   created_since = '2025-01-01'\ncustom = { Type = 'x', Budget = ['1', '2'] }";
        assert_eq!(said(all, None), Vec::<String>::new());
    }

    #[test]
    fn what_can_let_nobody_in_is_named() {
        for (filter, sentence) in [
            ("owners = ['']", "owners holds an empty text"),
            ("tags_none = ['  ']", "tags_none holds an empty text"),
            ("tags_all = ['Vip', 'a']\ntags_none = ['VIP']", "the tag \"Vip\" stands in tags_all and in tags_none"),
            ("tags = ['a']\ntags_none = ['A']", "the tag \"a\" stands in tags and in tags_none"),
            ("custom = { Type = [] }", "custom asks for nothing in the field \"Type\""),
            ("custom = { Type = '' }", "custom asks for nothing in the field \"Type\""),
            ("custom = { Type = 'x', 'type ' = 'y' }", "custom names the field \"type \" twice"),
            ("custom = { ' ' = 'y' }", "custom holds a field without a name"),
        ] {
            let said = said(filter, None);
            assert!(said.len() == 1 && said[0].starts_with("sync \"s\": "), "{filter}: {said:?}");
            assert!(said[0].contains(sentence), "{filter}: {said:?}");
        }
    }

    #[test]
    fn what_a_generic_crm_never_tells_cannot_be_asked_for() {
        let crm: Crm = toml::from_str(
            "name = 'c'\nkind = 'generic'\n[map]\ncontact = '/id'\nproperties = { mail = 'emails' }\nfields = { tags = '/tags', 'custom:type' = '/type' }",
        )
        .expect("a crm");
        assert_eq!(said("tags_none = ['a']\nhas_email = true", Some(&crm)), Vec::<String>::new());
        let all = "owners = ['u']\nhas_phone = true\ncreated_since = '2025-01-01'";
        assert_eq!(said(all, Some(&crm)).len(), 3, "{:?}", said(all, Some(&crm)));
        assert!(said(all, Some(&crm))[0].contains("filters by owners, but [crm.map.fields]"));
        let custom = said("custom = { Type = 'x', Rang = 'y' }", Some(&crm));
        assert!(custom.len() == 1 && custom[0].contains("has no \"custom:Rang\""), "{custom:?}");
    }
}
