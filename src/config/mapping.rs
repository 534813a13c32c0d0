//! `[sync.map]`: what of a CRM contact goes where in Google, beyond what goes by itself (name, company, e-mails, phones,
//! address, birthday, web site). Nothing that is not named here leaves the CRM's adapter.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::template::{Template, Token};

/// The map of one sync. Empty: only what goes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mapping {
    /// The name as the phone shows it; unset: the name parts as the CRM has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Template>,
    /// The note; unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Template>,
    /// Type of the CRM's phone numbers (`mobile`, `work`, …) where Carnet adds them; unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_type: Option<String>,
    /// Tags as labels.
    #[serde(skip_serializing_if = "Tags::is_none")]
    pub tags: Tags,
    /// Where the name of the contact's owner goes: `custom:…`, `relation:…` or `nickname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Place>,
    /// How do-not-contact shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dnd: Option<Dnd>,
    /// A web address that leads back to the CRM's record.
    #[serde(skip_serializing_if = "Link::is_off")]
    pub link: Link,
    /// Custom field (its name, key or id in the CRM) → place.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Place>,
}

/// A place in a Google contact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A nickname.
    Nickname,
    /// The job title, beside the company.
    Title,
    /// A further phone number, with its type if given.
    Phone(Option<String>),
    /// A further e-mail address.
    Email(Option<String>),
    /// A further web address.
    Url(Option<String>),
    /// A relation of this type.
    Relation(String),
    /// A date of this type.
    Event(String),
    /// A custom field of this name.
    Custom(String),
}

/// Tags as labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    /// Not at all.
    #[default]
    None,
    /// Each tag is a label of its name.
    Labels,
    /// These tags only: tag → label.
    Some(BTreeMap<String, String>),
}

/// How do-not-contact shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dnd {
    /// As a label of this name.
    Label(String),
    /// As this text behind the name.
    Suffix(String),
}

/// A web address that leads back to the CRM's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// None.
    #[default]
    Off,
    /// The CRM's own address.
    On,
    /// This one, with `{account}` and `{contact}`.
    At(Template),
}

/// What must be looked up beside a contact's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The owner's name.
    pub owner: bool,
    /// Custom fields, by name, key or id.
    pub custom: BTreeSet<String>,
}

/// No wish.
pub static NOTHING: Wants = Wants { owner: false, custom: BTreeSet::new() };

/// Type of the web address that leads back to the CRM.
pub const LINK_TYPE: &str = "CRM";
/// Labels that a sync may make of tags. Google does not say how many labels an account takes; a screen takes no more.
pub const TAG_LABELS: usize = 50;

impl Mapping {
    /// Whether only what goes by itself goes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What must be looked up for it.
    pub fn wants(&self) -> Wants {
        let mut wants = Wants { owner: self.owner.is_some(), custom: self.fields.keys().cloned().collect() };
        for token in self.templates().flat_map(Template::tokens) {
            match token {
                Token::Owner => wants.owner = true,
                Token::Custom(name) => drop(wants.custom.insert(name.clone())),
                _ => {}
            }
        }
        wants
    }

