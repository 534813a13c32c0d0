//! Words that stand with a name and are none: titles, generations, "et", legal forms, what CRMs mark their samples with;
//! and words that are written in two ways.

use super::nicknames;

/// "St-Pierre" is also written "Saint-Pierre", "McDonald" "MacDonald"; "JF" is Jean-François.
pub(super) fn spelled_out(word: String) -> Vec<String> {
    match word.as_str() {
        "st" => vec!["saint".into()],
        "ste" => vec!["sainte".into()],
        _ if is_initials(&word) => word.chars().map(String::from).collect(),
        _ => match word.strip_prefix("mc") {
            Some(rest) if rest.len() >= 3 => vec![format!("mac{rest}")],
            _ => vec![word],
        },
    }
}

/// Of the compounds that are shortened so. Two letters that are a name, a title or a degree (Jo, Al, Me, MD) are not here.
fn is_initials(word: &str) -> bool {
    const COMPOUNDS: [&str; 12] = ["mc", "mf", "mj", "ml", "mp", "pa", "pl", "po", "py", "lp", "am", "ca"];
    match word.as_bytes() {
        [b'j', b'r'] => false,
        [b'j', second] => second.is_ascii_lowercase() && !b"aeiouy".contains(second),
        _ => COMPOUNDS.contains(&word),
    }
}

/// "(Example) Ted Mosby", "[Sample] …", "(Sample Contact) …": how CRMs mark the records they are delivered with.
pub(super) fn without_sample_mark(text: &str) -> &str {
    let text = text.trim();
    let Some((mark, rest)) = text.strip_prefix(['(', '[']).and_then(|t| t.split_once([')', ']'])) else { return text };
    let mark = mark.to_lowercase();
    if ["example", "exemple", "sample"].iter().any(|m| mark.starts_with(m)) { rest } else { text }
}

/// A lone "M." is not here: it may be Monsieur, but also Marc or Marie.
pub(super) fn is_title(word: &str) -> bool {
    const TITLES: [&str; 13] = [
        "mme",
        "mlle",
        "mr",
        "mrs",
        "ms",
        "dr",
        "dre",
        "me",
        "monsieur",
        "madame",
        "mademoiselle",
        "maitre",
        "docteur",
    ];
    TITLES.contains(&word)
}

pub(super) fn is_and(word: &str) -> bool {
    matches!(word, "et" | "and")
}

pub(super) fn generation(word: &str) -> Option<&'static str> {
    match word {
        "jr" | "junior" | "fils" => Some("jr"),
        "sr" | "senior" | "pere" => Some("sr"),
        "ii" => Some("ii"),
        "iii" => Some("iii"),
        _ => None,
    }
}

pub(super) fn is_legal_form(word: &str) -> bool {
    matches!(word, "inc" | "ltee" | "ltd" | "llc" | "enr" | "senc" | "sencrl" | "corp")
}

/// Whether a name is a company's: it begins with a trade, or has a trade or a legal form and no given name. Trades that
/// people are called by ("Jean plombier", "Marie notaire") are not here.
pub(super) fn is_business(words: &[String]) -> bool {
    const TRADES: [&str; 44] = [
        "assurances",
        "atelier",
        "auto",
        "autos",
        "banque",
        "boulangerie",
        "boutique",
        "bureau",
        "cabinet",
        "cafe",
        "caisse",
        "centre",
        "clinique",
        "coiffure",
        "college",
        "company",
        "construction",
        "constructions",
        "depanneur",
        "ecole",
        "electrique",
        "entreprise",
        "entreprises",
        "excavation",
        "garage",
        "gestion",
        "groupe",
        "hotel",
        "immeubles",
        "immobilier",
        "insurance",
        "municipalite",
        "paysagement",
        "pharmacie",
        "plomberie",
        "plumbing",
        "realty",
        "renovation",
        "renovations",
        "restaurant",
        "roofing",
        "salon",
        "toitures",
        "transport",
    ];
    let is_trade = |word: &String| TRADES.contains(&word.as_str());
    let has_given_name = words.iter().any(|word| nicknames::is_given_name(word));
    words.first().is_some_and(is_trade)
        || (!has_given_name && words.iter().any(|word| is_trade(word) || is_legal_form(word)))
}
