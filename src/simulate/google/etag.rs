//! The two etags. A source's (`#…`) stands for a version; a person's (`%…`) holds the source's, but also the mask it was
//! read with, so the same version has many of them.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::mask::READABLE;

/// The etag of the CONTACT source at a revision.
pub fn source(salt: u64, id: u64, revision: u64) -> String {
    format!("#{}", BASE64_STANDARD.encode(scramble(salt ^ id ^ scramble(revision)).to_be_bytes()))
}

/// Looks random, differs for each input (splitmix64).
pub fn scramble(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The numbers that stand for the fields of a mask.
pub fn numbers(mask: &[&'static str]) -> Vec<u8> {
    (1u8..).zip(READABLE).filter(|(_, field)| mask.contains(field)).map(|(number, _)| number).collect()
}

/// `%` and a small protobuf, laid out as Google's: field 2 the mask, 3 the sources, 4 the source's etag. Field 5 is ours and
/// marks etags handed out by listings.
pub fn person(mask: &[u8], source_etag: &str, listing: bool) -> String {
    let mut bytes = Vec::new();
    push(&mut bytes, 0x12, mask);
    push(&mut bytes, 0x1a, &[2, 1, 7, 5]);
    push(&mut bytes, 0x22, source_etag.trim_start_matches('#').as_bytes());
    if listing {
        push(&mut bytes, 0x2a, &[1]);
    }
    format!("%{}", BASE64_STANDARD.encode(bytes))
}

fn push(bytes: &mut Vec<u8>, tag: u8, value: &[u8]) {
    bytes.extend([tag, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
    bytes.extend(value);
}

/// What a person's etag says.
pub struct Opened {
    /// With its `#`.
    pub source_etag: String,
    pub listing: bool,
}

/// `None` for anything that `person` did not make, such as a source's etag in the wrong place.
pub fn open(etag: &str) -> Option<Opened> {
    let bytes = BASE64_STANDARD.decode(etag.strip_prefix('%')?).ok()?;
    let mut rest = bytes.as_slice();
    let (mut source_etag, mut listing) = (None, false);
    while let [tag, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at_checked(usize::from(*length))?;
        match tag {
            0x22 => source_etag = Some(format!("#{}", std::str::from_utf8(value).ok()?)),
            0x2a => listing = true,
            _ => {}
        }
        rest = tail;
    }
    Some(Opened { source_etag: source_etag?, listing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etag_of_a_person_depends_on_the_mask_but_names_one_version() {
        let version = source(1, 2, 3);
        let (one, two) =
            (person(&numbers(&["names"]), &version, false), person(&numbers(&["names", "urls"]), &version, false));
        assert_ne!(one, two);
        assert_eq!(open(&one).unwrap().source_etag, version);
        assert_eq!(open(&two).unwrap().source_etag, version);
    }

    #[test]
    fn an_etag_that_google_published_opens() {
        assert_eq!(open("%EgU3CT4BLhoEAgEHBSIMbWVZejFVL01JVFE9").unwrap().source_etag, "#meYz1U/MITQ=");
        assert!(open("#meYz1U/MITQ=").is_none());
    }
}