    /// Every type that it gives to an entry.
    pub fn types(&self) -> BTreeSet<&str> {
        let of_place = |place: &'_ Place| match place {
            Place::Phone(kind) | Place::Email(kind) | Place::Url(kind) => kind.is_some(),
            Place::Relation(_) | Place::Event(_) => true,
            Place::Nickname | Place::Title | Place::Custom(_) => false,
        };
        let places = self.fields.values().chain(&self.owner).filter(|place| of_place(place)).filter_map(Place::name);
        places.chain(self.phone_type.as_deref()).chain([LINK_TYPE]).collect()
    }

    /// Labels that it names by themselves.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        let tags = match &self.tags {
            Tags::Some(map) => Some(map.values().map(String::as_str)),
            Tags::None | Tags::Labels => None,
        };
        let dnd = match &self.dnd {
            Some(Dnd::Label(label)) => Some(label.as_str()),
            _ => None,
        };
        tags.into_iter().flatten().chain(dnd)
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let link = match &self.link {
            Link::At(template) => Some(template),
            Link::Off | Link::On => None,
        };
        self.name.iter().chain(&self.note).chain(link)
    }

    /// What cannot be, as sentences.
    pub fn problems(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.name.as_ref().is_some_and(|name| name.to_string().contains('\n')) {
            wrong.push("the name is one line".to_owned());
        }
        if let Some(place) = &self.owner
            && !matches!(place, Place::Custom(_) | Place::Relation(_) | Place::Nickname)
        {
            wrong.push(format!("owner = \"{place}\": a name goes to custom:…, relation:… or nickname"));
        }
        if let Link::At(link) = &self.link {
            if !link.to_string().starts_with("https://") || !link.tokens().any(|t| *t == Token::Contact) {
                wrong
                    .push(format!("link = \"{link}\": write an address that begins with https:// and has {{contact}}"));
            }
            if link.tokens().any(|t| !matches!(t, Token::Contact | Token::Account)) {
                wrong.push(format!("link = \"{link}\": only {{account}} and {{contact}} can stand in an address"));
            }
        }
        if let Tags::Some(map) = &self.tags
            && map.len() > TAG_LABELS
        {
            wrong.push(format!("{} tags are to be labels; {TAG_LABELS} at the most", map.len()));
        }
        for label in self.labels().filter(|l| l.trim() != *l || l.is_empty() || l.chars().count() > 100) {
            wrong.push(format!("the label \"{label}\" needs 1 to 100 characters, without blanks around it"));
        }
        wrong
    }
}

impl Wants {
    /// Whether the record alone is enough.
    pub fn nothing(&self) -> bool {
        !self.owner && self.custom.is_empty()
    }
}

impl Place {
    /// The type or name that it gives.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Nickname | Self::Title => None,
            Self::Phone(kind) | Self::Email(kind) | Self::Url(kind) => kind.as_deref(),
            Self::Relation(name) | Self::Event(name) | Self::Custom(name) => Some(name),
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Nickname => "nickname",
            Self::Title => "title",
            Self::Phone(_) => "phone",
            Self::Email(_) => "email",
            Self::Url(_) => "url",
            Self::Relation(_) => "relation",
            Self::Event(_) => "event",
            Self::Custom(_) => "custom",
        }
    }
}

impl FromStr for Place {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, name) = text.split_once(':').map_or((text, ""), |(word, name)| (word, name.trim()));
        let given = || Some(name.to_owned()).filter(|name| !name.is_empty());
        let needed = || {
            let short = given().filter(|name| name.chars().count() <= 100);
            short.ok_or_else(|| format!("\"{text}\": write {word}: and its name, of 100 characters at the most"))
        };
        match word.trim() {
            "nickname" if name.is_empty() => Ok(Self::Nickname),
            "title" if name.is_empty() => Ok(Self::Title),
            "phone" => Ok(Self::Phone(given())),
            "email" => Ok(Self::Email(given())),
            "url" => Ok(Self::Url(given())),
            "relation" => needed().map(Self::Relation),
            "event" => needed().map(Self::Event),
            "custom" => needed().map(Self::Custom),
            _ => Err(format!(
                "\"{text}\" is no place in a contact; there are nickname, title, phone:TYPE, email:TYPE, url:TYPE, \
                 relation:TYPE, event:TYPE and custom:NAME"
            )),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{}:{name}", self.word()),
            None => f.write_str(self.word()),
        }
    }
}

impl FromStr for Dnd {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        let rest = rest.trim().to_owned();
        match word.trim() {
            "label" if !rest.is_empty() => Ok(Self::Label(rest)),
            "suffix" if !rest.is_empty() => Ok(Self::Suffix(rest)),
            _ => Err(format!("dnd = \"{text}\" is not understood; write label:NAME or suffix:TEXT")),
        }
    }
}

