//! People, and how they are written down: by themselves in a form, by an assistant in the CRM, by the broker on a phone.

use std::sync::LazyLock;

use rand::{RngExt, rngs::StdRng};

const GIVEN: &str = "\
    Alain, Alexandra, Alexandre, Alice, Andrée, André, Anne, Anne-Marie, Annie, Antoine, Audrey, Benoît, Bruno, Camille, \
    Caroline, Catherine, Chantal, Christian, Christine, Claude, Claudine, Danielle, Daniel, David, Denis, Denise, Diane, \
    Dominique, Édouard, Élise, Élisabeth, Émile, Émilie, Éric, Étienne, Félix, François, Françoise, Frédéric, Gabriel, \
    Gabrielle, Geneviève, Ghislain, Gilles, Ginette, Guillaume, Guy, Hélène, Hugo, Isabelle, Jacques, Jean, \
    Jean-François, Jean-Marc, Jean-Philippe, Jean-Pierre, Jérôme, Joël, Joëlle, Johanne, Josée, Julie, Julien, Karine, \
    Léa, Léo, Line, Lise, Louis, Louise, Luc, Lucie, Marc, Marc-André, Marcel, Marie, Marie-Christine, Marie-Claude, \
    Marie-Ève, Marie-Josée, Martin, Martine, Mathieu, Maxime, Mélanie, Michel, Michèle, Monique, Nathalie, Nicolas, \
    Nicole, Noémie, Olivier, Pascal, Pascale, Patrice, Patricia, Patrick, Paul, Philippe, Pierre, Pierre-Luc, Raphaël, \
    Réjean, René, Renée, Robert, Samuel, Sandra, Sébastien, Serge, Simon, Simone, Sophie, Stéphane, Stéphanie, Suzanne, \
    Sylvain, Sylvie, Thérèse, Valérie, Véronique, Vincent, Yves, Zoé, James, John, Kevin, Margaret, Michael, Robert James, \
    Susan, Thomas, William";

const FAMILIES: &str = "\
    Tremblay, Tremblay, Tremblay, Gagnon, Gagnon, Roy, Roy, Côté, Bouchard, Gauthier, Morin, Lavoie, Fortin, Gagné, Ouellet, \
    Pelletier, Bélanger, Lévesque, Bergeron, Leblanc, Paquette, Girard, Simard, Boucher, Caron, Beaulieu, Cloutier, Dubé, \
    Poirier, Fournier, Lapointe, Leclerc, Lefebvre, Poulin, Thibault, St-Pierre, Nadeau, Martin, Landry, Martel, Bédard, \
    Grenier, Lessard, Bernier, Richard, Michaud, Hébert, Desjardins, Couture, Turcotte, Lachance, Parent, Blais, Gosselin, \
    Savard, Proulx, Beaudoin, Demers, Perreault, Boudreau, Lemœur, L'Heureux, D'Amours, de la Durantaye, Ste-Marie, \
    O'Brien, MacDonald, McKenzie, Van der Berg, Smith, Nguyen, Fraser, Campbell, Léger, Brisebois, Chrétien, Lacroix, \
    Rousseau, Marin, Bouchart, Charbonneau, Desrochers, Vaillancourt, Archambault, Villeneuve, Robitaille, Labelle, Adam, \
    Allard, Asselin, Aubin, Audet, Ayotte, Barrette, Beauchamp, Beauchemin, Beaulne, Bellemare, Benoit, Bernard, Bertrand, \
    Bilodeau, Bissonnette, Boisvert, Boivin, Bolduc, Bourgeois, Breton, Brodeur, Bureau, Cadieux, Carrier, Castonguay, \
    Chabot, Champagne, Charette, Cormier, Cyr, Daigle, Daoust, David, Delisle, Deschamps, Dion, Dionne, Doyon, Drolet, \
    Dufour, Dufresne, Dumas, Dumont, Dupont, Dupuis, Duquette, Ferland, Fontaine, Forget, Francoeur, Gervais, Giguère, \
    Gingras, Godin, Goulet, Gravel, Groulx, Guay, Guérin, Hamel, Harvey, Houle, Jacques, Jean, Jobin, Labbé, Labrecque, \
    Lacasse, Laflamme, Lafleur, Laforest, Lafrance, Lalonde, Lambert, Langlois, Lapierre, Laplante, Larivière, Laroche, \
    Larouche, Lauzon, Lebel, Legault, Lemay, Lemieux, Lepage, Leroux, Létourneau, Levasseur, Lussier, Maheux, Mailloux, \
    Malo, Marcoux, Masse, Mercier, Messier, Ménard, Miron, Moreau, Morissette, Nault, Nolin, Normand, Paradis, \
    Patenaude, Perron, Picard, Pilon, Plante, Potvin, Provencher, Racine, Renaud, Rioux, Rivard, Robert, Rodrigue, \
    Sauvé, Séguin, Sirois, Soucy, Talbot, Tanguay, Tardif, Tessier, Thériault, Therrien, Tousignant, Trépanier, Trudel, \
    Turgeon, Vachon, Verreault, Vincent";

