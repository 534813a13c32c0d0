//! The registry as the running process uses it: secrets open, names resolved to what is stable. Made anew when it changes.

use std::{collections::BTreeMap, sync::Arc};

use secrecy::SecretString;

use crate::{
    config::{
        declared::{self, Crm},
        mapping::Wants,
    },
    contact::AccountKey,
};

use super::{
    forgotten::Forgotten,
    installation::Installation,
    registry::{Refusal, Registry, each_secret, open_secret},
    seal::{SealError, Sealer},
    tokens::ApiToken,
};

/// Everything a stage needs to know of the configuration.
#[derive(Debug)]
pub struct Current {
    /// Installation and epoch.
    pub installation: Installation,
    /// The registry's revision.
    pub revision: u64,
    /// CRM connections, secrets open.
    pub crms: Vec<Arc<Crm>>,
    /// CRM accounts by what is stable.
    pub accounts: BTreeMap<AccountKey, Arc<CrmAccount>>,
    /// Connected Google accounts by subject.
    pub google: BTreeMap<String, Arc<GoogleAccount>>,
    /// Syncs.
    pub syncs: Vec<Arc<SyncSpec>>,
    /// Tokens of the API by name.
    pub api_tokens: BTreeMap<String, ApiToken>,
    /// `subject|account|contact` → what the owner refused.
    pub refusals: BTreeMap<String, Refusal>,
    /// Persons who were erased.
    pub forgotten: Arc<Forgotten>,
}

/// One CRM account and how to reach it.
#[derive(Debug)]
pub struct CrmAccount {
    /// What is stable.
    pub key: AccountKey,
    /// The connection it belongs to.
    pub crm: Arc<Crm>,
    /// Default phone region.
    pub region: String,
    /// How to authenticate; `None` is limited mode.
    pub access: Option<CrmAccess>,
}

/// How a CRM account's API is reached.
#[derive(Debug)]
pub enum CrmAccess {
    /// A static token.
    Static(SecretString),
    /// An OAuth app; the tokens are in the registry.
    Oauth {
        /// The app.
        client_id: String,
        /// Its secret.
        client_secret: SecretString,
        /// The declared refresh token, used when the registry holds no later one.
        refresh: SecretString,
        /// Sealed tokens from the registry.
        tokens: Option<String>,
    },
}

/// A connected Google account.
#[derive(Debug)]
pub struct GoogleAccount {
    /// Google's stable id.
    pub subject: String,
    /// The configured name, for people.
    pub name: String,
    /// Refresh token.
    pub refresh: SecretString,
    /// OAuth app, when it is not the service's.
    pub app: Option<(String, SecretString)>,
    /// When the connection was made (ms); 0 if that is not known.
    pub made: i64,
    /// When it ends (ms), if that is known.
    pub ends_at: Option<i64>,
    /// Whether one before it ended after a week.
    pub is_weekly: bool,
}

/// A sync, resolved.
#[derive(Debug)]
pub struct SyncSpec {
    /// Stable id, used in keys and links.
    pub id: String,
    /// Epoch in which it was declared.
    pub epoch: u64,
    /// As declared.
    pub spec: declared::Sync,
    /// What, besides the contact, decides on how it looks in Google: policy and label; and the installation's epoch, as after a
    /// loss a link may say less than was done. When it changes, every contact is looked at again.
    pub rule: String,
    /// What is looked up in the CRM beside a contact's record.
    pub wants: Wants,
    /// The CRM account.
    pub account: Arc<CrmAccount>,
    /// The Google account; `None` until it is connected.
    pub google: Option<Arc<GoogleAccount>>,
}

