//! `carnet apply` and `carnet export`: declared state in and out.

mod filters;

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    admin::connect::connect_link,
    app::foundation::Foundation,
    claim::{PauseWhy, pause_of},
    config::{
        Settings,
        declared::{Declared, Google, Sync},
    },
    contact::AccountKey,
    google::{
        http,
        oauth::{Oauth, OauthApp},
    },
    receive::Doors,
    store::{
        current::Current,
        keys::CrmKeys,
        local::LocalRedis,
        registry::{GoogleConnection, Registry, each_secret, exported_secret, open_secret, seal_secret},
        runs::{Runs, undo_lane},
    },
};

use super::{declared_file, deed, output};

/// Make declared state as a file says.
#[derive(Debug, Args)]
pub struct Apply {
    /// TOML file; `-` reads standard input.
    file: PathBuf,
}

/// What applying did.
#[derive(Debug, Default, Serialize)]
pub struct Applied {
    /// One line a change: `+ sync office-phone`.
    pub changes: Vec<String>,
    /// What the changes mean for contacts that are there already, in sentences.
    pub notes: Vec<String>,
    /// Google accounts that are not connected yet, each with a fresh link for its owner.
    pub not_connected: BTreeMap<String, String>,
}

impl Apply {
    pub async fn run(self, settings: Settings, json: bool) -> anyhow::Result<()> {
        let declared = declared_file::read(&self.file)?;
        let foundation = deed::open(&settings).await?;
        let applied = apply_declared(&foundation, &settings, declared).await;
        let applied = stop_local(foundation, applied).await?;
        output::print(json, &applied, |applied| {
            let mut lines = applied.changes.clone();
            if lines.is_empty() {
                lines.push("Nothing changed: everything is as the file says.".into());
            }
            lines.extend(applied.notes.iter().cloned());
            for (name, link) in &applied.not_connected {
                lines.push(format!(
                    "The Google account \"{name}\" is not connected yet. Give it a refresh_token, or send this link to its \
                     owner (good for 7 days):\n  {link}"
                ));
            }
            lines.join("\n")
        })
    }
}

/// A private Redis started for a command is stopped after it.
pub async fn stop_local<T>(mut foundation: Foundation, result: anyhow::Result<T>) -> anyhow::Result<T> {
    stop_redis(foundation.local.take()).await;
    result
}

/// Stops it, if there is one and it is ours.
pub async fn stop_redis(local: Option<LocalRedis>) {
    if let Some(local) = local {
        let stop = tokio_util::sync::CancellationToken::new();
        stop.cancel();
        local.supervise(stop).await;
    }
}

/// Makes the registry as `declared` says; applying the same again changes nothing.
pub async fn apply_declared(
    foundation: &Foundation,
    settings: &Settings,
    mut declared: Declared,
) -> anyhow::Result<Applied> {
    declared_file::check(&declared)?;
    let sealer = foundation.registry.sealer().clone();
    let held = foundation.registry.load().await?;
    each_secret(&mut declared, |secret| {
        *secret = seal_secret(&sealer, secret)?;
        Ok::<_, crate::store::registry::SecretProblem>(())
    })?;
    let mut opened = declared.clone();
    each_secret(&mut opened, |secret| {
        *secret = crate::config::secret::SecretText::new(open_secret(&sealer, secret)?.expose_secret());
        Ok::<_, crate::store::seal::SealError>(())
    })?;
    Doors::build(&opened.crm)?;
    keep_seals(&mut declared, &held.declared, &sealer)?;
    let google = connect(settings, &opened.google, &held, &sealer).await?;
    let mut applied = Applied {
        changes: differences(&held.declared, &declared),
        notes: filters::changed(&held, &declared),
        not_connected: links(settings, &sealer, opened.google.iter().filter(|g| !google.contains_key(&g.name)))?,
    };
    applied.changes.extend(newly_connected(&held.google, &google));
    let mut ids = BTreeMap::new();
    for sync in &declared.sync {
        let id = match held.sync_ids.get(&sync.name).or_else(|| renamed(&held, &declared, sync)) {
            Some(id) => id.clone(),
            None => crate::store::seal::random_text(4)?,
        };
        ids.insert(sync.name.clone(), id);
    }
    nobody_leaves(foundation, &held, &ids, &declared).await?;
    let epoch = foundation.installation().epoch;
    foundation
        .registry
        .change(&foundation.installation().id, |registry| {
            let mut changed = registry.clone();
            changed.declared = declared.clone();
            changed.google = merged(&registry.google, &google, &declared);
            changed.sync_ids.clone_from(&ids);
            changed
                .paused
                .retain(|name, _| name.rsplit_once('|').is_some_and(|(_, id)| ids.values().any(|known| known == id)));
            for (crm, account) in
                declared.crm.iter().flat_map(|crm| crm.account.iter().map(move |account| (crm, account)))
            {
                let key = AccountKey { vendor: crm.vendor().to_owned(), id: account.id.clone() };
                // What cannot be opened any more says nothing of this account.
                changed.welcome(&sealer, &key).ok();
            }
            changed.sync_epochs.retain(|id, _| ids.values().any(|known| known == id));
            for id in ids.values() {
                changed.sync_epochs.entry(id.clone()).or_insert(epoch);
            }
            let differs = changed != *registry;
            *registry = changed;
            differs
        })
        .await?;
    Ok(applied)
}