/// What people of this name are called for short.
const SHORT: &str = "\
    Alexandra: Alex, Alexandre: Alex, Benoît: Ben, Caroline: Caro, Catherine: Cathy, Catherine: Cath, Christian: Chris, \
    Christine: Chris, Daniel: Dan, David: Dave, Dominique: Dom, Édouard: Ed, Élisabeth: Liz, Émilie: Em, \
    François: Frank, Frédéric: Fred, Gabriel: Gab, Gabrielle: Gab, Geneviève: Gen, Guillaume: Gui, Isabelle: Isa, \
    Jacques: Jack, James: Jim, Jean-François: JF, Jean-François: Jeff, Jean-Philippe: JP, John: Johnny, Margaret: Maggie, \
    Marie-Christine: MC, Marie-Claude: MC, Marie-Ève: Mariève, Marie-Josée: MJ, Mathieu: Mat, Maxime: Max, Mélanie: Mel, \
    Michael: Mike, Michel: Mike, Nathalie: Nath, Nicolas: Nic, Olivier: Oli, Patrice: Pat, Patricia: Pat, Patrick: Pat, \
    Philippe: Phil, Pierre-Luc: PL, Raphaël: Raph, Robert: Bob, Robert: Rob, Samuel: Sam, Sébastien: Seb, \
    Stéphane: Steph, Stéphanie: Steph, Susan: Sue, Thomas: Tom, Valérie: Val, Véronique: Véro, Vincent: Vince, \
    William: Bill, William: Will";

const TRADES: [&str; 6] = ["Toitures", "Plomberie", "Garage", "Clinique", "Excavation", "Fleuriste"];

/// Somebody, whoever writes them down.
#[derive(Clone, Debug)]
pub struct Human {
    pub id: usize,
    pub given: String,
    pub family: String,
    pub born: [i16; 3],
    pub email: String,
    pub mobile: String,
    pub company: String,
}

/// How a name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Loud,
    Unaccented,
    Swapped,
    OnePart,
    LastFirst,
    Titled,
    MiddleInitial,
    WithCompany,
    GivenOnly,
    FamilyOnly,
    Initial,
    Short,
    SlipInGiven,
    SlipInFamily,
    /// A marriage, or the end of one.
    OtherFamily,
    DoubleFamily,
}

/// How people write names on most days.
pub fn everyday(rng: &mut StdRng) -> Style {
    use Style::*;
    let common = [Plain, Plain, Plain, Plain, Plain, Unaccented, Unaccented, Loud, Swapped, OnePart, OnePart];
    let rare = [
        LastFirst,
        Titled,
        MiddleInitial,
        WithCompany,
        GivenOnly,
        GivenOnly,
        FamilyOnly,
        Initial,
        Short,
        SlipInGiven,
        SlipInFamily,
        DoubleFamily,
    ];
    if rng.random_bool(0.8) { pick(rng, &common) } else { pick(rng, &rare) }
}

