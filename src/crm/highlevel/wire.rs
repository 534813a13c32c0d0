//! HighLevel's contact as it travels. One record reads all three shapes (webhook body, `GET`, search item): they differ
//! in which keys are there, not in what a key means. Keys that are not named here are never kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use crate::crm::decode::Text;

/// A contact. Every key may be absent, null, or a number where a text is meant.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) id: Text,
    pub(super) location_id: Text,
    pub(super) first_name: Text,
    pub(super) last_name: Text,
    /// In the published webhook schema only; used when both parts are empty.
    pub(super) name: Text,
    pub(super) email: Text,
    pub(super) phone: Text,
    pub(super) company_name: Text,
    /// Search items; may differ from `companyName` in spelling.
    pub(super) business_name: Text,
    /// Street in webhooks and `GET`.
    pub(super) address1: Text,
    /// Street in search items.
    pub(super) address: Text,
    pub(super) city: Text,
    pub(super) state: Text,
    pub(super) postal_code: Text,
    pub(super) country: Text,
    pub(super) website: Text,
    pub(super) source: Text,
    pub(super) assigned_to: Text,
    pub(super) date_added: Text,
    pub(super) date_updated: Text,
    pub(super) date_of_birth: Text,
    #[serde(deserialize_with = "flag")]
    pub(super) dnd: bool,
    /// By channel; the channel names are spelled `SMS` or `sms` by API version and do not matter.
    #[serde(deserialize_with = "nullable")]
    pub(super) dnd_settings: BTreeMap<String, Option<Channel>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tags: Vec<Text>,
    #[serde(deserialize_with = "nullable")]
    pub(super) custom_fields: Vec<CustomValue>,
    /// `None` when the key is absent, which says nothing; null and `[]` say that there are none.
    #[serde(deserialize_with = "present")]
    pub(super) additional_emails: Option<Vec<Extra>>,
    /// As `additional_emails`.
    #[serde(deserialize_with = "present")]
    pub(super) additional_phones: Option<Vec<Extra>>,
}

/// Do-not-disturb of one channel.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Channel {
    /// `active` (blocked), `permanent` (blocked for good) or `inactive`.
    pub(super) status: Text,
}

/// A custom field's value: text, number, list or object by the field's type.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CustomValue {
    pub(super) id: Text,
    pub(super) value: Value,
}

/// An additional e-mail or phone: `{"email": …}`, `{"phone": …}`, or the bare text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Extra {
    Bare(Text),
    Email { email: Text },
    Phone { phone: Text },
}

impl Extra {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Bare(text) | Self::Email { email: text } | Self::Phone { phone: text } => &text.0,
        }
    }
}

/// Answer of `GET /contacts/{id}`.
#[derive(Deserialize)]
pub(super) struct Single {
    pub(super) contact: Record,
}

/// Answer of `POST /contacts/search`. Items stay raw, so that one that does not fit spoils no other.
#[derive(Deserialize)]
pub(super) struct Found<'a> {
    #[serde(borrow)]
    pub(super) contacts: Vec<&'a RawValue>,
    #[serde(default)]
    pub(super) total: Option<u64>,
}

/// What paging needs of a search item.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) id: Text,
    /// `[sort value, id]`; handed back as it came.
    #[serde(deserialize_with = "nullable")]
    pub(super) search_after: Vec<Value>,
}

/// The integration guide shows a wrapper with `data`; every captured delivery is flat.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

/// Null as the type's default.
pub(super) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Vec<Extra>>, D::Error> {
    nullable(d).map(Some)
}

/// Form tools send booleans as text.
fn flag<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Plain(bool),
        Written(Text),
    }
    Ok(match Flag::deserialize(d)? {
        Flag::Plain(flag) => flag,
        Flag::Written(text) => text.0.eq_ignore_ascii_case("true"),
    })
}