fn links<'a>(
    settings: &Settings,
    sealer: &crate::store::seal::Sealer,
    accounts: impl Iterator<Item = &'a Google>,
) -> anyhow::Result<BTreeMap<String, String>> {
    accounts.map(|g| Ok((g.name.clone(), connect_link(sealer, &settings.public_url, &g.name)?))).collect()
}

/// A sync whose contacts are being taken back is not taken out in the middle: what is left would keep its label and stamp.
/// (Where Google no longer lets us in, nothing more can be taken back, and the sync may go.)
async fn nobody_leaves(
    foundation: &Foundation,
    held: &Registry,
    ids: &BTreeMap<String, String>,
    declared: &Declared,
) -> anyhow::Result<()> {
    let current = Current::open(held, foundation.installation().clone(), foundation.registry.sealer())?;
    for (name, id) in &held.sync_ids {
        let Some(sync) = current.sync_with_id(id) else { continue };
        let stays = declared.sync.iter().find(|after| ids.get(&after.name) == Some(id));
        if stays.is_some_and(|after| after.crm == sync.spec.crm && after.google == sync.spec.google) {
            continue;
        }
        let Some(google) = &sync.google else { continue };
        let pause = pause_of(&foundation.pool, google).await?;
        if pause.is_some_and(|pause| pause.why == PauseWhy::Access) {
            continue;
        }
        let keys = CrmKeys::new(&sync.account.key);
        let undos = Runs::new(foundation.pool.clone(), keys, &undo_lane(id));
        if undos.current().await?.is_some_and(|run| !run.is_over()) {
            bail!(
                "the sync \"{name}\" is being left or undone at the moment and can be removed or moved once that has ended; \
                 apply the file again then. Nothing was changed."
            );
        }
    }
    Ok(())
}

/// The id of a sync that only got another name: what it manages stays its own.
fn renamed<'a>(held: &'a Registry, declared: &Declared, sync: &Sync) -> Option<&'a String> {
    let place = |s: &Sync| (s.crm.clone(), s.google.clone(), s.label.to_lowercase());
    let gone = |name: &str| declared.sync.iter().all(|s| s.name != name);
    let before = held.declared.sync.iter().find(|old| gone(&old.name) && place(old) == place(sync))?;
    held.sync_ids.get(&before.name)
}

/// Connections as they are now (one may have been made in the browser, or rotated, a moment ago), with what the file says.
fn merged(
    now: &BTreeMap<String, GoogleConnection>,
    found: &BTreeMap<String, GoogleConnection>,
    declared: &Declared,
) -> BTreeMap<String, GoogleConnection> {
    let mut connections = BTreeMap::new();
    for google in &declared.google {
        let (now, found) = (now.get(&google.name), found.get(&google.name));
        let connection = match google.refresh_token {
            // The same declared token: what it has been rotated to since stays.
            Some(_) => now.filter(|n| found.is_some_and(|f| f.declared_digest == n.declared_digest)).or(found),
            None => now,
        };
        connections.extend(connection.map(|c| (google.name.clone(), c.clone())));
    }
    connections
}

/// Sealing the same secret twice gives two texts; where the value is the one that is held, the held text stays, so that
/// applying a file again is no change.
fn keep_seals(declared: &mut Declared, held: &Declared, sealer: &crate::store::seal::Sealer) -> anyhow::Result<()> {
    let mut known = BTreeMap::new();
    let mut held = held.clone();
    each_secret(&mut held, |secret| {
        let value = open_secret(sealer, secret)?.expose_secret().to_owned();
        known.insert((value, exported_secret(secret).is_reference()), secret.clone());
        Ok::<_, crate::store::seal::SealError>(())
    })?;
    each_secret(declared, |secret| {
        let value = open_secret(sealer, secret)?.expose_secret().to_owned();
        let reference = exported_secret(secret).is_reference();
        if let Some(same) = known.get(&(value, reference))
            && exported_secret(same).is_reference() == reference
            && (!reference || exported_secret(same) == exported_secret(secret))
        {
            *secret = same.clone();
        }
        Ok::<_, crate::store::seal::SealError>(())
    })?;
    Ok(())
}

