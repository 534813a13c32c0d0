//! What happens in the town: each scene puts people into one or both sides.
//!
//! Two things no rule can tell apart, and they are not here: two relatives with one address, one of whom only the CRM
//! knows and the other only Google, if their names as written could be one person's; and father and son of one name on
//! one line, likewise, when nothing (a birthday, a "Jr", a "fils") says that they are two. Nor are entries without any
//! name in a family: they are whoever's the address is.

use super::{
    people::{self, Human, Style, pick},
    town::{Entry, Town},
};

type Scene = fn(&mut Town);

/// Name, how often, and what happens.
const SCENES: [(&str, usize, Scene); 44] = [
    ("e-mail in common", 260, |t| in_common(t, true, false)),
    ("phone in common", 260, |t| in_common(t, false, true)),
    ("e-mail and phone in common", 240, |t| in_common(t, true, true)),
    ("one of several e-mails or phones in common", 120, one_of_several),
    ("no name on one side, e-mail", 30, |t| nameless(t, true)),
    ("no name on one side, phone", 30, |t| nameless(t, false)),
    ("short form, e-mail", 50, |t| short(t, true)),
    ("short form, phone", 50, |t| short(t, false)),
    ("slip of the pen, e-mail", 60, |t| slip(t, true)),
    ("slip of the pen, phone", 60, |t| slip(t, false)),
    ("other family name, e-mail", 50, |t| renamed(t, true)),
    ("other family name, phone", 50, |t| renamed(t, false)),
    ("company in the name", 60, company_in_name),
    ("company for a name", 30, company_for_a_name),
    ("full name only", 80, |t| name_only(t, Style::Plain)),
    ("full name only, otherwise written", 50, |t| {
        let style = pick(
            &mut t.rng,
            &[Style::Loud, Style::Unaccented, Style::Swapped, Style::OnePart, Style::LastFirst, Style::Titled],
        );
        name_only(t, style);
    }),
    ("short form only", 30, |t| name_only(t, Style::Short)),
    ("half of a double name only", 20, |t| name_only(t, Style::DoubleFamily)),
    ("a name with a slip only", 10, |t| name_only(t, Style::SlipInFamily)),
    ("invalid phone in common", 30, invalid_phone),
    ("office address in common", 30, office_address),
    ("couple with one address and one line, all known", 40, couple),
    ("family line, all known", 40, family_line),
    ("family line and own e-mail, all known", 40, family_line_and_email),
    ("spouses with one address, one each side", 70, spouses_apart),
    ("relatives with one line, one each side", 160, relatives_apart),
    ("twins, one each side", 40, twins_apart),
    ("twins, all known", 30, twins),
    ("father and son of one name, all known", 30, father_and_son),
    ("father and son of one name, one each side", 40, father_and_son_apart),
    ("an entry for the couple", 30, entry_for_the_couple),
    ("office with a switchboard", 14, office),
    ("colleagues on one line, one each side", 70, colleagues_apart),
    ("the company's own entry", 30, companys_entry),
    ("colleagues' addresses alike", 30, addresses_alike),
    ("role address, one each side", 40, role_address_apart),
    ("toll-free number, one each side", 20, toll_free_apart),
    ("namesakes", 80, namesakes),
    ("namesake beside the person", 40, namesake_beside),
    ("recycled number", 60, recycled),
    ("twice in the CRM", 60, twice_in_crm),
    ("twice in Google", 60, twice_in_google),
    ("the spouse's address as a second one", 30, spouses_second_address),
    ("in the CRM only", 500, |t| {
        let (human, stranger) = (t.human(), t.human());
        let entry = t.entry(&human).email(&human.email).phone(&human.mobile);
        t.crm(&human, entry);
        // Most of an address book has nothing to do with the CRM.
        let entry = t.entry(&stranger).email(&stranger.email).phone(&stranger.mobile);
        t.google(Some(&stranger), entry);
    }),
];

/// The whole town; the same seed gives the same town.
pub fn town(seed: u64) -> Town {
    let mut town = Town::new(seed);
    for (name, times, scene) in SCENES {
        town.scene = name;
        (0..times).for_each(|_| scene(&mut town));
    }
    town
}

