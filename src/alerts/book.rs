//! The alerts that are open, and what each channel was told of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};

use super::{Channel, Kind, Notice, problems::Problem};
use crate::store::{
    StoreError, decode, encode,
    keys::ALERTS,
    pool::{Connection, Pool},
    seal::random_text,
};

/// An open alert, or one that is over and of which not everybody was told yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its id: another one each time that the problem comes back.
    pub id: String,
    /// What is wrong.
    pub kind: Kind,
    /// With what, by its configured name.
    pub about: String,
    /// In words.
    pub sentence: String,
    /// Since when (ms).
    pub since: i64,
    /// When it was seen last (ms).
    pub seen: i64,
    /// When it ended (ms).
    pub over: Option<i64>,
    /// What each channel was told last.
    pub told: BTreeMap<Channel, Told>,
}

/// What a channel was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When (ms).
    pub at: i64,
    /// How often.
    pub times: u32,
}

/// What is said of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It is new.
    Opened,
    /// It lasts.
    Lasts,
    /// It is over.
    Closed,
}

/// How long a problem must be out of sight before it is over, and how often a lasting one is said again (ms).
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub over_after: i64,
    pub again_after: i64,
}

/// An alert that nobody could be told of for so long (ms) is forgotten.
const GIVEN_UP: i64 = 7 * 86_400_000;

/// The open alerts by what is stable of each problem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(pub BTreeMap<String, Alert>);

impl Book {
    pub async fn load(connection: &mut Connection) -> Result<Self, StoreError> {
        let held: BTreeMap<String, String> = connection.hgetall(ALERTS).await?;
        let read = held.into_iter().map(|(key, text)| Ok((key, decode("an alert", &text)?)));
        Ok(Self(read.collect::<Result<_, StoreError>>()?))
    }

    /// Writes what differs from `before`.
    pub async fn save(&self, before: &Self, connection: &mut Connection) -> Result<(), StoreError> {
        let mut write = redis::pipe();
        write.atomic();
        for key in before.0.keys().filter(|key| !self.0.contains_key(*key)) {
            write.hdel(ALERTS, key);
        }
        for (key, alert) in self.0.iter().filter(|(key, alert)| before.0.get(*key) != Some(alert)) {
            write.hset(ALERTS, key, encode("an alert", alert)?);
        }
        Ok(write.query_async(connection).await?)
    }

    /// Takes note of what is wrong now: what is new is opened, what is out of sight for a while is over.
    pub fn note(&mut self, problems: Vec<Problem>, now: i64, pace: Pace) {
        for problem in problems {
            let Problem { key, kind, about, sentence } = problem;
            match self.0.get_mut(&key) {
                // One that had ended and of whose end not everybody was told: to those it has never ended.
                Some(alert) => {
                    (alert.about, alert.sentence, alert.seen, alert.over) = (about, sentence, now, None);
                }
                None => {
                    let id = random_text(8).unwrap_or_else(|_| now.to_string());
                    let told = BTreeMap::new();
                    self.0.insert(key, Alert { id, kind, about, sentence, since: now, seen: now, over: None, told });
                }
            }
        }
        for alert in self.0.values_mut() {
            if alert.over.is_none() && now - alert.seen >= pace.over_after {
                alert.over = Some(now);
            }
        }
        // Whoever was never told of the problem need not hear that it is over.
        self.0.retain(|_, alert| match alert.over {
            Some(over) => !alert.told.is_empty() && now - over < GIVEN_UP,
            None => true,
        });
    }

    /// What this channel has to be told now.
    pub fn due(&self, channel: Channel, now: i64, pace: Pace) -> Vec<Notice> {
        let said = |alert: &Alert| match (alert.told.get(&channel), alert.over) {
            (None, None) => Some(Said::Opened),
            (None, Some(_)) => None,
            (Some(_), Some(_)) => Some(Said::Closed),
            (Some(told), None) => (now - told.at >= pace.again_after).then_some(Said::Lasts),
        };
        self.0
            .iter()
            .filter_map(|(key, alert)| said(alert).map(|said| Notice::new(key, alert, said, channel)))
            .collect()
    }

    /// The channel has been told this.
    pub fn was_told(&mut self, notice: &Notice, channel: Channel, now: i64) {
        let Some(alert) = self.0.get_mut(&notice.key) else { return };
        if notice.said == Said::Closed {
            alert.told.remove(&channel);
        } else {
            let times = alert.told.get(&channel).map_or(0, |told| told.times);
            alert.told.insert(channel, Told { at: now, times: times + 1 });
        }
        if alert.over.is_some() && alert.told.is_empty() {
            self.0.remove(&notice.key);
        }
    }