impl fmt::Display for Dnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "label:{name}"),
            Self::Suffix(text) => write!(f, "suffix:{text}"),
        }
    }
}

impl Tags {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl Link {
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

macro_rules! written_as_text {
    ($($kind:ty),*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
written_as_text!(Place, Dnd);

#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Flag(bool),
    Text(String),
    Table(BTreeMap<String, String>),
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Given::deserialize(d) {
            Ok(Given::Text(text)) if text == "labels" => Ok(Self::Labels),
            Ok(Given::Table(map)) => Ok(Self::Some(map)),
            _ => Err(serde::de::Error::custom("write tags = \"labels\", or tags = { \"tag\" = \"Label\" }")),
        }
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => s.serialize_none(),
            Self::Labels => s.serialize_str("labels"),
            Self::Some(map) => map.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Given::deserialize(d) {
            Ok(Given::Flag(on)) => Ok(if on { Self::On } else { Self::Off }),
            Ok(Given::Text(text)) => text.parse().map(Self::At).map_err(serde::de::Error::custom),
            _ => Err(serde::de::Error::custom("write link = true, or link = \"https://…{account}…{contact}\"")),
        }
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => s.serialize_bool(false),
            Self::On => s.serialize_bool(true),
            Self::At(template) => template.serialize(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        name = "{first} {last} – {company}"
        note = "Client depuis {created}\nCourtier : {owner}\n{custom:Notes du courtier}"
        phone_type = "mobile"
        tags = { "acheteur" = "Acheteurs" }
        owner = "custom:Courtier"
        dnd = "suffix: (ne pas appeler)"
        link = "https://app.centiva.io/v2/location/{account}/contacts/detail/{contact}"
        [fields]
        "Conjoint" = "relation:spouse"
        "Fax" = "phone:workFax"
        "Surnom" = "nickname"
        "Fonction" = "title"
    "#;

    #[test]
    fn a_map_reads_back_as_it_was_written() {
        let map: Mapping = toml::from_str(WHOLE).expect("a map");
        assert_eq!(map.problems(), Vec::<String>::new());
        assert_eq!(toml::from_str::<Mapping>(&toml::to_string(&map).expect("toml")).expect("again"), map);
        assert_eq!(map.dnd, Some(Dnd::Suffix("(ne pas appeler)".into())));
        let wants = map.wants();
        assert!(wants.owner);
        let custom = ["Conjoint", "Fax", "Fonction", "Notes du courtier", "Surnom"];
        assert!(wants.custom.iter().eq(custom), "{wants:?}");
        assert!(Mapping::default().wants().nothing());
    }

    #[test]
    fn what_cannot_be_is_said_with_what_can() {
        for (toml, says) in [
            ("tags = \"all\"", "tags = \"labels\""),
            ("dnd = \"red\"", "label:NAME or suffix:TEXT"),
            ("owner = \"fax\"", "is no place in a contact"),
            ("[fields]\nA = \"relation\"", "relation: and its name"),
            ("name = \"{nom}\"", "{first} {middle} {last}"),
            ("colour = \"red\"", "unknown field"),
        ] {
            let error = toml::from_str::<Mapping>(toml).expect_err(toml).to_string();
            assert!(error.contains(says), "{toml}: {error}");
        }
        for (toml, says) in [
            ("owner = \"phone:home\"", "a name goes to"),
            ("link = \"https://crm.example/{account}\"", "has {contact}"),
            ("link = \"https://crm.example/{contact}/{last}\"", "only {account} and {contact}"),
            ("dnd = \"label:   \"", ""),
        ] {
            match toml::from_str::<Mapping>(toml) {
                Ok(map) => assert!(map.problems().iter().any(|p| p.contains(says)), "{toml}: {:?}", map.problems()),
                Err(error) => assert!(says.is_empty(), "{toml}: {error}"),
            }
        }
    }
}
