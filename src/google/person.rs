//! A Google person as the People API writes it. Only what we read or write has a name here; whatever else an item holds
//! travels along untouched in `rest`, because a field mask replaces whole lists.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A contact (people/c…). Lists are absent when empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Person {
    /// `people/c…`; empty in a create.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resource_name: String,
    /// Differs between reads with different masks: never compare, only send back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Read-only facts; `sources[].etag` must be sent back in updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<PersonMetadata>,
    /// At most one of the CONTACT source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Item<NameValue>>,
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<Item<TextValue>>,
    /// Phone numbers, free text as typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub phone_numbers: Vec<Item<TextValue>>,
    /// Postal addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Item<AddressValue>>,
    /// Companies and titles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Item<OrganizationValue>>,
    /// At most one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub birthdays: Vec<Item<BirthdayValue>>,
    /// Web sites.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Item<TextValue>>,
    /// Nicknames.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nicknames: Vec<Item<TextValue>>,
    /// The note; at most one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub biographies: Vec<Item<NoteValue>>,
    /// People related to this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<Item<RelationValue>>,
    /// Dates other than the birthday.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Item<EventValue>>,
    /// Custom fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_defined: Vec<Item<UserDefinedValue>>,
    /// Labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Item<MembershipValue>>,
    /// Invisible key-value pairs of applications; ours is the stamp.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub client_data: Vec<Item<ClientDataValue>>,
}

/// When Google says the contact source was last changed.
pub fn update_time(person: &Person) -> Option<String> {
    person.metadata.as_ref()?.sources.iter().find(|s| s.kind == "CONTACT")?.update_time.clone()
}

/// One entry of a list field: the parts we know, the item's metadata, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item<T: Default> {
    /// The parts we know.
    #[serde(flatten)]
    pub value: T,
    /// Source and primary marks; mostly read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ItemMetadata>,
    /// Everything else (labels of the user's own, other parts), kept as read.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Metadata of one entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ItemMetadata {
    /// The one Google shows first (read-only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// The one the user chose as default (writable: losing it would lose the user's choice).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_primary: Option<bool>,
    /// Where the entry comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Metadata of a person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PersonMetadata {
    /// The CONTACT source is the one we write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    /// Earlier names of this person (sync-token listings only).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub previous_resource_names: Vec<String>,
    /// A tombstone (sync-token listings only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
}

/// A source of a person or of an entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// `CONTACT`, `PROFILE`, …
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Hex id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `#…`: changes with every write, whatever the mask. This is what change detection compares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_time: Option<String>,
}

/// Writable name parts. `displayName` and `unstructuredName` stay in `rest` and are dropped when a name is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NameValue {
    /// First name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given_name: String,
    /// Middle name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub middle_name: String,
    /// Family name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family_name: String,
}

/// An e-mail address, a phone number, a URL or a nickname: one text and a type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextValue {
    /// The text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `home`, `work`, `mobile`, … or the user's own word.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressValue {
    /// Street and number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub street_address: String,
    /// City.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub city: String,
    /// State or province.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Postal code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub postal_code: String,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country_code: String,
    /// `home`, `work`, …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A company.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationValue {
    /// Company name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Job title.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// `work`, `school`, …
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A birthday; always written as a date, never as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BirthdayValue {
    /// The date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<DateValue>,
}

/// A note; the one value that may be longer than 1,024 characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NoteValue {
    /// The text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// `TEXT_PLAIN` or `TEXT_HTML`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// A related person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RelationValue {
    /// Who.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub person: String,
    /// `spouse`, `assistant`, … or the user's own word.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A date with a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventValue {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<DateValue>,
    /// `anniversary`, `other`, or the user's own word.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A custom field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserDefinedValue {
    /// Its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// Its value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// `google.type.Date`; 0 is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DateValue {
    /// 0 when unknown.
    pub year: i16,
    /// 1–12.
    pub month: i8,
    /// 1–31.
    pub day: i8,
}

/// One label of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MembershipValue {
    /// Absent for domain memberships, which are read-only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_group_membership: Option<GroupMembership>,
}

/// Which label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupMembership {
    /// `contactGroups/…`
    pub contact_group_resource_name: String,
}

