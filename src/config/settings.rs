//! Settings of the process: `CARNET_*` from the environment or the same keys in a TOML file; the environment wins.
//! Everything is read as text, so an all-digit secret stays what it is.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Tune, secret::SecretText};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// What the process needs to know before it starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where HTTP is served.
    pub listen: SocketAddr,
    /// Where the admin side is served, when not on `listen`.
    pub admin_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The address at which the world reaches `listen`, without a trailing slash.
    pub public_url: String,
    /// Redis of the operator's own; `None` starts a private one.
    pub redis_url: Option<SecretString>,
    /// Where the private Redis, the key and the snapshot live.
    pub data_dir: PathBuf,
    /// Key that seals secrets; generated into the data directory when unset.
    pub secret_key: Option<SecretString>,
    /// Keys that still open what was sealed before, newest first.
    pub secret_keys_previous: Vec<SecretString>,
    /// Password of the admin pages; generated when unset.
    pub admin_password: Option<SecretString>,
    /// Bearer token of the API; generated when unset.
    pub api_token: Option<SecretString>,
    /// OAuth app of the service.
    pub google_client_id: Option<String>,
    /// Its secret.
    pub google_client_secret: Option<SecretString>,
    /// People API.
    pub google_api_url: Url,
    /// Where the user is sent to agree.
    pub google_auth_url: Url,
    /// Where codes and refresh tokens are exchanged.
    pub google_token_url: Url,
    /// Where the subject is asked for when the token answer has no `id_token`.
    pub google_userinfo_url: Url,
    /// HighLevel API.
    pub highlevel_api_url: Url,
    /// Where alerts are posted.
    pub alert_webhook_url: Option<Url>,
    /// Signs them: `whsec_` and base64.
    pub alert_webhook_secret: Option<SecretString>,
    /// Mail server for alerts, with user and password in it.
    pub alert_smtp_url: Option<SecretString>,
    /// Who writes the mail.
    pub alert_mail_from: Option<String>,
    /// Who gets it; several are separated by commas.
    pub alert_mail_to: Option<String>,
    /// `tracing` filter; `None` leaves the choice to the command: `info` for the service, `warn` for the others.
    pub log: Option<String>,
    /// Log format.
    pub log_format: LogFormat,
    /// Timings and limits.
    pub tune: Tune,
}

/// A setting that cannot be used; says which and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// A value does not parse.
    #[error("{key} is \"{value}\", which is not {wanted}")]
    Bad {
        /// The key.
        key: String,
        /// The value as given.
        value: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A key nobody knows.
    #[error(
        "{0} is not a setting of Carnet; correct its name or remove it (on Kubernetes set enableServiceLinks: false)"
    )]
    Unknown(String),
    /// The configuration file is unreadable.
    #[error("the configuration file {0} cannot be used: {1}")]
    File(PathBuf, String),
    /// A secret reference that leads nowhere.
    #[error("{0}: {1}")]
    Secret(String, String),
    /// A whole number is wanted.
    #[error("{0} must be a whole number")]
    Number(&'static str),
}

impl Settings {
    /// Reads the process environment and, when given, a TOML file with the same keys.
    pub fn read(file: Option<&std::path::Path>) -> Result<Self, SettingError> {
        let mut texts = match file {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        texts.extend(std::env::vars().filter(|(key, _)| key.starts_with("CARNET_")));
        Self::from_texts(texts)
    }

    /// From key → text. `CARNET_CONFIG` is the command line's own and ignored here.
    pub fn from_texts(texts: BTreeMap<String, String>) -> Result<Self, SettingError> {
        let mut texts = Texts(texts);
        texts.text("CARNET_CONFIG");
        let listen = texts.address("CARNET_LISTEN")?.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080)));
        let settings = Self {
            listen,
            admin_listen: texts.address("CARNET_ADMIN_LISTEN")?,
            trusted_proxies: texts.ranges("CARNET_TRUSTED_PROXIES")?,
            public_url: match texts.url("CARNET_PUBLIC_URL", None)? {
                Some(url) => url.as_str().trim_end_matches('/').to_owned(),
                None => format!("http://{listen}"),
            },
            redis_url: texts.secret("CARNET_REDIS_URL")?,
            data_dir: texts.text("CARNET_DATA_DIR").unwrap_or_else(|| "./data".into()).into(),
            secret_key: texts.secret("CARNET_SECRET_KEY")?,
            secret_keys_previous: texts.secret("CARNET_SECRET_KEY_PREVIOUS")?.map(lines).unwrap_or_default(),
            admin_password: texts.secret("CARNET_ADMIN_PASSWORD")?,
            api_token: texts.secret("CARNET_API_TOKEN")?,
            google_client_id: texts.text("CARNET_GOOGLE_CLIENT_ID"),
            google_client_secret: texts.secret("CARNET_GOOGLE_CLIENT_SECRET")?,
            google_api_url: texts.url_or("CARNET_GOOGLE_API_URL", "https://people.googleapis.com/")?,
            google_auth_url: texts.url_or("CARNET_GOOGLE_AUTH_URL", "https://accounts.google.com/o/oauth2/v2/auth")?,
            google_token_url: texts.url_or("CARNET_GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token")?,
            google_userinfo_url: texts
                .url_or("CARNET_GOOGLE_USERINFO_URL", "https://openidconnect.googleapis.com/v1/userinfo")?,
            highlevel_api_url: texts.url_or("CARNET_HIGHLEVEL_API_URL", "https://services.leadconnectorhq.com/")?,
            alert_webhook_url: texts.url("CARNET_ALERT_WEBHOOK_URL", None)?,
            alert_webhook_secret: texts.secret("CARNET_ALERT_WEBHOOK_SECRET")?,
            alert_smtp_url: texts.secret("CARNET_ALERT_SMTP_URL")?,
            alert_mail_from: texts.text("CARNET_ALERT_MAIL_FROM"),
            alert_mail_to: texts.text("CARNET_ALERT_MAIL_TO"),
            log: texts.text("CARNET_LOG"),
            log_format: match texts.text("CARNET_LOG_FORMAT").as_deref() {
                None | Some("text") => LogFormat::Text,
                Some("json") => LogFormat::Json,
                Some(other) => return Err(bad("CARNET_LOG_FORMAT", other, "text or json")),
            },
            tune: Tune::from_texts(|key| texts.text(key)).map_err(SettingError::Number)?,
        };
        match texts.0.into_keys().next() {
            Some(unknown) => Err(SettingError::Unknown(unknown)),
            None => Ok(settings),
        }
    }
}