impl Current {
    /// Opens the registry.
    pub fn open(registry: &Registry, installation: Installation, sealer: &Sealer) -> Result<Self, SealError> {
        let mut opened = registry.declared.clone();
        each_secret(&mut opened, |secret| {
            use secrecy::ExposeSecret;
            *secret = crate::config::secret::SecretText::new(open_secret(sealer, secret)?.expose_secret());
            Ok::<_, SealError>(())
        })?;
        let crms: Vec<Arc<Crm>> = opened.crm.into_iter().map(Arc::new).collect();
        let accounts = accounts(&crms, registry);
        let mut google = BTreeMap::new();
        let mut by_name = BTreeMap::new();
        for declared in &opened.google {
            let Some(connection) = registry.google.get(&declared.name) else { continue };
            let app = declared.client_id.clone().zip(declared.client_secret.as_ref().map(|s| s.written().into()));
            let account = Arc::new(GoogleAccount {
                subject: connection.subject.clone(),
                name: declared.name.clone(),
                refresh: sealer.open("google", &connection.refresh)?,
                app,
                made: connection.made,
                ends_at: connection.ends_at(),
                is_weekly: connection.is_weekly,
            });
            google.insert(connection.subject.clone(), account.clone());
            by_name.insert(declared.name.clone(), account);
        }
        // Whether another sync wants a contact that leaves is told by the same reading: what their filters ask for is in it.
        let filters: Vec<(String, Vec<String>)> =
            opened.sync.iter().map(|s| (s.crm.clone(), s.custom.keys().cloned().collect())).collect();
        let syncs = opened
            .sync
            .into_iter()
            .filter_map(|spec| {
                let id = registry.sync_ids.get(&spec.name)?.clone();
                let (crm, account) = spec.crm.split_once('/')?;
                let account = accounts.values().find(|a| a.crm.name == crm && a.key.id == account)?.clone();
                let google = by_name.get(&spec.google).cloned();
                let epoch = registry.sync_epochs.get(&id).copied().unwrap_or(0);
                let mut wants = spec.wants();
                wants.custom.extend(filters.iter().filter(|(crm, _)| *crm == spec.crm).flat_map(|(_, f)| f.clone()));
                let label = spec.label.trim().to_lowercase();
                let rule = format!("{}/{:?}/{label}", installation.epoch, spec.policy);
                Some(Arc::new(SyncSpec { id, epoch, spec, rule, wants, account, google }))
            })
            .collect();
        Ok(Self {
            installation,
            revision: registry.revision,
            crms,
            accounts,
            google,
            syncs,
            api_tokens: registry.api_tokens.clone(),
            refusals: registry.refusals.clone(),
            forgotten: Arc::new(Forgotten::open(registry, sealer)?),
        })
    }

    /// The syncs that write to this Google account.
    pub fn syncs_of(&self, subject: &str) -> impl Iterator<Item = &Arc<SyncSpec>> {
        self.syncs.iter().filter(move |s| s.google.as_ref().is_some_and(|g| g.subject == subject))
    }

    /// Whether the owner does not want this contact from this sync, or it was erased.
    pub fn refuses(&self, sync: &SyncSpec, contact: &str) -> bool {
        if self.forgotten.holds(&sync.account.key, contact) {
            return true;
        }
        let Some(google) = &sync.google else { return false };
        let key = Registry::refusal_key(&google.subject, &sync.account.key, contact);
        self.refusals.get(&key).is_some_and(|refusal| refusal.concerns(&sync.id))
    }

    /// What the owner of a Google account does not want of a CRM account: `(contact, refusal)`.
    pub fn refusals_between<'a>(
        &'a self,
        subject: &str,
        account: &AccountKey,
    ) -> impl Iterator<Item = (&'a str, &'a Refusal)> + use<'a> {
        let prefix = Registry::refusal_key(subject, account, "");
        let length = prefix.len();
        let from_there = self.refusals.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix));
        from_there.map(move |(key, refusal)| (&key[length..], refusal))
    }

    /// The sync of this name.
    pub fn sync_named(&self, name: &str) -> Option<&Arc<SyncSpec>> {
        self.syncs.iter().find(|s| s.spec.name == name)
    }

    /// The sync with this id.
    pub fn sync_with_id(&self, id: &str) -> Option<&Arc<SyncSpec>> {
        self.syncs.iter().find(|s| s.id == id)
    }
}

impl CrmAccount {
    /// Whether the CRM cannot be asked: only what webhooks say is known.
    pub fn is_limited(&self) -> bool {
        self.access.is_none()
    }
}

fn accounts(crms: &[Arc<Crm>], registry: &Registry) -> BTreeMap<AccountKey, Arc<CrmAccount>> {
    let mut accounts = BTreeMap::new();
    for crm in crms {
        for account in &crm.account {
            let key = AccountKey { vendor: crm.vendor().to_owned(), id: account.id.clone() };
            let access = match (&account.token, &account.refresh_token, &crm.client_id, &crm.client_secret) {
                (Some(token), ..) => Some(CrmAccess::Static(token.written().into())),
                (None, Some(refresh), Some(client_id), Some(client_secret)) => Some(CrmAccess::Oauth {
                    client_id: client_id.clone(),
                    client_secret: client_secret.written().into(),
                    refresh: refresh.written().into(),
                    tokens: registry.crm_tokens.get(&key.to_string()).cloned(),
                }),
                _ => None,
            };
            let region = account.region.clone();
            accounts.insert(key.clone(), Arc::new(CrmAccount { key, crm: crm.clone(), region, access }));
        }
    }
    accounts
}
