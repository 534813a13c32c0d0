//! Given names and their short forms. Quebec first, English beside it, because one town has both.
//!
//! What is here makes two names compatible at most, never the same: a family that has a Robert calls his son Bob to tell
//! them apart. A short form of several names (Alex, Chris, Pat, Steph) is listed under each; the names themselves stay
//! different people. Not here: short forms that are names of their own beside the long one in the same family (Guy and
//! Guillaume, Lise and Élise, Rose and Rosalie), and translations (Pierre and Peter).

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// The name, then its short forms and other spellings; accents folded. A compound stands for itself only as a whole.
const SHORT_FORMS: &[(&str, &str)] = &[
    ("abigail", "abby gail"),
    ("adrien", "adri"),
    ("alan", "al allan allen"),
    ("albert", "al bert"),
    ("alexandra", "alex sandy"),
    ("alexandre", "alex alexander al sandy xander"),
    ("alexis", "alex"),
    ("alfred", "al alf fred freddy"),
    ("allison", "ali alison ally"),
    ("amelie", "mel amel"),
    ("andre", "dede"),
    ("andree anne", "andreanne"),
    ("andrew", "andy drew"),
    ("anne", "ann"),
    ("annick", "anick annik"),
    ("annie", "anny"),
    ("anthony", "tony antho anto"),
    ("antoine", "toine anto tony"),
    ("antonio", "tony toni"),
    ("ariane", "ari aryane arianne"),
    ("barbara", "barb babs"),
    ("benjamin", "ben benji benny"),
    ("benoit", "ben benny"),
    ("bernard", "bernie"),
    ("bradley", "brad"),
    ("brian", "bryan"),
    ("brigitte", "brigit"),
    ("cameron", "cam"),
    ("camille", "cam cami"),
    ("carl", "karl"),
    ("carole", "caro carol"),
    ("caroline", "caro"),
    ("catherine", "cath cathy cathie cat kate kathy katie katherine kathryn catou cathou"),
    ("cedric", "ced"),
    ("celine", "cel"),
    ("chantal", "chantale"),
    ("charles", "charlie charly chuck chas"),
    ("charlotte", "charlie lottie"),
    ("chloe", "cloe"),
    ("christian", "chris kris"),
    ("christina", "chris tina chrissy"),
    ("christine", "chris chrissy kristine"),
    ("christophe", "chris"),
    ("christopher", "chris kit"),
    ("claudine", "clo"),
    ("cynthia", "cindy"),
    ("daniel", "dan danny dany"),
    ("danielle", "dan danny dany daniele"),
    ("david", "dave davy"),
    ("deborah", "deb debbie debra"),
    ("denis", "den"),
    ("diane", "di dianne"),
    ("dominic", "dom dominik domenic"),
    ("dominique", "dom domi"),
    ("donald", "don donnie"),
    ("dorothy", "dot dottie dolly"),
    ("douglas", "doug"),
    ("edgar", "ed"),
    ("edmond", "ed eddy"),
    ("edouard", "ed eddy edo"),
    ("edward", "ed eddie eddy ted teddy ned"),
    ("eleanor", "ellie nell"),
    ("elizabeth", "elisabeth liz lizzie beth betty libby bess eliza"),
    ("emilie", "emi em milie"),
    ("emily", "em emmy"),
    ("emmanuel", "manu emanuel"),
    ("emmanuelle", "manu manue"),
    ("eric", "erik erick"),
    ("ernest", "ernie"),
    ("etienne", "tienne"),
    ("eugene", "gene"),
    ("florence", "flo"),
    ("florent", "flo"),
    ("frances", "fran frankie"),
    ("francis", "frank franky"),
    ("francoise", "fran"),
    ("francois", "frank franck franky"),
    ("franklin", "frank"),
    ("frederic", "fred freddy fredo frederick frederik"),
    ("frederique", "fred freddy"),
    ("gabriel", "gab gabe gaby gabi"),
    ("gabrielle", "gab gaby gabi"),
    ("genevieve", "gen genny"),
    ("georges", "george"),
    ("geoffrey", "geoff jeff"),
    ("gerald", "gerry jerry"),
    ("gerard", "gerry"),
    ("gilbert", "gil gilly"),
    ("gordon", "gord gordie"),
    ("gregoire", "greg"),
    ("gregory", "greg gregg"),
    ("guillaume", "gui guill guigui"),
    ("harold", "harry hal"),
    ("helene", "helen lene"),
    ("henri", "henry"),
    ("henry", "hank harry"),
    ("howard", "howie"),
    ("hubert", "hub"),
    ("isabelle", "isa izzy isabel isabella zabelle"),
    ("jacob", "jake"),
    ("jacqueline", "jackie jacky"),
    ("jacques", "jack jacquot"),
    ("james", "jim jimmy jamie jay"),
    ("jason", "jay"),
    ("jean christophe", "chris"),
    ("jean francois", "jeff jef jeanfrancois"),
    ("jean frederic", "fred"),
    ("jean michel", "jeanmi jeanmichel"),
    ("jean nicolas", "nic nick"),
    ("jean philippe", "phil jeanphi"),
    ("jean sebastien", "seb"),
    ("jeffrey", "jeff jeffery"),
    ("jennifer", "jen jenn jenny jennie"),
    ("jeremie", "jerem jeremy"),
    ("jerome", "jer"),
    ("jessica", "jess jessie jessy"),
    ("joelle", "jo"),
    ("johanne", "jo joanne johane"),
    ("john", "johnny jack jon"),
    ("jonathan", "jon jo jonny"),
    ("josee", "jo josie"),
    ("joseph", "jo joe joey jos"),
    ("josephine", "jo josie"),
    ("joshua", "josh"),
    ("judith", "judy"),
    ("julie", "jul ju"),
    ("julien", "jul ju"),
    ("karine", "kari carine"),
    ("kenneth", "ken kenny"),
    ("kevin", "kev"),
    ("kimberly", "kim"),
    ("laurence", "lau lo"),
    ("laurent", "lau lolo"),
    ("lawrence", "larry"),
    ("leonard", "leo len lenny"),
    ("leopold", "leo"),
    ("lillian", "lily lil"),
    ("line", "lyne"),
    ("louis", "lou louie"),
    ("louis philippe", "phil"),
    ("louise", "lou"),
    ("lucie", "lucy lulu"),
    ("ludovic", "ludo"),
    ("madeleine", "mado mad maddy madeline"),
    ("magalie", "mag magali"),
    ("marc", "mark marco"),
    ("marc andre", "marcandre"),
    ("margaret", "maggie meg peggy peg marge margie"),
    ("marguerite", "margot margo"),
    ("marie andree", "mariandree"),
    ("marie claude", "marieclaude marieclo"),
    ("marie christine", "mariechristine"),
    ("marie eve", "marieve mariev"),
    ("marie helene", "mariehelene"),
    ("marie josee", "marijo mariejo"),
    ("marie louise", "malou marilou"),
    ("marie pier", "mariepier"),
    ("martin", "marty"),
    ("mary", "molly polly"),
    ("mathias", "mat"),
    ("mathieu", "mat matt math matthieu"),
    ("mathilde", "math"),
    ("matthew", "mat matt"),
    ("maurice", "momo moe"),
    ("maxence", "max"),
    ("maxime", "max maxim"),
    ("maximilien", "max"),
    ("maxwell", "max"),
    ("melanie", "mel melo"),
    ("melissa", "mel"),
    ("michael", "mike mick micky mickael mikael"),
    ("michel", "mike mich mitch"),
    ("michele", "michelle mich mimi"),
    ("monique", "mo momo"),
    ("nancy", "nance"),
    ("natacha", "nat natasha"),
    ("nathalie", "nat nath natalie nathaly"),
    ("nathan", "nat nate"),
    ("nathaniel", "nat nate"),
    ("nicolas", "nic nick nico nicholas nikolas"),
    ("nicole", "nic nicky nikki"),
    ("norman", "norm"),
    ("normand", "norm norman"),
    ("olivia", "liv oli"),
    ("olivier", "oli olie oliver"),
    ("pamela", "pam"),
    ("patrice", "pat"),
    ("patricia", "pat patty tricia trish"),
    ("patrick", "pat patric"),
    ("peter", "pete"),
    ("philippe", "phil fil philip phillip"),
    ("pierre", "pierrot"),
    ("raphael", "raph raf rafael"),
    ("raphaelle", "raph"),
    ("raymond", "ray"),
    ("rebecca", "becky becca"),
    ("reginald", "reg reggie"),
    ("remi", "remy"),
    ("richard", "rick rich dick ricky richie"),
    ("robert", "bob bobby rob robbie bert"),
    ("roger", "rog"),
    ("ronald", "ron ronnie"),
    ("russell", "russ"),
    ("samantha", "sam sammy"),
    ("samuel", "sam sammy"),
    ("sarah", "sara"),
    ("sebastien", "seb bastien sebas sebastian"),
    ("simon", "sim"),
    ("solange", "sol"),
    ("sophie", "so soph"),
    ("stanley", "stan"),
    ("stephane", "steph stef steve stephan"),
    ("stephanie", "steph stef steffie fanny"),
    ("stephen", "steve steph"),
    ("steven", "steve"),
    ("stuart", "stu"),
    ("susan", "sue susie suzy"),
    ("suzanne", "sue suzie suzy suz susie"),
    ("sylvain", "syl sly"),
    ("sylvie", "syl silvie"),
    ("theodore", "theo ted teddy"),
    ("theophile", "theo"),
    ("theresa", "terry tess teresa"),
    ("thomas", "tom tommy thom"),
    ("timothe", "tim timothee"),
    ("timothy", "tim timmy"),
    ("valentin", "val"),
    ("valerie", "val valou"),
    ("veronique", "vero"),
    ("victor", "vic"),
    ("victoria", "vicky vic vicki tori"),
    ("vincent", "vince vinny vin"),
    ("virginie", "virg"),
    ("viviane", "viv vivi vivianne"),
    ("walter", "walt wally"),
    ("william", "bill billy will willy willie liam"),
    ("xavier", "xav"),
    ("yannick", "yan yann yanick yanik"),
    ("yvan", "ivan"),
    ("zacharie", "zac zach zack zachary"),
];

