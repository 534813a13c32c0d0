//! What speaks for a Google person being a CRM contact, what it is worth, and how it is told to a person.

use std::fmt;

use crate::{
    contact::{Birthday, Contact},
    google::person::Person,
    plan::{
        identifiers::Kind,
        names::{Relation, is_contacts_own},
    },
};

use super::{Candidate, Hit};

/// One identifier in common, and how the names relate.
///
/// | names | unique e-mail | unique phone | shared, or an office's | name alone |
/// |---|---|---|---|---|
/// | same, compatible | decides | decides | asks | asks |
/// | a short form | decides | asks | asks | asks |
/// | initials, a part, a slip, another family name | decides | asks | asks | – |
/// | no name | decides | asks | asks | – |
/// | a family name alone, a company's | asks | asks | asks | – |
/// | one is a couple's, a junior's or a senior's | asks | asks | asks | asks |
/// | nearly alike | asks | asks | asks | – |
/// | contradict | asks | – | – | – |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Evidence {
    /// What both have.
    pub rung: Rung,
    /// Whether it may identify.
    pub standing: Standing,
    /// How the names relate.
    pub names: Relation,
}

/// The rungs below link and stamp, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The full name; only suggests.
    Name,
}

impl From<Kind> for Rung {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Phone => Self::Phone,
            Kind::Name => Self::Name,
        }
    }
}

/// Whether what both have can identify one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// One CRM contact and one Google person have it.
    Unique,
    /// Another CRM contact has as good a claim to the person.
    Claimed,
    /// The birthdays are those of two people.
    BornApart,
    /// Several have it, on either side.
    Shared,
    /// An office's or a household's by the look of it.
    Impersonal,
}

impl Evidence {
    /// What a hit says of one of its persons; `None`: nothing. `shared`: several have the identifier.
    pub(super) fn weigh(
        contact: &Contact,
        hit: &Hit<'_>,
        shared: bool,
        candidate: &Candidate<'_>,
        names: Relation,
    ) -> Option<Self> {
        let rung = Rung::from(hit.identifier.kind());
        let standing = match () {
            () if hit.identifier.is_impersonal() => Standing::Impersonal,
            () if are_born_apart(contact, candidate.person) => Standing::BornApart,
            () if shared && rung != Rung::Name => Standing::Shared,
            () if candidate.claim.is_some_and(|claim| claim <= rung) => Standing::Claimed,
            () => Standing::Unique,
        };
        // Colleagues of a shared office: who has only the address in common is another of them.
        let is_colleague = standing == Standing::Impersonal && shared && names > Relation::Misspelt;
        let evidence = Self { rung, standing, names };
        (evidence.says_something() && !is_colleague).then_some(evidence)
    }

    /// Whether it is enough to adopt, if nothing else speaks for another.
    pub fn decides(self) -> bool {
        let enough = match self.rung {
            Rung::Email => self.names <= Relation::Unknown,
            Rung::Phone => self.names <= Relation::Compatible,
            Rung::Name => false,
        };
        enough && self.standing == Standing::Unique
    }

    /// Whether it decides beside somebody for whom nothing speaks but a name, or what several share. Of two who have the
    /// same name a phone number may be the other's; of an address with little of a name to it, the other may be nearer.
    pub(super) fn outweighs(self, names: Relation) -> bool {
        let is_strong = self.rung == Rung::Email && self.names <= Relation::Compatible;
        self.decides() && (is_strong || self.names < names)
    }

    /// Whether an identifier that only the two have speaks for it, whatever speaks against it.
    pub(super) fn is_own(self) -> bool {
        self.rung != Rung::Name && matches!(self.standing, Standing::Unique | Standing::Claimed | Standing::BornApart)
    }

    fn says_something(self) -> bool {
        use Relation::{Compatible, Contradict, Couple, Generation, Nickname, Same};
        let is_unique = matches!(self.standing, Standing::Unique | Standing::Claimed | Standing::BornApart);
        match self.rung {
            Rung::Name => matches!(self.names, Same | Compatible | Nickname | Couple | Generation),
            // One mailbox and two names cannot both be right.
            Rung::Email if is_unique => true,
            // A household, an office, or a number that has a new owner.
            Rung::Email | Rung::Phone => self.names != Contradict,
        }
    }

    /// The order of suggestions, the likeliest first, and which evidence stands for a person who has several.
    pub(super) fn rank(self) -> impl Ord {
        let decider = if self.decides() { self.rung } else { Rung::Name };
        (!self.decides(), decider, self.names, self.rung, self.standing)
    }

    /// What they have in common, without the names.
    pub(super) fn fact(self) -> String {
        let what = match self.rung {
            Rung::Email => "same e-mail",
            Rung::Phone => "same phone",
            Rung::Name => return String::new(),
        };
        match self.standing {
            Standing::Unique => what.to_owned(),
            Standing::Claimed => format!("{what}, but another CRM contact has an e-mail or phone of this one too"),
            Standing::BornApart => format!("{what}, but another birthday"),
            Standing::Shared => format!("{what}, but several contacts have it"),
            Standing::Impersonal => format!("{what}, but it looks like an office's or a household's"),
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.rung, self.standing) {
            (Rung::Name, Standing::BornApart) => write!(f, "{}, but another birthday", self.names),
            (Rung::Name, _) => write!(f, "{}, but no e-mail or phone that settles it", self.names),
            _ => write!(f, "{}; {}", self.fact(), self.names),
        }
    }
}

/// Father and son, or two of one name: their birthdays are known and differ in more than one slip of the pen.
fn are_born_apart(contact: &Contact, person: &Person) -> bool {
    // What forms fill in says nothing.
    let is_full = |b: &Birthday| b.year != 0 && (b.month, b.day) != (1, 1);
    let Some(crm) = contact.birthday.filter(is_full) else { return false };
    let own = person.birthdays.iter().filter(|b| is_contacts_own(b)).filter_map(|b| b.value.date);
    let mut own = own.map(|d| Birthday { year: d.year, month: d.month, day: d.day }).filter(is_full);
    own.next().is_some_and(|google| {
        let differs = [crm.year != google.year, crm.month != google.month, crm.day != google.day];
        let is_turned = crm.year == google.year && (crm.month, crm.day) == (google.day, google.month);
        let is_generation = crm.year.abs_diff(google.year) >= 12;
        is_generation || (differs.iter().filter(|differs| **differs).count() > 1 && !is_turned)
    })
}
