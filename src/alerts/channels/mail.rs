//! Alerts by mail: one message for all that is to be told at a time, so that a common cause does not fill a mailbox.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, Mailboxes,
        header::{ContentType, HeaderName, HeaderValue},
    },
};
use secrecy::ExposeSecret as _;

use super::{BadChannel, Notice};
use crate::{alerts::Said, config::Settings};

/// A server that does not answer in this time is tried later.
const WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailboxes,
}

impl Mail {
    pub fn build(settings: &Settings) -> Result<Option<Self>, BadChannel> {
        let (url, from, to) = match (&settings.alert_smtp_url, &settings.alert_mail_from, &settings.alert_mail_to) {
            (None, None, None) => return Ok(None),
            (Some(url), Some(from), Some(to)) => (url, from, to),
            _ => return Err(BadChannel::MailIncomplete),
        };
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret());
        let server = server.map_err(|e| BadChannel::Smtp(e.to_string()))?.timeout(Some(WITHIN)).build();
        let bad = |key, address: &str| BadChannel::Address { key, address: address.to_owned() };
        let from = from.parse().map_err(|_| bad("CARNET_ALERT_MAIL_FROM", from))?;
        let to = to.parse().map_err(|_| bad("CARNET_ALERT_MAIL_TO", to))?;
        Ok(Some(Self { server, from, to }))
    }

    /// Sends all in one message; why not, if it was not taken.
    pub async fn send(&self, notices: &[Notice]) -> Result<(), String> {
        let Some(first) = notices.first() else { return Ok(()) };
        let mut message = Message::builder().from(self.from.clone()).subject(subject(first, notices.len()));
        for mailbox in self.to.clone() {
            message = message.to(mailbox);
        }
        // Programs that answer mail by themselves leave this one alone.
        let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
        let message = message
            .raw_header(automatic)
            .header(ContentType::TEXT_PLAIN)
            .body(text(notices))
            .map_err(|e| e.to_string())?;
        self.server.send(message).await.map(drop).map_err(|e| e.to_string())
    }
}

fn subject(first: &Notice, count: usize) -> String {
    let more = if count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
    let state = if first.said == Said::Closed { "over: " } else { "" };
    format!("Carnet: {state}{} \"{}\"{more}", first.kind.code().replace('_', " "), first.about)
}

fn text(notices: &[Notice]) -> String {
    let one = |notice: &Notice| {
        let since = notice.since.strftime("%Y-%m-%d %H:%M UTC");
        match notice.said {
            Said::Closed => format!("{}\nIt lasted since {since}.\n", notice.line()),
            _ => format!("{}\nSince {since}. {}\n", notice.line(), notice.advice()),
        }
    };
    notices.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_message_says_what_is_wrong_and_what_to_do() {
        let notice = Notice { sentence: "The account rests.".into(), ..Notice::test("1", Timestamp::UNIX_EPOCH) };
        let over = Notice { said: Said::Closed, ..notice.clone() };
        assert_eq!(subject(&notice, 1), "Carnet: needs you \"test\"");
        assert_eq!(subject(&over, 3), "Carnet: over: needs you \"test\" (and 2 more)");
        assert_eq!(
            text(&[notice, over]),
            "The account rests.\nSince 1970-01-01 00:00 UTC. Nothing is to be done.\n\n\
             It is over: The account rests.\nIt lasted since 1970-01-01 00:00 UTC.\n"
        );
    }
}
