//! What every adapter does to values on their way into the neutral contact: clean, drop what is empty, drop repeats.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::contact::{Address, clean, email_key, phone, phone_key, text_key};

/// E-mail addresses, the primary one first; repeats are found without regard to case.
pub(super) fn emails<T: AsRef<str>>(given: impl IntoIterator<Item = T>) -> Vec<String> {
    distinct(given.into_iter().map(|text| clean(text.as_ref())), email_key)
}

/// Phone numbers, the primary one first; numbers without `+` are read in `region`.
pub(super) fn phones<T: AsRef<str>>(given: impl IntoIterator<Item = T>, region: &str) -> Vec<String> {
    distinct(given.into_iter().map(|text| phone(text.as_ref(), region)), |text| phone_key(text, region))
}

/// Other lists: tags, web sites.
pub(super) fn texts<T: AsRef<str>>(given: impl IntoIterator<Item = T>) -> Vec<String> {
    distinct(given.into_iter().map(|text| clean(text.as_ref())), text_key)
}

fn distinct(cleaned: impl Iterator<Item = String>, key: impl Fn(&str) -> String) -> Vec<String> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for text in cleaned.filter(|text| !text.is_empty()) {
        let key = key(&text);
        if !seen.contains(&key) {
            seen.push(key);
            kept.push(text);
        }
    }
    kept
}

/// A country code alone is no address: HighLevel sets the location's own on every contact.
pub(super) fn address(street: &str, city: &str, region: &str, postal_code: &str, country: &str) -> Option<Address> {
    let address = Address {
        street: clean(street),
        city: clean(city),
        region: clean(region),
        postal_code: clean(postal_code),
        country_code: country_code(country),
    };
    let Address { street, city, region, postal_code, .. } = &address;
    [street, city, region, postal_code].iter().any(|part| !part.is_empty()).then_some(address)
}

/// A country written out ("Canada") is dropped: the neutral address has room for the code only.
fn country_code(text: &str) -> String {
    let text = clean(text);
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        text.to_ascii_uppercase()
    } else {
        String::new()
    }
}

/// One optional text.
pub(super) fn optional(text: &str) -> Option<String> {
    Some(clean(text)).filter(|text| !text.is_empty())
}

/// A time as CRMs write it: RFC 3339, Unix seconds or milliseconds, or `YYYY-MM-DD HH:MM:SS` taken as UTC.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        // In seconds this would be the year 5138, in milliseconds it is 1973: no CRM record is as old or as new.
        let milliseconds = if number.abs() < 100_000_000_000 { number.checked_mul(1000)? } else { number };
        return Timestamp::from_millisecond(milliseconds).ok();
    }
    text.parse().ok().or_else(|| {
        let civil: civil::DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_the_first_spelling_and_lose_repeats_and_placeholders() {
        assert_eq!(emails(["Ann@Example.com", "", "ann@example.com", "N/A", "b@x.ca"]), ["Ann@Example.com", "b@x.ca"]);
        assert_eq!(phones(["514 555-0123", "+1 (514) 555-0123", "null", "ext"], "CA"), ["+15145550123", "ext"]);
    }

    #[test]
    fn a_country_alone_is_no_address() {
        assert_eq!(address("", " ", "null", "", "CA"), None);
        let address = address("1 rue Principale", "Granby", "QC", "", "ca").expect("address");
        assert_eq!((address.country_code.as_str(), address.city.as_str()), ("CA", "Granby"));
    }

    #[test]
    fn times_are_read_in_every_spelling() {
        let expected: Timestamp = "2026-03-01T10:00:00Z".parse().expect("time");
        for text in [
            "2026-03-01T10:00:00.000Z",
            "2026-03-01T05:00:00-05:00",
            "2026-03-01 10:00:00",
            "1772359200",
            "1772359200000",
        ] {
            assert_eq!(moment(text), Some(expected), "{text}");
        }
        for text in ["", "soon", "99999999999999999999"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
