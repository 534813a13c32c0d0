//! Takes one contact out of everything that is kept of its CRM account. Goes by the types of the keys, not by a list of them: a key
//! that is added later is found too, and a test looks through all of Redis that nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use redis::AsyncCommands as _;

use crate::contact::AccountKey;

use super::{
    StoreError,
    backup::{keys as all_keys, literally},
    census::Census,
    keys::{CrmKeys, GOOGLE, GoogleKeys},
    pool::{Connection, Pool},
    stream::{WHOLE, each_entry},
};

/// What was found, or taken out: kind of key → entries.
pub type Counts = BTreeMap<String, u64>;

/// Where a stream is copied to, without somebody; then it takes the place of the other.
const REBUILT: &str = "rebuilt";
/// Elements read at a time.
const PAGE: usize = 500;

/// One contact of one CRM account.
pub struct Erase<'a> {
    /// Redis.
    pub pool: &'a Pool,
    /// The CRM account.
    pub account: &'a AccountKey,
    /// The contact's id.
    pub contact: &'a str,
    /// What the index of a listing calls its stamp.
    pub stamp: &'a str,
    /// Whether it is taken out, or only counted.
    pub really: bool,
}

/// CRM accounts of which anything is kept, also those that are declared no more.
pub async fn accounts(pool: &Pool) -> Result<BTreeSet<AccountKey>, StoreError> {
    let account = |key: &str| {
        let (tag, _) = key.strip_prefix("carnet:{")?.split_once("}:")?;
        let (vendor, id) = tag.split_once(':').filter(|(vendor, _)| *vendor != GOOGLE)?;
        Some(AccountKey { vendor: vendor.to_owned(), id: id.to_owned() })
    };
    Ok(all_keys(pool, "carnet:{*").await?.iter().filter_map(|key| account(key)).collect())
}

/// The keys of a CRM account, with what each holds.
async fn keys_of(pool: &Pool, account: &AccountKey) -> Result<Vec<(String, String)>, StoreError> {
    let prefix = key_prefix(account);
    let keys = all_keys(pool, &format!("{}*", literally(&prefix))).await?;
    let what = |key: &str| key[prefix.len()..].split(':').next().unwrap_or_default().to_owned();
    Ok(keys.into_iter().map(|key| (what(&key), key)).filter(|(what, _)| what != REBUILT).collect())
}

fn key_prefix(account: &AccountKey) -> String {
    format!("carnet:{{{account}}}:")
}

/// Google subjects of which a CRM account has kept something.
pub async fn subjects(pool: &Pool, account: &AccountKey) -> Result<BTreeSet<String>, StoreError> {
    let of_subjects = ["links", "owners", "intents", "needs", "decisions", "begun", "journal"];
    let keys = keys_of(pool, account).await?.into_iter().filter(|(what, _)| of_subjects.contains(&what.as_str()));
    Ok(keys.filter_map(|(_, key)| key.rsplit_once(':').map(|(_, subject)| subject.to_owned())).collect())
}

/// Contacts of an account in whose entries one of these texts stands (e-mail address, phone number).
pub async fn mentioned(pool: &Pool, account: &AccountKey, texts: &[String]) -> Result<BTreeSet<String>, StoreError> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let has = |value: &[u8]| {
        let value = String::from_utf8_lossy(value).to_lowercase();
        texts.iter().any(|text| value.contains(text))
    };
    contacts_with(pool, account, has).await
}

/// Every contact of which anything is kept.
pub async fn contacts(pool: &Pool, account: &AccountKey) -> Result<BTreeSet<String>, StoreError> {
    contacts_with(pool, account, |_| true).await
}

