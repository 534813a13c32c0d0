//! What may go to Google's trash: a contact that we made, and that nobody else's stamp is on.

use super::stamp::{Origin, stamp_for, stamps_of};
use crate::{contact::AccountKey, google::person::Person};

/// Whether the person is this CRM contact's alone and was made for it. (Which syncs hold it is in the link.)
pub fn is_ours_alone(person: &Person, account: &AccountKey, contact: &str) -> bool {
    let made = stamp_for(person, account, contact).is_some_and(|s| !s.released && s.origin == Origin::Created);
    made && stamps_of(person).iter().all(|s| s.released || (s.account == *account && s.contact == contact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        base::Base,
        stamp::{Stamp, stamped},
    };

    fn with_stamps(stamps: &[(&str, Origin, bool)]) -> bool {
        let account = AccountKey { vendor: "highlevel".into(), id: "loc".into() };
        let mut person = Person::default();
        for (contact, origin, released) in stamps {
            let stamp = Stamp {
                account: account.clone(),
                contact: (*contact).to_owned(),
                origin: *origin,
                op: "op".into(),
                released: *released,
                base: Base::default(),
            };
            person.client_data = stamped(&person, &stamp);
        }
        is_ours_alone(&person, &account, "c1")
    }

    #[test]
    fn only_what_we_made_for_this_contact_alone_may_go() {
        use Origin::{Adopted, Created};
        for (stamps, may_go) in [
            (&[("c1", Created, false)][..], true),
            (&[("c1", Created, false), ("c2", Created, true)], true),
            (&[("c1", Created, false), ("c2", Adopted, false)], false),
            (&[("c1", Created, true)], false),
            (&[("c1", Adopted, false)], false),
            (&[("c2", Created, false)], false),
            (&[], false),
        ] {
            assert_eq!(with_stamps(stamps), may_go, "{stamps:?}");
        }
    }
}
