//! Where alerts go: always to the log, and to a webhook and by mail where these are configured.

mod mail;
mod webhook;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Kind, Said, book::Alert};
use crate::config::Settings;
use mail::Mail;
use webhook::{NotSent, Webhook};

/// A way to tell people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The log of the service.
    Log,
    /// A signed webhook.
    Webhook,
    /// Mail.
    Mail,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The alert, by what is stable of its problem.
    pub key: String,
    /// The same each time that it is sent: whoever gets it twice can tell.
    pub id: String,
    /// Whether it is new, lasts or is over.
    pub said: Said,
    /// What is wrong.
    pub kind: Kind,
    /// With what.
    pub about: String,
    /// In words.
    pub sentence: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ended.
    pub over: Option<Timestamp>,
}

/// A channel that is configured in a way that cannot work.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum BadChannel {
    #[error("CARNET_ALERT_WEBHOOK_SECRET: {0}")]
    Secret(&'static str),
    #[error(
        "CARNET_ALERT_SMTP_URL cannot be used: {0}; write smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required"
    )]
    Smtp(String),
    #[error("{key}: \"{address}\" is no mail address")]
    Address { key: &'static str, address: String },
    #[error("mail needs all three of CARNET_ALERT_SMTP_URL, CARNET_ALERT_MAIL_FROM and CARNET_ALERT_MAIL_TO")]
    MailIncomplete,
    #[error("no connections can be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// All channels that are configured.
pub struct Channels {
    webhook: Option<Webhook>,
    mail: Option<Mail>,
}

impl Channels {
    /// As the settings say.
    pub fn build(settings: &Settings) -> Result<Self, BadChannel> {
        Ok(Self { webhook: Webhook::build(settings)?, mail: Mail::build(settings)? })
    }

    /// Those that are there.
    pub fn names(&self) -> Vec<Channel> {
        let also = [(Channel::Webhook, self.webhook.is_some()), (Channel::Mail, self.mail.is_some())];
        let also = also.into_iter().filter(|(_, there)| *there).map(|(channel, _)| channel);
        std::iter::once(Channel::Log).chain(also).collect()
    }

    /// Tells it; answers which of the notices have been told, and why not the others.
    pub async fn tell<'n>(
        &self,
        channel: Channel,
        notices: &'n [Notice],
        now: Timestamp,
    ) -> (Vec<&'n Notice>, Option<String>) {
        match (channel, &self.webhook, &self.mail) {
            (Channel::Webhook, Some(webhook), _) => {
                let (mut told, mut trouble) = (Vec::with_capacity(notices.len()), None);
                for notice in notices {
                    match webhook.send(notice, now).await {
                        Ok(()) => told.push(notice),
                        // One that is not taken holds up no other.
                        Err(why @ NotSent::Refused(_)) => trouble = Some(why.to_string()),
                        Err(why @ NotSent::Silent(_)) => return (told, Some(why.to_string())),
                    }
                }
                (told, trouble)
            }
            (Channel::Mail, _, Some(mail)) => match mail.send(notices).await {
                Ok(()) => (notices.iter().collect(), None),
                Err(why) => (Vec::new(), Some(why)),
            },
            _ => {
                notices.iter().for_each(log);
                (notices.iter().collect(), None)
            }
        }
    }
}

impl Channel {
    /// For people and machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }
}

impl Notice {
    pub(super) fn new(key: &str, alert: &Alert, said: Said, channel: Channel) -> Self {
        let times = alert.told.get(&channel).map_or(0, |told| told.times);
        Self {
            key: key.to_owned(),
            id: format!("{}-{times}-{}", alert.id, said.code()),
            said,
            kind: alert.kind,
            about: alert.about.clone(),
            sentence: alert.sentence.clone(),
            since: alert.began(),
            over: alert.over.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        }
    }

    /// One that says only that this way works.
    pub fn test(id: &str, now: Timestamp) -> Self {
        Self {
            key: String::new(),
            id: format!("test-{id}"),
            said: Said::Opened,
            kind: Kind::NeedsYou,
            about: "test".to_owned(),
            sentence: "This is a test: alerts of Carnet arrive here.".to_owned(),
            since: now,
            over: None,
        }
    }

    fn is_test(&self) -> bool {
        self.key.is_empty()
    }

    /// The whole in one line.
    fn line(&self) -> String {
        match self.said {
            Said::Opened => self.sentence.clone(),
            Said::Lasts => format!("Still: {}", self.sentence),
            Said::Closed => format!("It is over: {}", self.sentence),
        }
    }

    fn advice(&self) -> String {
        if self.is_test() { "Nothing is to be done.".to_owned() } else { self.kind.advice(&self.about) }
    }
}

impl Said {
    /// A short stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Lasts => "lasts",
            Self::Closed => "closed",
        }
    }
}

fn log(notice: &Notice) {
    let (kind, about, line) = (notice.kind.code(), &notice.about, notice.line());
    if notice.said == Said::Closed {
        tracing::info!(alert = kind, about, "{line}");
    } else {
        tracing::warn!(alert = kind, about, to_do = notice.advice(), "{line}");
    }
}
