//! Names of a small Quebec town: French and English, accents, compounds, apostrophes. Three sets of family names keep
//! CRM contacts, strangers in Google and later newcomers apart.

use rand::{RngExt, rngs::StdRng};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::pick;

const GIVEN: &str = "\
    Amélie, André, Anne-Marie, Benoît, Brigitte, Cédric, Chloé, Claude, Danielle, Élise, Émile, Étienne, Félix, \
    France, François, Françoise, Geneviève, Gérard, Hélène, Hugo, Isabelle, Jean-François, Jean-Guy, Jérôme, \
    Joëlle, Léa, Léo, Loïc, Lucie, Marc-André, Marie-Ève, Marie-Josée, Maxime, Mélanie, Noémie, Océane, Pascale, \
    Pierre-Luc, Raphaël, Réjean, Solange, Stéphane, Sylvie, Thérèse, Valérie, Yves, Zoé, Emily, James, Kevin, \
    Margaret, Nancy, Patrick, Sarah, Thomas, William";

const CRM_FAMILIES: &str = "\
    Tremblay, Gagnon, Roy, Côté, Bouchard, Gauthier, Morin, Lavoie, Fortin, Gagné, Ouellet, Pelletier, Bélanger, \
    Lévesque, Bergeron, Leblanc, Paquette, Girard, Simard, Boucher, Caron, Beaulieu, Cloutier, Dubé, Poirier, \
    Fournier, Lapointe, Leclerc, Lefebvre, Poulin, Thibault, St-Pierre, Nadeau, Martin, Landry, Martel, Bédard, \
    Grenier, Lessard, Bernier, Richard, Michaud, Hébert, Desjardins, Couture, Turcotte, Lachance, Parent, Blais, \
    Gosselin, Savard, Proulx, Beaudoin, Demers, Perreault, Boudreau, Lemœur, L'Heureux, D'Amours, de la Durantaye, \
    O'Brien, MacDonald, McKenzie, Smith, Nguyen, Fraser, Campbell, Léger, Brisebois, Chrétien, Lacroix, Rousseau";

const STRANGER_FAMILIES: &str = "\
    Arsenault, Barbeau, Castonguay, Dandurand, Éthier, Filteau, Guérin, Huard, Isabel, Jutras, Kirouac, Lamontagne, \
    Massé, Normandeau, Oligny, Pépin, Quintal, Robitaille, Sénécal, Toupin, Ulrich, Vézina, Wilson, Young";

const NEWCOMER_FAMILIES: &str = "\
    Abel, Brochu, Cyr, Deschênes, Émond, Fiset, Godbout, Harvey, Imbeault, Jalbert, Kelly, Lépine, Moisan, Noël, \
    Otis, Pruneau";

/// Whose family names to draw from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Circle {
    /// In the CRM from the start.
    Clients,
    /// Only in Google.
    Strangers,
    /// Come into the CRM while traffic plays.
    Newcomers,
}

/// A given and a family name; one in eight families is a compound.
pub(super) fn name(rng: &mut StdRng, circle: Circle) -> (String, String) {
    let families: Vec<_> = match circle {
        Circle::Clients => CRM_FAMILIES,
        Circle::Strangers => STRANGER_FAMILIES,
        Circle::Newcomers => NEWCOMER_FAMILIES,
    }
    .split(", ")
    .collect();
    let given: Vec<_> = GIVEN.split(", ").collect();
    let mut family = pick(rng, &families).to_owned();
    if rng.random_bool(0.125) {
        family = format!("{family}-{}", pick(rng, &families));
    }
    (pick(rng, &given).to_owned(), family)
}

/// Accents and ligatures folded, apostrophes and case kept.
pub(super) fn plain(text: &str) -> String {
    let letters: String = text.nfd().filter(|c| !is_combining_mark(*c)).collect();
    letters.replace('œ', "oe")
}

/// For comparing: folded, lower case, words apart by one blank, without apostrophes.
pub(super) fn folded(text: &str) -> String {
    let text = plain(text).to_lowercase().replace('\'', "");
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Both parts are there and are a person's name as one would type it into a phone.
pub(super) fn is_ordinary(given: Option<&str>, family: Option<&str>) -> bool {
    let ordinary = |part: &str| {
        let letters = part.nfc().all(|c| c.is_alphabetic() && u32::from(c) < 0x250 || "-' ".contains(c));
        letters && part.chars().next().is_some_and(char::is_uppercase) || part.starts_with("de la ")
    };
    given.is_some_and(ordinary) && family.is_some_and(|family| ordinary(family) && !family.eq_ignore_ascii_case("null"))
}
