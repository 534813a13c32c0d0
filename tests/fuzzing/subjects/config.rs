//! What an operator writes: the declared state, the settings, templates.
//!
//! Input: `d` and a declared state, `s` and settings as `KEY=VALUE` lines, or `t` and a template, each behind its line.

use std::collections::BTreeMap;

use carnet::{
    config::{
        Settings,
        declared::Declared,
        template::{Template, Token},
        validate,
    },
    google::budget::Limits,
    receive::Doors,
    store::pool::Pool,
};

use super::lines::{chosen, first_line};

/// Reads it as `carnet apply` and the start of the service do.
pub fn look(data: &[u8]) {
    let (line, text) = first_line(data);
    let Ok(text) = std::str::from_utf8(text) else { return };
    [declared, settings, template][chosen(&[(); 3], line)](text);
}

fn declared(text: &str) {
    let Ok(declared) = toml::from_str::<Declared>(text) else { return };
    let wrongs = validate::check(&declared);
    assert!(wrongs.iter().all(|wrong| !wrong.to_string().is_empty()));
    for sync in &declared.sync {
        assert!(sync.has_filter_of(sync));
        sync.wants();
    }
    // Either the door says what is wrong, or it can be opened.
    if let Err(why) = Doors::build(&declared.crm) {
        assert!(!why.to_string().is_empty());
    }
    // `carnet export` prints what `carnet apply` reads.
    let printed = toml::to_string(&declared).expect("it can be printed");
    let read: Declared = toml::from_str(&printed).unwrap_or_else(|why| panic!("{why}\n{printed}"));
    assert_eq!(read, declared, "{printed}");
}

fn settings(text: &str) {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    // A value that leads to a file or a variable of this machine is another subject.
    let texts = pairs.filter(|(_, v)| !v.trim_start().starts_with("file:") && !v.trim_start().starts_with("env:"));
    let texts: BTreeMap<String, String> = texts.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    match Settings::from_texts(texts) {
        Ok(settings) => {
            Limits::of(&settings.tune);
            if let Some(address) = &settings.redis_url {
                Pool::open(secrecy::ExposeSecret::expose_secret(address)).err();
            }
        }
        Err(why) => assert!(!why.to_string().is_empty()),
    }
}

fn template(text: &str) {
    let Ok(template) = text.parse::<Template>() else { return };
    let said = template.to_string();
    assert_eq!(said.parse::<Template>().ok().as_ref(), Some(&template), "{said}");
    for says in [|_: &Token| "é x".to_owned(), |_: &Token| String::new(), |token: &Token| format!("{token:?}")] {
        let rendered = template.render(says);
        if let Some(split) = rendered.split {
            assert!(rendered.text.is_char_boundary(split), "{split} in {:?}", rendered.text);
        }
    }
    assert_eq!(template.render(|_| String::new()).text, "", "nothing is known, and nothing is said");
}
