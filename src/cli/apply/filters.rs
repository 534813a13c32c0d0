//! What a changed filter means for the contacts that are there already, in words.

use crate::{
    config::declared::{Declared, Every, Sync},
    store::registry::Registry,
};

/// One sentence for each sync whose filter changed.
pub(super) fn changed(held: &Registry, declared: &Declared) -> Vec<String> {
    let before = |sync: &Sync| {
        let id = held.sync_ids.get(&sync.name).or_else(|| super::renamed(held, declared, sync))?;
        held.declared.sync.iter().find(|old| held.sync_ids.get(&old.name) == Some(id))
    };
    let changed = declared.sync.iter().filter(|sync| before(sync).is_some_and(|old| !sync.has_filter_of(old)));
    changed.map(|sync| sentence(sync, is_limited(sync, declared))).collect()
}

fn sentence(sync: &Sync, limited: bool) -> String {
    let name = &sync.name;
    let what = format!("The filter of the sync \"{name}\" changed.");
    if limited {
        return format!("{what} In limited mode it applies to each contact with its next webhook.");
    }
    let preview =
        format!("`carnet sync preview {name}` shows what that means for the contacts that are there; it is done by");
    match sync.every {
        Every::Off => format!("{what} {preview} `carnet sync run {name}`."),
        Every::Interval(_) => format!("{what} {preview} the next reconcile, or at once by `carnet sync run {name}`."),
    }
}

fn is_limited(sync: &Sync, declared: &Declared) -> bool {
    let is_its = |crm: &str, account: &str| sync.crm.split_once('/') == Some((crm, account));
    let accounts = declared.crm.iter().flat_map(|crm| crm.account.iter().map(move |account| (crm, account)));
    let mut its = accounts.filter(|(crm, account)| is_its(&crm.name, &account.id));
    its.all(|(_, account)| account.token.is_none() && account.refresh_token.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(sync: &str) -> Declared {
        let text = format!(
            "[[crm]]\nname = 'c'\nkind = 'highlevel'\n[[crm.account]]\nid = 'a'\ntoken = 't'\n[[crm.account]]\nid = 'b'\n\
             [[google]]\nname = 'g'\n[[sync]]\ngoogle = 'g'\n{sync}"
        );
        toml::from_str(&text).expect("declared state")
    }

    fn said(before: &str, after: &str) -> Vec<String> {
        let before = declared(before);
        let sync_ids = before.sync.iter().map(|s| (s.name.clone(), format!("id-{}", s.name))).collect();
        changed(&Registry { declared: before, sync_ids, ..Registry::default() }, &declared(after))
    }

    #[test]
    fn a_changed_filter_is_told_with_what_shows_and_does_it() {
        let sync = "name = 'phone'\ncrm = 'c/a'\nlabel = 'L'";
        assert_eq!(said(sync, sync), Vec::<String>::new());
        assert_eq!(said(sync, &format!("{sync}\npolicy = 'link'")), Vec::<String>::new());
        assert_eq!(
            said(sync, &format!("{sync}\ntags = ['x']")),
            [
                "The filter of the sync \"phone\" changed. `carnet sync preview phone` shows what that means for the contacts that \
              are there; it is done by the next reconcile, or at once by `carnet sync run phone`."
            ]
        );
        let off = said(sync, &format!("{sync}\nevery = 'off'\nhas_email = true"));
        assert!(off[0].ends_with("it is done by `carnet sync run phone`."), "{off:?}");
        let renamed = said(sync, "name = 'mobile'\ncrm = 'c/a'\nlabel = 'l'\ncustom = { A = 'b' }");
        assert!(renamed[0].contains("\"mobile\" changed"), "{renamed:?}");
        let new = said(sync, "name = 'other'\ncrm = 'c/a'\nlabel = 'another'\ntags = ['x']");
        assert_eq!(new, Vec::<String>::new(), "a new sync has no filter that changed");
    }

    #[test]
    fn in_limited_mode_there_is_no_preview() {
        let sync = "name = 'phone'\ncrm = 'c/b'\nlabel = 'L'";
        let limited = said(sync, &format!("{sync}\nowners = ['u']"));
        assert_eq!(
            limited,
            [
                "The filter of the sync \"phone\" changed. In limited mode it applies to each contact with its next webhook."
            ]
        );
    }
}
