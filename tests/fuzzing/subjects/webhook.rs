//! Bodies of webhooks, of every kind of CRM: routed, read as a contact (limited mode), and mapped to what goes to Google.
//!
//! Input: a letter for the CRM, then the query, to the end of the line; then the body.

use std::sync::LazyLock;

use carnet::{
    config::{
        declared::{Crm, Declared},
        mapping::Mapping,
    },
    crm::{
        event::{self, Read},
        payload,
    },
    plan::{
        create::create,
        desired::{Rules, desired},
        stamp::{STAMP_KEY, Stamp, stamps_of},
    },
};

use super::lines::{chosen, first_line};

/// Characters that one `clientData` value of Google may have.
const STAMP_ROOM: usize = 1012;

struct Setup {
    crms: Vec<Crm>,
    map: Mapping,
}

static SETUP: LazyLock<Setup> = LazyLock::new(|| {
    let declared: Declared = toml::from_str(include_str!("crms.toml")).expect("the declared CRMs");
    Setup { crms: declared.crm, map: toml::from_str(include_str!("map.toml")).expect("a map") }
});

/// Reads it as the door and the workers do.
pub fn look(data: &[u8]) {
    let (line, body) = first_line(data);
    let crm = &SETUP.crms[chosen(&SETUP.crms, line)];
    let query = std::str::from_utf8(line.get(1..).unwrap_or_default()).ok().filter(|query| !query.is_empty());
    let Ok(read) = event::read(crm, query, body) else { return };
    for event in read.into_iter().filter_map(|read| if let Read::Event(event) = read { Some(event) } else { None }) {
        let ours = crm.account.iter().find(|ours| ours.id == event.account.id).expect("an account of ours");
        assert!(!event.contact.is_empty(), "a contact without an id");
        // With a token the CRM is asked, and nothing of the body is kept.
        assert_eq!(event.body.is_empty(), ours.has_access());
        if let Ok(contact) = payload::contact_of(crm, &ours.region, &event.body) {
            let folded = payload::fold(contact.clone(), contact.clone());
            assert_eq!((&folded.emails, &folded.phones), (&contact.emails, &contact.phones), "told twice is told once");
            map(&folded, &ours.region, &event.account);
        }
    }
}

/// Whatever the CRM says, the contact that is made of it carries a stamp that can be read again.
fn map(contact: &carnet::contact::Contact, region: &str, account: &carnet::contact::AccountKey) {
    let wanted = desired(contact, &Rules { region, map: &SETUP.map, account });
    let (person, base) = create(&wanted, account, &contact.id, "op", "contactGroups/1", &[]);
    serde_json::to_string(&person).expect("a body");
    let entry = person.client_data.iter().find(|entry| entry.value.key == STAMP_KEY).expect("a stamp");
    // An id may leave no room for the stamp; Google refuses such a contact.
    if entry.value.value.len() <= STAMP_ROOM {
        let [stamp]: [Stamp; 1] = stamps_of(&person).try_into().expect("one stamp");
        assert_eq!((stamp.contact.as_str(), &stamp.account), (contact.id.as_str(), account));
        assert!(stamp.base.by_importance().all(|hash| base.contains(hash)), "a hash of nothing that was written");
    }
}