/// Writes somebody into both sides, in two styles, with one value in common and others that are not.
fn both(town: &mut Town, human: &Human, crm: Entry, google: Entry, by_email: bool) {
    let (other_email, other_number) = (town.email(&human.given, &human.family), town.number());
    let (crm, google) = if by_email {
        (crm.email(&human.email).phone(&human.mobile), google.email(&human.email).phone(&other_number))
    } else {
        (crm.email(&human.email).phone(&human.mobile), google.email(&other_email).phone(&human.mobile))
    };
    town.crm(human, crm);
    town.google(Some(human), google);
}

fn in_common(town: &mut Town, email: bool, phone: bool) {
    let human = town.human();
    let (crm, google) = (town.entry(&human), town.entry(&human));
    if email != phone {
        return both(town, &human, crm, google, email);
    }
    town.crm(&human, crm.email(&human.email).phone(&human.mobile));
    town.google(Some(&human), google.email(&human.email).phone(&human.mobile));
}

fn one_of_several(town: &mut Town) {
    let human = town.human();
    let emails: Vec<String> = (0..3).map(|_| town.email(&human.given, &human.family)).collect();
    let numbers: Vec<String> = (0..3).map(|_| town.number()).collect();
    let (mut crm, mut google) = (town.entry(&human), town.entry(&human));
    (crm.emails, google.emails) = (emails[..2].to_vec(), emails[2..].to_vec());
    (crm.phones, google.phones) = (numbers[..2].to_vec(), numbers[2..].to_vec());
    let common = if town.coin(0.5) { (&mut google.emails, &emails) } else { (&mut google.phones, &numbers) };
    common.0.push(common.1[1].clone());
    town.crm(&human, crm);
    town.google(Some(&human), google);
}

fn nameless(town: &mut Town, by_email: bool) {
    let human = town.human();
    let (named, nameless) = (town.entry(&human), Entry::default());
    let (crm, google) = if town.coin(0.5) { (named, nameless) } else { (nameless, named) };
    both(town, &human, crm, google, by_email);
}

fn short(town: &mut Town, by_email: bool) {
    let (given, short) = people::with_short(&mut town.rng);
    let family = people::family(&mut town.rng);
    let human = town.called(&given, &family);
    let (long, short) = (town.styled(&human, Style::Plain), Entry { name: (short, family), ..Entry::default() });
    let (crm, google) = if town.coin(0.3) { (short, long) } else { (long, short) };
    both(town, &human, crm, google, by_email);
}

fn slip(town: &mut Town, by_email: bool) {
    let human = town.human();
    let style = if town.coin(0.5) { Style::SlipInGiven } else { Style::SlipInFamily };
    let (right, wrong) = (town.styled(&human, Style::Plain), town.styled(&human, style));
    let (crm, google) = if town.coin(0.5) { (right, wrong) } else { (wrong, right) };
    both(town, &human, crm, google, by_email);
}

fn renamed(town: &mut Town, by_email: bool) {
    let human = town.human();
    let style = if town.coin(0.6) { Style::OtherFamily } else { Style::DoubleFamily };
    let (before, after) = (town.styled(&human, Style::Plain), town.styled(&human, style));
    let (crm, google) = if town.coin(0.5) { (before, after) } else { (after, before) };
    both(town, &human, crm, google, by_email);
}

fn company_in_name(town: &mut Town) {
    let human = town.human();
    let (crm, mut google) = (town.styled(&human, Style::Plain), town.styled(&human, Style::WithCompany));
    let (company, by_email) = (human.company.clone(), town.coin(0.5));
    google.name = match town.rng_below(3) {
        0 => google.name,
        1 => (format!("{} {} {company}", human.given, human.family), String::new()),
        _ => (format!("{} {}", human.given, human.family), company.clone()),
    };
    both(town, &human, crm.of(&company), google, by_email);
}

/// The broker keeps the owner under the firm's name.
fn company_for_a_name(town: &mut Town) {
    let human = town.human();
    let crm = town.styled(&human, Style::Plain).of(&human.company);
    let google = Entry { name: (human.company.clone(), String::new()), ..Entry::default() };
    let by_email = town.coin(0.5);
    both(town, &human, crm, google, by_email);
}

fn name_only(town: &mut Town, style: Style) {
    let human = if style == Style::Short {
        let (given, _) = people::with_short(&mut town.rng);
        let family = people::family(&mut town.rng);
        town.called(&given, &family)
    } else {
        town.human()
    };
    let (crm, google, number) = (town.styled(&human, Style::Plain), town.styled(&human, style), town.number());
    town.crm(&human, crm.email(&human.email));
    town.google(Some(&human), google.phone(&number));
}

