//! Stamps: `clientData` of a Google contact may hold anything, and a contact that is ours must be known again.
//!
//! Input: the text of an entry; or, when it is a JSON object, a whole person.

use carnet::{
    google::person::Person,
    plan::{
        canonical::keys_of,
        stamp::{Stamp, stamp_for, stamped, stamps_of},
    },
};

/// Characters that one `clientData` value of Google may have.
const ROOM: usize = 1012;

/// Reads it, and writes it again.
pub fn look(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(stamp) = Stamp::decode(text) {
        again(&stamp);
    }
    if let Ok(person) = serde_json::from_str::<Person>(text) {
        keys_of(&person, "CA");
        for stamp in stamps_of(&person) {
            again(&stamp);
            let joined = stamp_for(&person, &stamp.account, &stamp.contact).expect("it is there");
            let entries = stamped(&person, &joined);
            assert!(entries.len() <= person.client_data.len(), "an entry came from nowhere");
        }
    }
}

/// What was read is written as something that reads the same.
fn again(stamp: &Stamp) {
    let text = stamp.encode();
    assert!(text.is_ascii());
    let read = Stamp::decode(&text).expect("a stamp of ours");
    let identity = |s: &Stamp| (s.account.clone(), s.contact.clone(), s.origin, s.op.clone(), s.released);
    assert_eq!(identity(&read), identity(stamp));
    if text.len() < ROOM - 6 {
        assert_eq!(read.base, stamp.base, "it had room for every hash");
    }
}