    /// A channel that is not configured any more is told nothing.
    pub fn forget_channels_except(&mut self, there: &[Channel]) {
        for alert in self.0.values_mut() {
            alert.told.retain(|channel, _| there.contains(channel));
        }
    }
}

/// An alert that is open, as people and machines are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Open {
    /// Another one each time that the problem comes back.
    pub id: String,
    /// What is wrong.
    pub kind: Kind,
    /// With what, by its configured name.
    pub about: String,
    /// In words.
    pub sentence: String,
    /// What to do about it.
    pub to_do: String,
    /// Since when.
    pub since: Timestamp,
}

/// The alerts that are open now, the longest open first.
pub async fn list(pool: &Pool) -> Result<Vec<Open>, StoreError> {
    let book = Book::load(&mut pool.get().await?).await?;
    let open = book.0.into_values().filter(|alert| alert.over.is_none());
    let mut open: Vec<Open> = open.map(Alert::open).collect();
    open.sort_by_key(|alert| alert.since);
    Ok(open)
}

impl Alert {
    /// Since when.
    pub fn began(&self) -> Timestamp {
        Timestamp::from_millisecond(self.since).unwrap_or_default()
    }

    fn open(self) -> Open {
        Open {
            to_do: self.kind.advice(&self.about),
            since: self.began(),
            id: self.id,
            kind: self.kind,
            about: self.about,
            sentence: self.sentence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { over_after: 100, again_after: 1_000 };
    const LOG: Channel = Channel::Log;
    const MAIL: Channel = Channel::Mail;

    fn problem(key: &str) -> Problem {
        Problem { key: key.into(), kind: Kind::Brake, about: "phone".into(), sentence: "5 contacts".into() }
    }

    fn said(book: &Book, channel: Channel, now: i64) -> Vec<(String, Said)> {
        book.due(channel, now, PACE).into_iter().map(|notice| (notice.key, notice.said)).collect()
    }

    fn tell(book: &mut Book, channel: Channel, now: i64) {
        for notice in book.due(channel, now, PACE) {
            book.was_told(&notice, channel, now);
        }
    }

    #[test]
    fn a_problem_is_opened_once_said_again_after_a_day_and_closed() {
        let mut book = Book::default();
        for now in [0, 10, 999] {
            book.note(vec![problem("a")], now, PACE);
            let expected = if now == 0 { vec![("a".to_owned(), Said::Opened)] } else { vec![] };
            assert_eq!(said(&book, LOG, now), expected, "{now}");
            tell(&mut book, LOG, now);
        }
        book.note(vec![problem("a")], 1_000, PACE);
        assert_eq!(said(&book, LOG, 1_000), [("a".to_owned(), Said::Lasts)]);
        tell(&mut book, LOG, 1_000);
        // Out of sight for a moment is not over.
        book.note(vec![], 1_099, PACE);
        assert_eq!(said(&book, LOG, 1_099), []);
        book.note(vec![], 1_100, PACE);
        assert_eq!(said(&book, LOG, 1_100), [("a".to_owned(), Said::Closed)]);
        tell(&mut book, LOG, 1_100);
        assert_eq!(book, Book::default());
    }

    #[test]
    fn a_channel_that_could_not_be_told_is_told_later_and_the_other_not_twice() {
        let mut book = Book::default();
        book.note(vec![problem("a")], 0, PACE);
        tell(&mut book, LOG, 0);
        assert_eq!(said(&book, LOG, 50), []);
        assert_eq!(said(&book, MAIL, 50), [("a".to_owned(), Said::Opened)]);
        tell(&mut book, MAIL, 50);
        book.note(vec![], 100, PACE);
        tell(&mut book, LOG, 100);
        assert_eq!(said(&book, MAIL, 500), [("a".to_owned(), Said::Closed)]);
        // It comes back before the mail could be sent: to whoever reads the log it is a new one, to whoever reads mail it never ended.
        book.note(vec![problem("a")], 600, PACE);
        assert_eq!((said(&book, LOG, 600), said(&book, MAIL, 600)), (vec![("a".to_owned(), Said::Opened)], vec![]));
    }

    #[test]
    fn what_nobody_was_told_of_ends_in_silence_and_what_nobody_can_be_told_is_given_up() {
        let mut book = Book::default();
        book.note(vec![problem("a")], 0, PACE);
        book.note(vec![], 200, PACE);
        assert_eq!(book, Book::default());
        book.note(vec![problem("a")], 300, PACE);
        tell(&mut book, MAIL, 300);
        book.note(vec![], 500, PACE);
        assert_eq!(said(&book, MAIL, 500).len(), 1);
        book.note(vec![], 500 + GIVEN_UP, PACE);
        assert_eq!(book, Book::default());
    }
}