/// Names without a short form that stand near another name, or make compounds: they are no slip of the pen.
const OTHER_NAMES: &str = "\
    agathe aimee alain alice aline amy ana andrea angela angele anita anna anouk antoinette arlette armand arthur \
    audrey aurelie baptiste beatrice bianca blanche bruno carla carmen cecile celia claire clara claudia claudie \
    clement colette corinne cyril dale damien dean denise diana edith elena eliane elise elodie emile emma erica \
    estelle ester eva evelyne fabien felix fernand fernande france francine gabin gaetan germain germaine ghislain \
    ghislaine gilles gina ginette gisele gustave guy guylaine heather hector helena henriette hugo hugues huguette \
    ian ines irene iris isaac jacinthe jan jane janet janine jeanne jeannine joan joanna jocelyn jocelyne joel johan \
    jose josiane joyce juan jules julia julienne juliette june justin justine karen karina kelly kerry kyle laura \
    laurie lea lena leon leonie liette lilian lina linda lisa lise livia loic lorraine louisa luc lucas luce lucette \
    lucien lucienne lydia lyle lynda lynn lyse madison malika manon mara marcel marcelle margaux maria marianne \
    mariette marilyn marina marine mario marion marjolaine marjorie marlene martha martine mathis maude maya megan \
    mia mireille mona muriel myriam nadia nadine nelson nina noel noelle noemie normande oceane odette odile pascal \
    pascale paul paula paule pauline perrine philomene pierrette rachel rachelle raoul real regis reine rejean \
    rejeanne rene renee rina rita robin rock roland rolande romain roman romeo rosa rosalie rose ross roxane ruth \
    ryan sandra sandrine sean serge sergio shawn silvia simone sonia sonya suzette sylvia tania tanya tatiana \
    therese thierry ugo ursule vanessa vera vicente viola violette wilfrid yoan yolande yves yvette yvon yvonne zoe";