fn invalid_phone(town: &mut Town) {
    let human = town.human();
    let invalid = format!("+1786556895{}", town.rng_below(900) + 100);
    let (crm, google) = (town.styled(&human, Style::Plain), town.styled(&human, Style::Unaccented));
    town.crm(&human, crm.phone(&invalid));
    town.google(Some(&human), google.phone(&invalid));
}

fn role_address(town: &mut Town) -> String {
    let role = pick(&mut town.rng, &["info", "bureau", "ventes", "reception", "info.qc"]);
    format!("{role}@firme{}.example", town.number().trim_start_matches('+'))
}

fn office_address(town: &mut Town) {
    let (human, address) = (town.human(), role_address(town));
    let (crm, google) = (town.styled(&human, Style::Plain), town.full(&human));
    town.crm(&human, crm.email(&address));
    town.google(Some(&human), google.email(&address));
}

fn couple(town: &mut Town) {
    let (members, line) = (town.household(2), town.number());
    let address = members[0].email.clone();
    for human in &members {
        let (crm, google) = (town.full(human), town.full(human));
        town.crm(human, crm.email(&address).phone(&line));
        town.google(Some(human), google.email(&address).phone(&line));
    }
}

fn family_line(town: &mut Town) {
    let (members, line) = (town.household(3), town.number());
    for human in &members {
        let (crm, google) = (town.full(human), town.full(human));
        town.crm(human, crm.phone(&line).phone(&human.mobile));
        town.google(Some(human), google.phone(&human.mobile).phone(&line));
    }
}

fn family_line_and_email(town: &mut Town) {
    let (members, line) = (town.household(2), town.number());
    for human in &members {
        let (crm, google) = (town.full(human), town.full(human));
        town.crm(human, crm.email(&human.email).phone(&line));
        town.google(Some(human), google.email(&human.email).phone(&line));
    }
}

/// The husband's address, or one of both, in which only the wife writes to the broker.
fn spouses_apart(town: &mut Town) {
    let members = town.household(2);
    let word = people::plain(&members[0].family).to_lowercase().replace([' ', '\''], "");
    let family = format!("famille.{word}{}@courriel.example", members[0].id);
    let address = pick(&mut town.rng, &[members[0].email.clone(), members[1].email.clone(), family]);
    let (crm, google) = (town.full(&members[0]), town.full(&members[1]));
    town.crm(&members[0], crm.email(&address));
    town.google(Some(&members[1]), google.email(&address));
}

/// Father Robert and his son Bob, Marie the mother of Marie-Ève, Jean and Julie as J.; and any two of one household.
fn relatives_apart(town: &mut Town) {
    let family = people::family(&mut town.rng);
    let pairs = [
        ("Robert", "Bob"),
        ("William", "Bill"),
        ("Marie", "Marie-Ève"),
        ("Jean", "Jean-François"),
        ("Pierre", "Jean-Pierre"),
        ("Jean-Pierre", "Jean-Philippe"),
        ("Marie-Claude", "Marie-Christine"),
        ("Jean", "Julie"),
        ("Stéphane", "Stéphanie"),
        ("Alexandre", "Alexandra"),
        ("Louis", "Louise"),
        ("Michel", "Michèle"),
        ("René", "Renée"),
        ("Frédéric", "Fred"),
        ("Anne", "Annie"),
        ("Émile", "Émilie"),
    ];
    let (a, b) = if town.coin(0.5) { pick(&mut town.rng, &pairs) } else { ("", "") };
    let [x, y] = if a.is_empty() {
        let mut members = town.household(2).into_iter();
        std::array::from_fn(|_| members.next().expect("two"))
    } else {
        [town.called(a, &family), town.called(b, &family)]
    };
    let (x, y) = if town.coin(0.5) { (x, y) } else { (y, x) };
    let line = town.number();
    let (style, crm) = (relatives_style(town), town.styled(&x, Style::Plain));
    let google = town.styled(&y, style);
    let own = town.coin(0.5);
    town.crm(&x, if own { crm.phone(&line).email(&x.email) } else { crm.phone(&line) });
    town.google(Some(&y), if own { google.phone(&line).phone(&y.mobile) } else { google.phone(&line) });
}

fn relatives_style(town: &mut Town) -> Style {
    use Style::*;
    pick(
        &mut town.rng,
        &[Plain, Plain, Plain, Loud, Unaccented, Swapped, OnePart, Initial, Initial, FamilyOnly, Titled],
    )
}

