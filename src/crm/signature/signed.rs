//! A signature over a message: what all HMAC and public-key senders share once their axes are known.

use axum::http::HeaderName;

use super::{Delivery, Refusal, carried::Carried, clock::Clock, key::Key, message::Message, only_value};

/// One scheme with its keys.
pub(super) struct Signed {
    pub carried: Carried,
    pub message: Message,
    pub clock: Option<Clock>,
    pub id_header: Option<HeaderName>,
    /// Several are valid at once.
    pub keys: Vec<Key>,
}

impl Signed {
    /// `carried` is the text of the signature header. The time is judged last: until then anyone may have written it.
    pub fn verify(&self, delivery: &Delivery<'_>, carried: &str) -> Result<(), Refusal> {
        let signatures = self.carried.signatures(carried)?;
        let timestamp = match &self.clock {
            Some(clock) => clock.text(delivery, carried)?,
            None => None,
        };
        let id = match &self.id_header {
            Some(name) => only_value(delivery.headers, name)?,
            None => None,
        };
        let id = id.map(std::str::from_utf8).transpose().map_err(|_| Refusal::WrongSignature)?;
        let message = self.message.render(delivery, timestamp, id)?;
        if !self.keys.iter().any(|key| key.made_one_of(&signatures, &message)) {
            return Err(Refusal::WrongSignature);
        }
        self.clock.as_ref().map_or(Ok(()), |clock| clock.check(delivery, timestamp))
    }
}