/// Finds out whose each refresh token is. Names without a token keep the connection made in the browser.
async fn connect(
    settings: &Settings,
    declared: &[Google],
    held: &Registry,
    sealer: &crate::store::seal::Sealer,
) -> anyhow::Result<BTreeMap<String, GoogleConnection>> {
    let mut connections = BTreeMap::new();
    for google in declared {
        let known = held.google.get(&google.name);
        let Some(token) = &google.refresh_token else {
            connections.extend(known.map(|c| (google.name.clone(), c.clone())));
            continue;
        };
        let digest = hex::encode(&Sha256::digest(token.written().as_bytes())[..8]);
        let connection = match known.filter(|c| c.declared_digest == digest) {
            Some(known) => known.clone(),
            None => {
                let subject = subject_of(settings, google)
                    .await
                    .with_context(|| format!("the Google account \"{}\" cannot be connected", google.name))?;
                GoogleConnection {
                    subject,
                    refresh: sealer.seal("google", token.written())?,
                    declared_digest: digest,
                    made: jiff::Timestamp::now().as_millisecond(),
                    is_weekly: known.is_some_and(|held| held.is_weekly),
                    ends: None,
                }
            }
        };
        connections.insert(google.name.clone(), connection);
    }
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, connection) in &connections {
        if let Some(first) = names.insert(&connection.subject, name) {
            anyhow::bail!(
                "nothing was changed: \"{first}\" and \"{name}\" are the same Google login; one Google account may be connected once only"
            );
        }
    }
    Ok(connections)
}

async fn subject_of(settings: &Settings, google: &Google) -> anyhow::Result<String> {
    let own = google.client_id.clone().zip(google.client_secret.as_ref().map(|s| s.written().into()));
    let service = || settings.google_client_id.clone().zip(settings.google_client_secret.clone());
    let (client_id, client_secret) = own
        .or_else(service)
        .context("no Google OAuth app is configured; set CARNET_GOOGLE_CLIENT_ID and CARNET_GOOGLE_CLIENT_SECRET")?;
    let oauth = Oauth::new(
        http::client(settings.tune.google_timeout)?,
        settings.google_auth_url.clone(),
        settings.google_token_url.clone(),
        settings.google_userinfo_url.clone(),
    );
    let Some(token) = &google.refresh_token else { anyhow::bail!("there is no refresh token") };
    let fresh = oauth.refresh(&OauthApp { client_id, client_secret }, &token.written().into()).await?;
    Ok(match fresh.subject {
        Some(subject) => subject,
        None => oauth.subject(&fresh.access).await?,
    })
}

fn differences(before: &Declared, after: &Declared) -> Vec<String> {
    fn list<T: PartialEq>(kind: &str, before: &[T], after: &[T], name: impl Fn(&T) -> &str) -> Vec<String> {
        let find = |list: &[T], wanted: &str| list.iter().position(|x| name(x) == wanted);
        let gone = before.iter().filter(|b| find(after, name(b)).is_none()).map(|b| format!("- {kind} {}", name(b)));
        let rest = after.iter().filter_map(|a| match find(before, name(a)) {
            None => Some(format!("+ {kind} {}", name(a))),
            Some(at) if before[at] != *a => Some(format!("~ {kind} {}", name(a))),
            Some(_) => None,
        });
        gone.chain(rest).collect()
    }
    let mut changes = list("crm", &before.crm, &after.crm, |c| &c.name);
    changes.extend(list("google", &before.google, &after.google, |g| &g.name));
    changes.extend(list("sync", &before.sync, &after.sync, |s| &s.name));
    changes
}

fn newly_connected(
    before: &BTreeMap<String, GoogleConnection>,
    after: &BTreeMap<String, GoogleConnection>,
) -> Vec<String> {
    after
        .iter()
        .filter(|(name, c)| before.get(*name).is_none_or(|b| b.subject != c.subject))
        .map(|(name, _)| format!("  google {name} is connected"))
        .collect()
}

/// Prints declared state so that it can be applied again: references as written, other secrets sealed.
pub async fn export(settings: Settings, json: bool) -> anyhow::Result<()> {
    let foundation = deed::open(&settings).await?;
    let registry = foundation.registry.load().await.map_err(anyhow::Error::from);
    let mut declared = stop_local(foundation, registry).await?.declared;
    each_secret(&mut declared, |secret| {
        *secret = exported_secret(secret);
        Ok::<_, std::convert::Infallible>(())
    })?;
    if json {
        println!("{}", serde_json::to_string_pretty(&declared)?);
    } else {
        print!("{}", toml::to_string(&declared)?);
    }
    Ok(())
}