fn twins_of_one_house(town: &mut Town) -> [Human; 2] {
    let mut members = town.household(2);
    members[1].born = members[0].born;
    let mut members = members.into_iter();
    std::array::from_fn(|_| members.next().expect("two"))
}

fn twins_apart(town: &mut Town) {
    let ([x, y], line) = (twins_of_one_house(town), town.number());
    let (style, crm) = (relatives_style(town), town.styled(&x, Style::Plain));
    let google = town.styled(&y, style);
    town.crm(&x, crm.phone(&line).born(&x));
    town.google(Some(&y), google.phone(&line).born(&y));
}

fn twins(town: &mut Town) {
    let (pair, line) = (twins_of_one_house(town), town.number());
    for human in &pair {
        let (crm, google) = (town.full(human), town.full(human));
        town.crm(human, crm.phone(&line).phone(&human.mobile).born(human));
        town.google(Some(human), google.phone(&line).phone(&human.mobile).born(human));
    }
}

fn two_of_one_name(town: &mut Town) -> [Human; 2] {
    let father = town.human();
    let mut son = town.called(&father.given, &father.family);
    son.born = [father.born[0] + 27, son.born[1], son.born[2]];
    [father, son]
}

fn father_and_son(town: &mut Town) {
    let ([father, son], line) = (two_of_one_name(town), town.number());
    for (human, mark) in [(&father, ""), (&son, " Jr")] {
        let (mut crm, mut google) = (town.styled(human, Style::Plain), town.styled(human, Style::Plain));
        crm.name.1.push_str(mark);
        google.name.1.push_str(mark);
        town.crm(human, crm.email(&human.email).phone(&line));
        town.google(Some(human), google.email(&human.email).phone(&line));
    }
}

/// One line, or one address; a mark or a birthday says that they are two.
fn father_and_son_apart(town: &mut Town) {
    let ([father, son], line) = (two_of_one_name(town), town.number());
    let (mut crm, mut google) = (town.styled(&father, Style::Plain), town.styled(&son, Style::Plain));
    match town.rng_below(4) {
        0 => google.name.1.push_str(" Jr"),
        1 => google.name.0.push_str(" fils"),
        2 => crm.name.1.push_str(" père"),
        _ => (crm.born, google.born) = (Some(father.born), Some(son.born)),
    }
    let by_email = town.coin(0.3);
    let common = |entry: Entry| if by_email { entry.email(&father.email) } else { entry.phone(&line) };
    let (crm, google) = if town.coin(0.5) { (crm, google) } else { (google, crm) };
    town.crm(&father, common(crm));
    town.google(Some(&son), common(google));
}

fn entry_for_the_couple(town: &mut Town) {
    let (members, line) = (town.household(2), town.number());
    let name = format!("{} {} {}", members[0].given, pick(&mut town.rng, &["et", "&"]), members[1].given);
    let address = members[0].email.clone();
    town.google(
        None,
        Entry { name: (name, members[0].family.clone()), ..Entry::default() }.email(&address).phone(&line),
    );
    let crm = town.full(&members[0]);
    town.crm(&members[0], crm.email(&address).phone(&line));
}

/// A firm whose people share a number and an address, some with addresses of their own.
fn office(town: &mut Town) {
    let (line, address, company) = (town.number(), role_address(town), people::company(&mut town.rng));
    for n in 0..10 {
        let human = town.human();
        let (crm, google) = (town.full(&human).of(&company), town.full(&human).of(&company));
        let (crm, google) = (crm.phone(&line).email(&address), google.phone(&line));
        let (crm, google) = if n % 2 == 0 {
            (crm.email(&human.email), google.email(&human.email))
        } else {
            (crm, google.email(&address))
        };
        if n < 7 {
            town.crm(&human, crm);
        }
        if n > 2 {
            town.google(Some(&human), google);
        }
    }
}

/// Two of one firm, by chance one known here and one there, and the firm's number for both. No two of a firm are called alike.
fn colleagues_apart(town: &mut Town) {
    let (line, company) = (town.number(), people::company(&mut town.rng));
    let x = town.human();
    let y = loop {
        let y = town.human();
        if y.given.split(['-', ' ']).next() != x.given.split(['-', ' ']).next() {
            break y;
        }
    };
    let (crm, google) = (town.full(&x), town.full(&y));
    town.crm(&x, crm.of(&company).phone(&line).email(&x.email));
    town.google(Some(&y), google.of(&company).phone(&line));
}