/// One key and value of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientDataValue {
    /// The application's key.
    pub key: String,
    /// At most 1,012 characters.
    pub value: String,
}

/// What may be changed in an update; its name in `updatePersonFields` is [`Field::mask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each is the People API's field of that name")]
pub enum Field {
    Names,
    EmailAddresses,
    PhoneNumbers,
    Addresses,
    Organizations,
    Birthdays,
    Urls,
    Nicknames,
    Biographies,
    Relations,
    Events,
    UserDefined,
    Memberships,
    ClientData,
}

impl Field {
    /// Every field that we read and may write.
    pub const ALL: [Self; 14] = [
        Self::Names,
        Self::EmailAddresses,
        Self::PhoneNumbers,
        Self::Addresses,
        Self::Organizations,
        Self::Birthdays,
        Self::Urls,
        Self::Nicknames,
        Self::Biographies,
        Self::Relations,
        Self::Events,
        Self::UserDefined,
        Self::Memberships,
        Self::ClientData,
    ];

    /// Its name in a field mask.
    pub fn mask(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::EmailAddresses => "emailAddresses",
            Self::PhoneNumbers => "phoneNumbers",
            Self::Addresses => "addresses",
            Self::Organizations => "organizations",
            Self::Birthdays => "birthdays",
            Self::Urls => "urls",
            Self::Nicknames => "nicknames",
            Self::Biographies => "biographies",
            Self::Relations => "relations",
            Self::Events => "events",
            Self::UserDefined => "userDefined",
            Self::Memberships => "memberships",
            Self::ClientData => "clientData",
        }
    }
}

/// The system group that a phone syncs; given with our label at creation.
pub const MY_CONTACTS: &str = "contactGroups/myContacts";

impl Person {
    /// Makes one field what it is in another person.
    pub fn take(&mut self, field: Field, from: &Self) {
        match field {
            Field::Names => self.names.clone_from(&from.names),
            Field::EmailAddresses => self.email_addresses.clone_from(&from.email_addresses),
            Field::PhoneNumbers => self.phone_numbers.clone_from(&from.phone_numbers),
            Field::Addresses => self.addresses.clone_from(&from.addresses),
            Field::Organizations => self.organizations.clone_from(&from.organizations),
            Field::Birthdays => self.birthdays.clone_from(&from.birthdays),
            Field::Urls => self.urls.clone_from(&from.urls),
            Field::Nicknames => self.nicknames.clone_from(&from.nicknames),
            Field::Biographies => self.biographies.clone_from(&from.biographies),
            Field::Relations => self.relations.clone_from(&from.relations),
            Field::Events => self.events.clone_from(&from.events),
            Field::UserDefined => self.user_defined.clone_from(&from.user_defined),
            Field::Memberships => self.memberships.clone_from(&from.memberships),
            Field::ClientData => self.client_data.clone_from(&from.client_data),
        }
    }

    /// Entries of all fields that we read, as Google's limit on a contact counts them.
    pub fn entries(&self) -> usize {
        let texts = [&self.email_addresses, &self.phone_numbers, &self.urls, &self.nicknames];
        texts.into_iter().map(Vec::len).sum::<usize>()
            + self.names.len()
            + self.addresses.len()
            + self.organizations.len()
            + self.birthdays.len()
            + self.biographies.len()
            + self.relations.len()
            + self.events.len()
            + self.user_defined.len()
            + self.memberships.len()
            + self.client_data.len()
    }

    /// The etag of the CONTACT source, which changes with every write.
    pub fn source_etag(&self) -> Option<&str> {
        self.metadata.as_ref()?.sources.iter().find(|s| s.kind == "CONTACT")?.etag.as_deref()
    }

    /// Whether this is a tombstone.
    pub fn is_deleted(&self) -> bool {
        self.metadata.as_ref().is_some_and(|m| m.deleted == Some(true))
    }

    /// The labels, as resource names.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.memberships
            .iter()
            .filter_map(|m| m.value.contact_group_membership.as_ref())
            .map(|g| g.contact_group_resource_name.as_str())
    }
}

impl<T: Default> From<T> for Item<T> {
    fn from(value: T) -> Self {
        Self { value, metadata: None, rest: Map::new() }
    }
}
