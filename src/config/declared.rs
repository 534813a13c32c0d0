//! Declared state: which CRMs, Google accounts and syncs there are. `carnet apply` reads it, `carnet export` prints it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    filter::{OneOf, Since},
    mapping::{Mapping, Wants},
    secret::SecretText,
};

/// The whole declared state, as in a TOML file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Declared {
    /// CRM connections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crm: Vec<Crm>,
    /// Google accounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub google: Vec<Google>,
    /// Syncs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sync: Vec<Sync>,
}

/// Which CRM a connection speaks to, and how its webhooks look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// HighLevel marketplace-app webhooks, signed with the platform's Ed25519 key.
    Highlevel,
    /// HighLevel workflow webhooks: unsigned, authenticated by a shared secret.
    HighlevelWorkflow,
    /// Any CRM, described by `[crm.map]` and `[crm.signature]`.
    Generic,
}

/// One configured CRM connection; its webhook URL is `/webhooks/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crm {
    /// Name, part of the webhook URL: lower-case letters, digits, `-`, `_`.
    pub name: String,
    /// What it speaks.
    pub kind: Kind,
    /// `generic` only: what the stamps and keys call this CRM. Default `generic`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vendor: Option<String>,
    /// HighLevel marketplace app id: only events of this app are taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub app_id: Option<String>,
    /// Ed25519 keys in PEM; several are valid at once. Default: HighLevel's published key.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub public_keys: Vec<String>,
    /// Accept HighLevel's legacy RSA signature (`x-wh-signature`) when no Ed25519 signature came.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub legacy_rsa: bool,
    /// RSA keys in PEM for `legacy_rsa`. Default: HighLevel's published key.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub legacy_public_keys: Vec<String>,
    /// HighLevel OAuth app, needed by accounts with a `refresh_token`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Secret of that app.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_secret: Option<SecretText>,
    /// How deliveries are authenticated; must be given for `highlevel-workflow` and `generic`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<Signature>,
    /// `generic` only: where things are in the payload.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub map: Option<Map>,
    /// Tenants inside this CRM; events of others are ignored.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub account: Vec<CrmAccount>,
}

/// One tenant: a HighLevel location, a HubSpot portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrmAccount {
    /// The CRM's id of the tenant.
    pub id: String,
    /// Static API token (HighLevel: Private Integration Token). Without any token the account runs in limited mode.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<SecretText>,
    /// First OAuth refresh token, single-use; what it is exchanged for is kept sealed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<SecretText>,
    /// ISO 3166-1 alpha-2; the region of phone numbers without a country code.
    #[serde(default = "default_region")]
    pub region: String,
}

impl CrmAccount {
    /// Whether the CRM can be asked. If not, the account runs in limited mode.
    pub fn has_access(&self) -> bool {
        self.token.is_some() || self.refresh_token.is_some()
    }
}

/// A signature or shared-secret scheme; the axes any webhook sender differs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// What is computed or compared.
    pub scheme: Scheme,
    /// Header that carries the signature (or the shared secret, for `token`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub header: Option<String>,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// Fixed text before the signature, such as `sha256=`.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub prefix: String,
    /// Name of the list part that holds it, as `v1` in `t=…,v1=…`; repeats are allowed, any match wins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub part: Option<String>,
    /// What is signed: text with `{method}` `{url}` `{timestamp}` `{id}` `{body}`. Default `{body}`.
    #[serde(default = "default_message", skip_serializing_if = "is_default_message")]
    pub message: String,
    /// How the secrets are written.
    #[serde(default)]
    pub secret_encoding: SecretEncoding,
    /// Header with the time of the delivery.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timestamp_header: Option<String>,
    /// List part with the time, as `t` in `t=…,v1=…`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timestamp_part: Option<String>,
    /// JSON pointer to the time inside the body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timestamp_pointer: Option<String>,
    /// Unit of the time.
    #[serde(default)]
    pub timestamp_unit: TimeUnit,
    /// Seconds by which the time may differ from now, either way; unset: not checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tolerance: Option<u64>,
    /// Header with the delivery's id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id_header: Option<String>,
    /// `basic`: user name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// `url`: query parameter that carries the secret. Default `token`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parameter: Option<String>,
    /// `body`: JSON pointer to the secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pointer: Option<String>,
    /// Shared secrets; several are valid at once (rotation).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub secrets: Vec<SecretText>,
    /// Public keys in PEM for `ed25519` and `rsa-sha256`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub public_keys: Vec<String>,
}