fn companys_entry(town: &mut Town) {
    let (human, line) = (town.human(), town.number());
    let entry = Entry { name: (human.company.clone(), "inc.".into()), ..Entry::default() };
    town.google(None, entry.phone(&line));
    let crm = town.full(&human);
    town.crm(&human, crm.of(&human.company).phone(&line));
}

fn addresses_alike(town: &mut Town) {
    let (x, family) = (town.human(), people::family(&mut town.rng));
    let y = town.called(&x.given, &family);
    let (word, firm) = (people::plain(&x.given).to_lowercase().replace(['-', ' '], ""), town.number());
    let address = |n: usize| format!("{word}{n}@firme{}.example", firm.trim_start_matches('+'));
    let (crm, google) = (town.full(&x), town.full(&y));
    town.crm(&x, crm.of(&x.company).email(&address(1)));
    town.google(Some(&y), google.of(&x.company).email(&address(2)));
}

fn role_address_apart(town: &mut Town) {
    let (x, y, address) = (town.human(), town.human(), role_address(town));
    let (crm, google) = (town.full(&x), town.full(&y));
    town.crm(&x, crm.email(&address));
    town.google(Some(&y), google.email(&address));
}

fn toll_free_apart(town: &mut Town) {
    let (x, y) = (town.human(), town.human());
    let number = format!("+1888{}", &town.number()[5..]);
    let (crm, google) = (town.full(&x), town.full(&y));
    town.crm(&x, crm.phone(&number));
    town.google(Some(&y), google.phone(&number));
}

fn namesakes(town: &mut Town) {
    let x = town.human();
    let y = town.called(&x.given, &x.family);
    let (crm, google) = (town.styled(&x, Style::Plain), town.styled(&y, Style::Plain));
    town.crm(&x, crm.email(&x.email).phone(&x.mobile));
    town.google(Some(&y), google.email(&y.email).phone(&y.mobile));
}

fn namesake_beside(town: &mut Town) {
    let x = town.human();
    let y = town.called(&x.given, &x.family);
    let (crm, google, other) = (town.full(&x), town.full(&x), town.styled(&y, Style::Plain));
    let by_email = town.coin(0.5);
    both(town, &x, crm, google, by_email);
    town.google(Some(&y), other.email(&y.email).phone(&y.mobile));
}

/// A number changes hands; the CRM has the new owner, the phone the old one.
fn recycled(town: &mut Town) {
    let x = town.human();
    let y = loop {
        let y = town.human();
        if y.given.split(['-', ' ']).next() != x.given.split(['-', ' ']).next() {
            break y;
        }
    };
    let (crm, google) = (town.full(&x), town.full(&y));
    town.crm(&x, crm.phone(&x.mobile).email(&x.email));
    town.google(Some(&y), google.phone(&x.mobile));
}

fn twice_in_crm(town: &mut Town) {
    let human = town.human();
    let (one, two, google) = (town.full(&human), town.full(&human), town.full(&human));
    let other = town.email(&human.given, &human.family);
    let (one, two) = match town.rng_below(3) {
        0 => (one.email(&human.email), two.email(&human.email).phone(&human.mobile)),
        1 => (one.email(&human.email), two.phone(&human.mobile)),
        _ => (one.email(&human.email).phone(&human.mobile), two.email(&other)),
    };
    town.crm(&human, one);
    town.crm(&human, two);
    town.google(Some(&human), google.email(&human.email).phone(&human.mobile));
}

fn twice_in_google(town: &mut Town) {
    let human = town.human();
    let (crm, one, two) = (town.full(&human), town.full(&human), town.full(&human));
    town.crm(&human, crm.email(&human.email).phone(&human.mobile));
    let second = match town.rng_below(3) {
        0 => two.email(&human.email),
        1 => two.phone(&human.mobile),
        _ => two,
    };
    town.google(Some(&human), one.email(&human.email));
    town.google(Some(&human), second);
}

fn spouses_second_address(town: &mut Town) {
    let members = town.household(2);
    let (x, y) = (&members[0], &members[1]);
    let (crm, google, other) = (town.full(x), town.full(x), town.full(y));
    town.crm(x, crm.email(&x.email).email(&y.email));
    town.google(Some(x), google.email(&x.email));
    town.google(Some(y), other.email(&y.email));
}