async fn contacts_with(
    pool: &Pool,
    account: &AccountKey,
    has: impl Fn(&[u8]) -> bool,
) -> Result<BTreeSet<String>, StoreError> {
    let mut found = BTreeSet::new();
    let mut connection = pool.get().await?;
    for (what, key) in keys_of(pool, account).await? {
        match kind(&mut connection, &key).await?.as_str() {
            "stream" => {
                each_fields(&mut connection, &key, |fields| {
                    let contact = fields.get("contact");
                    if fields.values().any(|value| has(value)) {
                        found.extend(contact.map(|contact| String::from_utf8_lossy(contact).into_owned()));
                    }
                })
                .await?;
            }
            "hash" if by_contact(&what) => {
                each_field(&mut connection, &key, |field, value| {
                    if has(value) {
                        found.insert(field.to_owned());
                    }
                })
                .await?;
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether the fields of such a hash are contacts.
fn by_contact(what: &str) -> bool {
    !matches!(what, "owners" | "census" | "census-facts" | "run" | "run-counts" | "sync")
}

/// All that is kept of a CRM account; `really`: it goes.
pub async fn everything(pool: &Pool, account: &AccountKey, really: bool) -> Result<Counts, StoreError> {
    let mut counts = Counts::new();
    let mut connection = pool.get().await?;
    for (what, key) in keys_of(pool, account).await? {
        let length = match kind(&mut connection, &key).await?.as_str() {
            "hash" => "HLEN",
            "zset" => "ZCARD",
            "set" => "SCARD",
            "list" => "LLEN",
            "stream" => "XLEN",
            _ => "EXISTS",
        };
        let entries: u64 = redis::cmd(length).arg(&key).query_async(&mut connection).await?;
        add(&mut counts, &what, entries);
        if really {
            let _: () = connection.unlink(&key).await?;
        }
    }
    Ok(counts)
}

impl Erase<'_> {
    /// Goes through everything; answers what there was.
    pub async fn run(&self) -> Result<Counts, StoreError> {
        let mut counts = Counts::new();
        let keys = keys_of(self.pool, self.account).await?;
        if self.really {
            // Out of the lists of those who share an address with it too; with its own entry, from which they are known.
            let its = CrmKeys::new(self.account).census_contacts();
            let held: bool = self.pool.get().await?.hexists(its, self.contact).await?;
            add(&mut counts, "census-contacts", u64::from(held));
            let gone = [(self.contact.to_owned(), None)];
            Census::new(self.pool.clone(), CrmKeys::new(self.account)).note(&gone).await?;
        }
        for (what, key) in keys {
            let count = match kind(&mut self.pool.get().await?, &key).await?.as_str() {
                "hash" => self.in_hash(&what, &key).await?,
                "zset" => self.in_set(&key, "ZSCORE", "ZREM").await?,
                "set" => self.in_set(&key, "SISMEMBER", "SREM").await?,
                "list" => self.in_list(&key).await?,
                "stream" => self.in_stream(&key).await?,
                "string" if what == "preview" => self.in_text(&key).await?,
                _ => 0,
            };
            add(&mut counts, &what, count);
        }
        for subject in subjects(self.pool, self.account).await? {
            add(&mut counts, "listing", self.in_listing(&subject).await?);
        }
        Ok(counts)
    }

    async fn in_hash(&self, what: &str, key: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        let fields = match what {
            // Google resource → contact.
            "owners" => {
                let mut resources = Vec::new();
                each_field(&mut connection, key, |resource, contact| {
                    if contact == self.contact.as_bytes() {
                        resources.push(resource.to_owned());
                    }
                })
                .await?;
                resources
            }
            _ if by_contact(what) => vec![self.contact.to_owned()],
            _ => return Ok(0),
        };
        let mut count = 0;
        for field in fields {
            let (exists, delete) = (redis::cmd("HEXISTS"), redis::cmd("HDEL"));
            let mut command = if self.really { delete } else { exists };
            count += command.arg(key).arg(field).query_async::<u64>(&mut connection).await?;
        }
        Ok(count)
    }

    async fn in_set(&self, key: &str, ask: &str, remove: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        if self.really {
            return Ok(redis::cmd(remove).arg(key).arg(self.contact).query_async(&mut connection).await?);
        }
        let held: redis::Value = redis::cmd(ask).arg(key).arg(self.contact).query_async(&mut connection).await?;
        Ok(u64::from(!matches!(held, redis::Value::Nil | redis::Value::Int(0))))
    }

    async fn in_list(&self, key: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        if self.really {
            return Ok(connection.lrem(key, 0, self.contact).await?);
        }
        let places: Vec<u64> =
            redis::cmd("LPOS").arg(key).arg(self.contact).arg("COUNT").arg(0).query_async(&mut connection).await?;
        Ok(places.len() as u64)
    }

    async fn in_stream(&self, key: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        let mut count = 0;
        each_fields(&mut connection, key, |fields| {
            count += u64::from(fields.get("contact").is_some_and(|contact| contact == self.contact.as_bytes()));
        })
        .await?;
        if self.really && count > 0 { self.rebuild(key).await } else { Ok(count) }
    }

    /// In pieces, so that nobody waits for long; only the end, which is short, must be one step.
    async fn rebuild(&self, key: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        let script = redis::Script::new(concat!(include_str!("named.lua"), include_str!("rebuild.lua")));
        let copy = format!("{}{REBUILT}", key_prefix(self.account));
        let _: () = connection.del(&copy).await?;
        let (mut from, mut out) = ("-".to_owned(), 0);
        loop {
            let mut call = script.key(key);
            call.key(&copy).arg(self.contact).arg(&from).arg(PAGE).arg("0").arg(out);
            let (last, seen, left_out): (String, usize, u64) = call.invoke_async(&mut connection).await?;
            out += left_out;
            if !last.is_empty() {
                from = format!("({last}");
            }
            if seen < PAGE {
                break;
            }
        }
        let mut end = script.key(key);
        end.key(&copy).arg(self.contact).arg(&from).arg(PAGE).arg("1").arg(out);
        let (_, _, left_out): (String, usize, u64) = end.invoke_async(&mut connection).await?;
        Ok(out + left_out)
    }

    /// A preview as a whole; one that names the contact is made again.
    async fn in_text(&self, key: &str) -> Result<u64, StoreError> {
        let mut connection = self.pool.get().await?;
        let text: Option<String> = connection.get(key).await?;
        let named = text.is_some_and(|text| text.contains(&format!("\"{}\"", self.contact)));
        if named && self.really {
            let _: () = connection.del(key).await?;
        }
        Ok(u64::from(named))
    }

    /// What is known of the Google account: the stamp, which tells the contact's id. The next full listing finds it again as long as
    /// the person is in Google with it.
    async fn in_listing(&self, subject: &str) -> Result<u64, StoreError> {
        let keys = GoogleKeys::new(subject);
        let mut connection = self.pool.get().await?;
        let stamp = self.stamp.to_owned();
        let held: Option<String> = connection.hget(keys.listing_index(), &stamp).await?;
        let Some(held) = held else { return Ok(0) };
        let persons: Vec<String> = super::decode("a listing entry", &held)?;
        if self.really {
            for person in &persons {
                let marks: Option<String> = connection.hget(keys.listing(), person).await?;
                let mut marks: Vec<String> =
                    marks.map(|text| super::decode("a listing entry", &text)).transpose()?.unwrap_or_default();
                marks.retain(|mark| *mark != stamp);
                let text = super::encode("a listing entry", &marks)?;
                let _: () = connection.hset(keys.listing(), person, text).await?;
            }
            let _: () = connection.hdel(keys.listing_index(), &stamp).await?;
        }
        Ok(persons.len() as u64)
    }
}

fn add(counts: &mut Counts, what: &str, count: u64) {
    if count > 0 {
        *counts.entry(what.to_owned()).or_default() += count;
    }
}

async fn kind(connection: &mut Connection, key: &str) -> Result<String, StoreError> {
    Ok(redis::cmd("TYPE").arg(key).query_async(connection).await?)
}

async fn each_field(
    connection: &mut Connection,
    key: &str,
    mut look: impl FnMut(&str, &[u8]),
) -> Result<(), StoreError> {
    let mut cursor = 0;
    loop {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(key).arg(cursor).arg("COUNT").arg(PAGE);
        let (next, parts): (u64, Vec<(String, Vec<u8>)>) = scan.query_async(connection).await?;
        parts.iter().for_each(|(field, value)| look(field, value));
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// The fields of each entry of a stream.
async fn each_fields(
    connection: &mut Connection,
    key: &str,
    mut look: impl FnMut(&BTreeMap<String, Vec<u8>>),
) -> Result<(), StoreError> {
    each_entry(connection, key, WHOLE, PAGE, |entry| {
        let fields = entry
            .map
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), redis::from_redis_value::<Vec<u8>>(value.clone()).ok()?)));
        look(&fields.collect());
        Ok(())
    })
    .await
}