/// Signature algorithms, presets, and shared-secret kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// HMAC-SHA-256 over `message`.
    HmacSha256,
    /// HMAC-SHA-1 over `message` (Meta, Intercom, old GitHub).
    HmacSha1,
    /// Ed25519 over `message`.
    Ed25519,
    /// RSA PKCS#1 v1.5 with SHA-256 over `message`.
    RsaSha256,
    /// Standard Webhooks / Svix: all axes preset.
    StandardWebhooks,
    /// HubSpot v3: all axes preset; signs the public URL.
    HubspotV3,
    /// A shared secret as the value of `header`.
    Token,
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic` with `user`.
    Basic,
    /// A shared secret in the query string.
    Url,
    /// A shared secret inside the JSON body.
    Body,
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Either case.
    #[default]
    Hex,
    /// Standard alphabet; surrounding white space tolerated.
    Base64,
}

/// How a secret is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretEncoding {
    /// The text's bytes are the key.
    #[default]
    Utf8,
    /// Hex text.
    Hex,
    /// Base64 text.
    Base64,
    /// Base64 after an optional `whsec_`.
    Whsec,
}

/// Unit of a delivery time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Unix seconds.
    #[default]
    S,
    /// Unix milliseconds.
    Ms,
    /// RFC 3339.
    Iso,
}

/// Where a generic CRM's payload keeps things. Each value is a JSON pointer (`/data/id`); a missing place is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Map {
    /// Pointer to an array of events when one delivery carries several (`""` is the body itself).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<String>,
    /// Account id; text without a leading `/` is the id itself.
    pub account: String,
    /// Contact id.
    pub contact: String,
    /// Contact id to use when `contact` is absent or null (a deletion that only carries the previous state).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_fallback: Option<String>,
    /// Event type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Values of `event` that mean the contact is gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Values of `event` to take; others are ignored. Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Event id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Time of the event: RFC 3339, Unix seconds or milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Pointer to a property name, for CRMs that send one property an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Pointer to that property's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Property name → field name of `fields`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
    /// Field → pointer. Fields: `given`, `middle`, `family`, `name`, `company`, `title`, `emails`, `phones`, `street`, `city`,
    /// `region`, `postal_code`, `country`, `urls`, `birthday`, `owner`, `tags`, `created`, `version`. A list field may point to a text, a
    /// list of texts, or a list of objects with a `value`, `email` or `phone`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// One person's Google login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Google {
    /// Name, chosen by the operator.
    pub name: String,
    /// Refresh token; left out when the account is connected in the browser.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<SecretText>,
    /// Another OAuth app than the service's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_secret: Option<SecretText>,
}

/// What Carnet may do to a Google contact that it did not create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Fill blanks, keep every edit made in Google.
    #[default]
    Merge,
    /// The CRM wins on mapped fields.
    Overwrite,
    /// Adopt only: write the stamp, nothing else.
    Link,
}

/// What happens in Google to a contact that is deleted in the CRM or leaves the filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// Take the label off and let go.
    #[default]
    Unlabel,
    /// Let go, change nothing else.
    Keep,
    /// To Google's trash, if Carnet created it and no other sync holds it; else as `unlabel`.
    Trash,
}

/// CRM account → Google account and label, with filter, policy, removal rule and schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sync {
    /// Name, chosen by the operator.
    pub name: String,
    /// `{crm name}/{account id}`.
    pub crm: String,
    /// Name of the Google account.
    pub google: String,
    /// Label in Google; found or created.
    pub label: String,
    /// What may be done to contacts that were there before.
    #[serde(default)]
    pub policy: Policy,
    /// What happens to contacts that go.
    #[serde(default)]
    pub removal: Removal,
    /// Reconcile interval: `15m`, `1h`, `24h`, or `off`.
    #[serde(default)]
    pub every: Every,
    /// Only contacts owned by one of these CRM user ids.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub owners: Vec<String>,
    /// Only contacts with one of these tags (compared without case).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// Only contacts with every one of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags_all: Vec<String>,
    /// Only contacts with none of these tags.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags_none: Vec<String>,
    /// Only contacts with a phone number.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub has_phone: bool,
    /// Only contacts with an e-mail address.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub has_email: bool,
    /// Only contacts that were created in the CRM at this time or later.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created_since: Option<Since>,
    /// Only contacts with one of these values in each of these custom fields (name or CRM id; compared without case).
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub custom: BTreeMap<String, OneOf>,
    /// Whether webhooks are acted on as they arrive.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub live: bool,
    /// What goes where in Google, beyond what goes by itself.
    #[serde(skip_serializing_if = "Mapping::is_empty", default)]
    pub map: Mapping,
}

/// A reconcile interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// No timer; *Sync now* still works.
    Off,
    /// At this interval.
    Interval(Duration),
}

impl Default for Every {
    fn default() -> Self {
        Self::Interval(Duration::from_secs(3600))
    }
}

impl std::str::FromStr for Every {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let say = || format!("`every = \"{text}\"` is not understood; write 15m, 1h, 24h or off");
        if text == "off" {
            return Ok(Self::Off);
        }
        let (number, unit) = text.split_at(text.len().saturating_sub(1));
        let number: u64 = number.parse().map_err(|_| say())?;
        let seconds = match unit {
            "s" => number,
            "m" => number * 60,
            "h" => number * 3600,
            "d" => number * 86_400,
            _ => return Err(say()),
        };
        if seconds == 0 { Err(say()) } else { Ok(Self::Interval(Duration::from_secs(seconds))) }
    }
}