/// One of these.
pub fn pick<T: Clone>(rng: &mut StdRng, all: &[T]) -> T {
    all[rng.random_range(0..all.len())].clone()
}

/// A given name out of the list.
pub fn given(rng: &mut StdRng) -> String {
    static ALL: LazyLock<Vec<&str>> = LazyLock::new(|| GIVEN.split(", ").collect());
    pick(rng, &ALL).to_owned()
}

/// A family name out of the list, where some are much more common; one in nine is double.
pub fn family(rng: &mut StdRng) -> String {
    static ALL: LazyLock<Vec<&str>> = LazyLock::new(|| FAMILIES.split(", ").collect());
    let one = pick(rng, &ALL);
    if rng.random_bool(0.11) { format!("{one}-{}", pick(rng, &ALL)) } else { one.to_owned() }
}

/// A company, often called after somebody.
pub fn company(rng: &mut StdRng) -> String {
    format!("{} {}", pick(rng, &TRADES), family(rng).replace('-', " "))
}

/// What somebody of this name is called for short, if anything.
pub fn short(rng: &mut StdRng, given: &str) -> Option<String> {
    let all = SHORT.split(", ").filter_map(|pair| pair.split_once(": "));
    let fitting: Vec<&str> = all.filter(|(name, _)| *name == given).map(|(_, short)| short).collect();
    (!fitting.is_empty()).then(|| pick(rng, &fitting).to_owned())
}

/// Who can be called for short, with the short form.
pub fn with_short(rng: &mut StdRng) -> (String, String) {
    let all: Vec<&str> = SHORT.split(", ").collect();
    let (name, short) = pick(rng, &all).split_once(": ").map(|(n, s)| (n.to_owned(), s.to_owned())).expect("a pair");
    (name, short)
}

/// The given and the family part, as this style has them.
pub fn written(rng: &mut StdRng, human: &Human, style: Style) -> (String, String) {
    let (given, family) = (human.given.clone(), human.family.clone());
    let initial = |name: &str| name.chars().next().map(|c| format!("{c}.")).unwrap_or_default();
    match style {
        Style::Plain => (given, family),
        Style::Loud => (given.to_uppercase(), family.to_uppercase()),
        Style::Unaccented => (plain(&given), plain(&family).to_lowercase()),
        Style::Swapped => (family, given),
        Style::OnePart => (format!("{given} {family}"), String::new()),
        Style::LastFirst => (format!("{family}, {given}"), String::new()),
        Style::Titled => (format!("{} {given}", pick(rng, &["Mme", "Dr", "M."])), family),
        Style::MiddleInitial => (format!("{given} {}.", pick(rng, &["A", "B", "R", "S"])), family),
        Style::WithCompany => (given, format!("{family} ({})", human.company)),
        Style::GivenOnly => (given, String::new()),
        Style::FamilyOnly => (pick(rng, &["Mme", "M.", ""]).to_owned(), family),
        Style::Initial => (given.split('-').map(initial).collect::<Vec<_>>().join("-"), family),
        Style::Short => (short(rng, &given).unwrap_or(given), family),
        Style::SlipInGiven => (slip(rng, &given), family),
        Style::SlipInFamily => (given, slip(rng, &family)),
        Style::OtherFamily => (given, self::family(rng)),
        Style::DoubleFamily => (given, format!("{family}-{}", self::family(rng))),
    }
}

/// One slip of the pen anywhere but in the first letter.
fn slip(rng: &mut StdRng, text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = rng.random_range(1..letters.len());
    match rng.random_range(0..4) {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 if letters.len() > 3 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = pick(rng, &['a', 'e', 'i', 'o', 'u', 'n', 'r', 't']),
    }
    letters.into_iter().collect()
}

/// Without accents.
pub fn plain(text: &str) -> String {
    let from = "àâçèéêëîïôûùÉÈÎ";
    let to = "aaceeeeiiouuEEI";
    let bare = |c: char| from.chars().zip(to.chars()).find(|(f, _)| *f == c).map_or(c, |(_, t)| t);
    text.replace('œ', "oe").chars().map(bare).collect()
}