struct Texts(BTreeMap<String, String>);

impl Texts {
    /// Takes a value out; empty counts as unset, as in `docker compose`'s `${X:-}`.
    fn text(&mut self, key: &str) -> Option<String> {
        self.0.remove(key).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
    }

    fn address(&mut self, key: &str) -> Result<Option<SocketAddr>, SettingError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad(key, &text, "an address with a port, such as 127.0.0.1:8080"))
    }

    /// Addresses and ranges with commas between them.
    fn ranges(&mut self, key: &str) -> Result<Vec<IpNet>, SettingError> {
        let text = self.text(key).unwrap_or_default();
        let one = |entry: &str| entry.parse().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| one(entry).ok_or_else(|| bad(key, entry, "an address or a range, such as 10.0.0.0/8")))
            .collect()
    }

    fn url(&mut self, key: &str, default: Option<&str>) -> Result<Option<Url>, SettingError> {
        let Some(text) = self.text(key).or(default.map(str::to_owned)) else { return Ok(None) };
        match Url::parse(&text) {
            Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
            _ => Err(bad(key, &text, "an http:// or https:// address")),
        }
    }

    fn url_or(&mut self, key: &str, default: &str) -> Result<Url, SettingError> {
        self.url(key, Some(default))?.ok_or_else(|| bad(key, "", "an http:// or https:// address"))
    }

    fn secret(&mut self, key: &str) -> Result<Option<SecretString>, SettingError> {
        let Some(text) = self.text(key) else { return Ok(None) };
        SecretText::new(text).resolve().map(Some).map_err(|e| SettingError::Secret(key.to_owned(), e.to_string()))
    }
}

/// One secret a line.
fn lines(text: SecretString) -> Vec<SecretString> {
    text.expose_secret().lines().map(str::trim).filter(|line| !line.is_empty()).map(SecretString::from).collect()
}

fn bad(key: &str, value: &str, wanted: &'static str) -> SettingError {
    SettingError::Bad { key: key.into(), value: value.into(), wanted }
}

fn read_file(path: &std::path::Path) -> Result<BTreeMap<String, String>, SettingError> {
    let wrong = |why: String| SettingError::File(path.to_owned(), why);
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    table
        .into_iter()
        .map(|(key, value)| match value {
            toml::Value::String(text) => Ok((key, text)),
            toml::Value::Integer(number) => Ok((key, number.to_string())),
            _ => Err(wrong(format!("{key} must be a text or a whole number"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::from_texts(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn defaults_need_nothing() {
        let settings = read(&[]).expect("defaults");
        assert_eq!(settings.public_url, "http://127.0.0.1:8080");
        assert!(settings.redis_url.is_none());
    }

    #[test]
    fn an_unknown_or_unreadable_key_is_an_error_that_names_it() {
        for (key, value) in [("CARNET_LISTNE", "x"), ("CARNET_LISTEN", "8080"), ("CARNET_TUNE_LEASE_MS", "1m")] {
            let said = read(&[(key, value)]).expect_err(key).to_string();
            assert!(said.contains(key), "{said}");
        }
    }

    #[test]
    fn proxies_are_addresses_and_ranges() {
        let settings = read(&[("CARNET_TRUSTED_PROXIES", "127.0.0.1, ::1,10.0.0.0/8")]).expect("settings");
        let ranges: Vec<_> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(ranges, ["127.0.0.1/32", "::1/128", "10.0.0.0/8"]);
        let said = read(&[("CARNET_TRUSTED_PROXIES", "127.0.0.1,proxy")]).expect_err("a name").to_string();
        assert!(said.contains("CARNET_TRUSTED_PROXIES is \"proxy\""), "{said}");
        assert!(read(&[]).expect("defaults").trusted_proxies.is_empty(), "nobody is believed who was not named");
    }

    #[test]
    fn an_all_digit_secret_stays_text() {
        let settings = read(&[("CARNET_ADMIN_PASSWORD", "000123")]).expect("settings");
        assert_eq!(settings.admin_password.expect("set").expose_secret(), "000123");
    }
}