/// Names that compounds begin with: Jean is not Jean-François. "Robert James" is Robert.
const BEGIN_COMPOUNDS: &str = "\
    ana andre andree ann anna anne charles claude eve francois guy henri jean jeanne john jose joseph juan karl lou \
    louis louise luc marc maria marie mary paul philippe pier pierre rose yves";

struct Table {
    /// Short form → the names that it may stand for.
    names: HashMap<&'static str, Vec<&'static str>>,
    /// Every single word that is a given name, or short for one.
    words: HashSet<&'static str>,
    begin_compounds: HashSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut names: HashMap<_, Vec<_>> = HashMap::new();
    for (name, forms) in SHORT_FORMS {
        forms.split(' ').for_each(|form| names.entry(form).or_default().push(*name));
    }
    let listed = SHORT_FORMS.iter().flat_map(|(name, forms)| name.split(' ').chain(forms.split(' ')));
    let words = listed.chain(OTHER_NAMES.split_whitespace()).collect();
    Table { names, words, begin_compounds: BEGIN_COMPOUNDS.split_whitespace().collect() }
});

/// The word itself, and every name that it is short for.
pub(super) fn names(word: &str) -> Vec<&str> {
    let long = TABLE.names.get(word).into_iter().flatten().copied();
    std::iter::once(word).chain(long).collect()
}

