//! Addresses and numbers that several people answer, by the look of them.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberType};

/// Addresses of a function, and what forms demand of people who give none.
const ROLES: [&str; 76] = [
    "accounting",
    "accounts",
    "accueil",
    "achats",
    "adjointe",
    "admin",
    "administration",
    "allo",
    "aucun",
    "billing",
    "bonjour",
    "boutique",
    "bureau",
    "cabinet",
    "careers",
    "clinique",
    "commande",
    "commandes",
    "communications",
    "compta",
    "comptabilite",
    "contact",
    "courrier",
    "courriel",
    "dg",
    "direction",
    "dispatch",
    "donotreply",
    "emplois",
    "equipe",
    "facturation",
    "factures",
    "general",
    "gestion",
    "hello",
    "help",
    "hr",
    "info",
    "information",
    "infos",
    "inquiries",
    "jobs",
    "location",
    "mail",
    "marketing",
    "nepasrepondre",
    "noemail",
    "none",
    "noreply",
    "office",
    "operations",
    "orders",
    "paie",
    "payables",
    "postmaster",
    "rdv",
    "reception",
    "reservation",
    "reservations",
    "rh",
    "sales",
    "secretariat",
    "service",
    "serviceclient",
    "services",
    "shop",
    "soumission",
    "soumissions",
    "store",
    "support",
    "team",
    "technique",
    "test",
    "ventes",
    "webmaster",
    "welcome",
];

/// A household's words anywhere in an address.
const HOUSEHOLD: [&str; 5] = ["famille", "family", "couple", "lesamis", "parents"];

/// Whether an address (the part before the @, lower case) is a function's or a household's.
pub(super) fn is_shared_mailbox(local: &str) -> bool {
    // info+montreal@, info.montreal@ and ventes-qc@ are no less a function's; jean.info@ is Jean's.
    let begin = local.split(['+', '.', '-', '_']).next().unwrap_or_default();
    let joined = local.split('+').next().unwrap_or_default().replace(['.', '-', '_'], "");
    ROLES.contains(&begin) || ROLES.contains(&joined.as_str()) || HOUSEHOLD.iter().any(|word| joined.contains(word))
}

/// Whether a number (E.164) is of a kind that no person has for themselves: toll-free and the like.
pub(super) fn is_business_line(e164: &str) -> bool {
    use PhoneNumberType::{PremiumRate, SharedCost, TollFree, UAN, VoiceMail};
    // In North America the area code says it; most numbers need no second reading.
    if let Some(area) = e164.strip_prefix("+1").and_then(|rest| rest.get(..3)) {
        return ["800", "833", "844", "855", "866", "877", "888", "900"].contains(&area);
    }
    let number = PHONE_NUMBER_UTIL.parse(e164, None).ok();
    let kind = number.map(|number| PHONE_NUMBER_UTIL.get_number_type(&number));
    matches!(kind, Some(TollFree | PremiumRate | SharedCost | UAN | VoiceMail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_of_a_function_or_a_household_are_told_from_those_of_a_person() {
        for (local, shared) in [
            ("info", true),
            ("bureau", true),
            ("ventes+qc", true),
            ("info.montreal", true),
            ("no-reply", true),
            ("service-client", true),
            ("famille.roy", true),
            ("roy_family", true),
            ("infographe", false),
            ("jean.info", false),
            ("jean+info", false),
            ("testard", false),
            ("marie.service", false),
        ] {
            assert_eq!(is_shared_mailbox(local), shared, "{local}");
        }
    }

    #[test]
    fn toll_free_numbers_are_no_persons() {
        for (number, business) in
            [("+18005550123", true), ("+18888888888", true), ("+15145550123", false), ("+33800123456", true)]
        {
            assert_eq!(is_business_line(number), business, "{number}");
        }
    }
}