impl std::fmt::Display for Every {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Interval(d) => match d.as_secs() {
                s if s % 3600 == 0 => write!(f, "{}h", s / 3600),
                s if s % 60 == 0 => write!(f, "{}m", s / 60),
                s => write!(f, "{s}s"),
            },
        }
    }
}

impl Serialize for Every {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Every {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

fn default_region() -> String {
    "CA".into()
}
fn default_message() -> String {
    "{body}".into()
}
fn is_default_message(message: &String) -> bool {
    message == "{body}"
}
fn yes() -> bool {
    true
}
fn is_yes(value: &bool) -> bool {
    *value
}

impl Sync {
    /// Whether it runs only when somebody asks for it.
    pub fn is_one_time(&self) -> bool {
        !self.live && self.every == Every::Off
    }

    /// What must be looked up in the CRM beside a contact's record.
    pub fn wants(&self) -> Wants {
        let mut wants = self.map.wants();
        wants.custom.extend(self.custom.keys().cloned());
        wants
    }
}

impl Sync {
    /// Whether the other one lets in the same contacts.
    pub fn has_filter_of(&self, other: &Self) -> bool {
        let lists = |s: &Self| [&s.owners, &s.tags, &s.tags_all, &s.tags_none].map(Clone::clone);
        let rest = |s: &Self| (s.has_phone, s.has_email, s.created_since.clone(), s.custom.clone());
        lists(self) == lists(other) && rest(self) == rest(other)
    }
}

impl Crm {
    /// What keys and stamps call this CRM; never the configured name, which may change.
    pub fn vendor(&self) -> &str {
        match self.kind {
            Kind::Highlevel | Kind::HighlevelWorkflow => "highlevel",
            Kind::Generic => self.vendor.as_deref().unwrap_or("generic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../deploy/carnet.toml");

    /// An option is `#` and its text with no space after the sign, but for the indentation of a table inside another.
    fn with_every_option() -> String {
        let option = |line: &str| {
            let text = line.strip_prefix('#')?;
            let indented = text.starts_with("  ");
            (indented || !text.starts_with([' ', '#'])).then(|| text.to_owned())
        };
        EXAMPLE.lines().map(|line| option(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
    }

    #[test]
    fn the_shipped_example_parses() {
        let declared: Declared = toml::from_str(EXAMPLE).expect("deploy/carnet.toml");
        assert_eq!((declared.crm.len(), declared.google.len(), declared.sync.len()), (1, 1, 1));
        assert_eq!(declared.sync[0].crm, format!("{}/{}", declared.crm[0].name, declared.crm[0].account[0].id));
    }

    #[test]
    fn the_shipped_example_parses_with_every_option_in_use() {
        let declared: Declared =
            toml::from_str(&with_every_option()).expect("deploy/carnet.toml without comment signs");
        assert_eq!(
            declared.crm.iter().map(|crm| crm.kind).collect::<Vec<_>>(),
            [Kind::HighlevelWorkflow, Kind::Highlevel, Kind::Generic]
        );
        let sync = &declared.sync[0];
        assert!(sync.has_phone && sync.has_email && sync.created_since.is_some() && sync.custom.len() == 2);
        assert!(declared.google[0].refresh_token.is_some());
        let map = &sync.map;
        assert_eq!((map.fields.len(), map.problems()), (8, Vec::new()));
        assert!(map.name.is_some() && map.note.is_some() && map.owner.is_some() && map.dnd.is_some());
        let wrong: Vec<String> = super::super::validate::check(&declared).into_iter().map(|w| w.0).collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
}