/// Whether both can be said of one person: Bob and Robert, Bob and Rob, Jeff and "jean francois".
pub(super) fn share_a_name(a: &str, b: &str) -> bool {
    let of = |word: &str| TABLE.names.get(word).map_or(&[][..], Vec::as_slice);
    let (x, y) = (of(a), of(b));
    x.contains(&b) || y.contains(&a) || x.iter().any(|name| y.contains(name))
}

/// Whether the word is a given name of its own, or short for one.
pub(super) fn is_given_name(word: &str) -> bool {
    TABLE.words.contains(word)
}

/// Whether a second given name makes it another name, as François does of Jean.
pub(super) fn begins_compounds(word: &str) -> bool {
    TABLE.begin_compounds.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::name_words;

    #[test]
    fn short_forms_share_a_name_with_what_they_are_short_for() {
        for (a, b) in [
            ("bob", "robert"),
            ("bob", "rob"),
            ("steph", "stephane"),
            ("steph", "stephanie"),
            ("fred", "frederique"),
            ("alex", "alexis"),
            ("jeff", "jean francois"),
            ("marieve", "marie eve"),
            ("nick", "nicolas"),
            ("liz", "elisabeth"),
        ] {
            assert!(share_a_name(a, b) && share_a_name(b, a), "{a} {b}");
        }
        assert_eq!(names("bert"), ["bert", "albert", "robert"]);
        assert_eq!(names("jeff"), ["jeff", "geoffrey", "jean francois", "jeffrey"]);
    }

    #[test]
    fn names_that_share_a_short_form_stay_different_people() {
        for (a, b) in [
            ("alexandre", "alexandra"),
            ("alexandre", "alexis"),
            ("stephane", "stephanie"),
            ("christian", "christine"),
            ("samuel", "samantha"),
            ("gabriel", "gabrielle"),
            ("guy", "guillaume"),
            ("dominic", "dominique"),
            ("michel", "michele"),
            ("robert", "albert"),
            ("pierre", "peter"),
        ] {
            assert!(!share_a_name(a, b) && !share_a_name(b, a), "{a} {b}");
        }
    }

    #[test]
    fn the_table_is_written_as_names_are_compared() {
        let listed = SHORT_FORMS.iter().flat_map(|(name, forms)| std::iter::once(*name).chain(forms.split(' ')));
        for name in listed.chain(OTHER_NAMES.split_whitespace()).chain(BEGIN_COMPOUNDS.split_whitespace()) {
            assert_eq!(name_words(name).join(" "), name);
        }
        for (name, forms) in SHORT_FORMS {
            assert!(!forms.split(' ').any(|form| form == *name), "{name} is short for itself");
        }
        assert!(
            SHORT_FORMS.iter().map(|(name, _)| name).collect::<std::collections::BTreeSet<_>>().len()
                == SHORT_FORMS.len()
        );
    }

    #[test]
    fn what_begins_a_compound_is_a_name() {
        assert!(BEGIN_COMPOUNDS.split_whitespace().all(is_given_name));
        assert!(begins_compounds("jean") && !begins_compounds("robert"));
    }
}
