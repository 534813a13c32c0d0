//! The other side of the verifier: a delivery as the CRM would send it, for trying a webhook out. Built by the same axes.

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    BadSignatureConfig, Delivery, Rule, Verifier, build,
    carried::{Carried, Shape},
    clock::Source,
    shared::Place,
    signed::Signed,
};
use crate::config::declared::{Crm, Encoding, TimeUnit};

/// A delivery that [`Verifier::verify`] believes. Signatures and shared secrets are in it, so it has no `Debug`.
pub struct Outgoing {
    /// Where to POST it, with the secret in the query for the `url` scheme.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte as it was signed.
    pub body: Vec<u8>,
    /// Whether the secret itself is in it: such a scheme signs nothing, it only shows the secret.
    pub shows_secret: bool,
}

/// Why no delivery can be made.
#[derive(Debug, thiserror::Error)]
pub enum CannotSign {
    /// The configuration cannot be checked either.
    #[error(transparent)]
    Config(#[from] BadSignatureConfig),
    /// The scheme signs with a private key, which only the sender has.
    #[error("only the sender has the private key that signs for this CRM")]
    NoPrivateKey,
    /// A time or a secret belongs inside the body, and the body has no place for it.
    #[error("the body has no place for {0}; give one that is a JSON object")]
    NoPlace(String),
    /// The settings contradict each other, so that no delivery would be believed.
    #[error("no delivery fits these settings ({0}); correct [crm.signature]")]
    NothingFits(super::Refusal),
}

/// Makes a delivery of `body` to `url` (as the CRM knows it) that is believed at `now`. `id` is the delivery's id, for
/// schemes that sign one. The secrets of `crm` must be resolved to their values.
pub fn sign(crm: &Crm, url: &str, body: &[u8], id: &str, now: Timestamp) -> Result<Outgoing, CannotSign> {
    let rule = build::rule(crm).map_err(|problem| BadSignatureConfig { crm: crm.name.clone(), problem })?;
    let mut outgoing = Outgoing { url: url.to_owned(), headers: Vec::new(), body: body.to_vec(), shows_secret: false };
    outgoing.header("content-type", "application/json");
    match &rule {
        Rule::Shared(shared) => show(crm, &shared.place, &mut outgoing)?,
        Rule::Signed(schemes) => {
            sign_by(schemes.first().ok_or(CannotSign::NoPrivateKey)?, &mut outgoing, id, now)?;
        }
    }
    outgoing.is_believed(&Verifier(rule), now).map_err(CannotSign::NothingFits)?;
    Ok(outgoing)
}

fn sign_by(scheme: &Signed, outgoing: &mut Outgoing, id: &str, now: Timestamp) -> Result<(), CannotSign> {
    let time = scheme.clock.as_ref().map(|clock| written(clock.unit, now));
    let mut time_part = String::new();
    if let (Some(clock), Some(time)) = (&scheme.clock, &time) {
        match &clock.source {
            Source::Header(name) => outgoing.header(name.as_str(), time),
            Source::Part(name) => time_part = format!("{name}={time},"),
            Source::Body(pointer) => outgoing.put_into_body(pointer, time)?,
        }
    }
    if let Some(name) = &scheme.id_header {
        outgoing.header(name.as_str(), id);
    }
    let headers = HeaderMap::new();
    let message = scheme
        .message
        .render(&outgoing.delivery(&headers, now), time.as_deref(), Some(id))
        .map_err(CannotSign::NothingFits)?;
    let signature = scheme.keys.iter().find_map(|key| key.sign(&message)).ok_or(CannotSign::NoPrivateKey)?;
    let carried = format!("{time_part}{}", carry(&scheme.carried, &signature));
    outgoing.header(scheme.carried.header.as_str(), &carried);
    Ok(())
}

fn carry(carried: &Carried, signature: &[u8]) -> String {
    let encoded = match carried.encoding {
        Encoding::Hex => hex::encode(signature),
        Encoding::Base64 => STANDARD.encode(signature),
    };
    match &carried.shape {
        Shape::Alone => format!("{}{encoded}", carried.prefix),
        Shape::Part(name) => format!("{name}={}{encoded}", carried.prefix),
        Shape::Versions => format!("v1,{encoded}"),
    }
}

fn written(unit: TimeUnit, now: Timestamp) -> String {
    match unit {
        TimeUnit::S => now.as_second().to_string(),
        TimeUnit::Ms => now.as_millisecond().to_string(),
        TimeUnit::Iso => now.to_string(),
    }
}

/// The first secret, where it is shown.
fn show(crm: &Crm, place: &Place, outgoing: &mut Outgoing) -> Result<(), CannotSign> {
    let axes = crm.signature.as_ref();
    let secret = axes.and_then(|s| s.secrets.first()).map(|s| s.written()).unwrap_or_default();
    outgoing.shows_secret = true;
    match place {
        Place::Header { name, prefix } => outgoing.header(name.as_str(), &format!("{prefix}{secret}")),
        Place::Bearer => outgoing.header("authorization", &format!("Bearer {secret}")),
        Place::Basic => {
            let user = axes.and_then(|s| s.user.as_deref()).unwrap_or_default();
            outgoing.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))));
        }
        Place::Url { parameter } => {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair(parameter, secret).finish();
            let joint = if outgoing.url.contains('?') { '&' } else { '?' };
            outgoing.url = format!("{}{joint}{query}", outgoing.url);
        }
        Place::Body { pointer } => outgoing.put_into_body(pointer, secret)?,
    }
    Ok(())
}

impl Outgoing {
    fn header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a text at a pointer of the body; objects on the way are made.
    fn put_into_body(&mut self, pointer: &str, text: &str) -> Result<(), CannotSign> {
        let no_place = || CannotSign::NoPlace(pointer.to_owned());
        let mut body: Value = serde_json::from_slice(&self.body).map_err(|_| no_place())?;
        crate::crm::put(&mut body, pointer, Value::from(text)).ok_or_else(no_place)?;
        self.body = body.to_string().into_bytes();
        Ok(())
    }

    fn delivery<'a>(&'a self, headers: &'a HeaderMap, now: Timestamp) -> Delivery<'a> {
        let query = self.url.split_once('?').map(|(_, query)| query);
        Delivery { method: "POST", public_url: &self.url, query, headers, body: &self.body, now }
    }

    fn is_believed(&self, verifier: &Verifier, now: Timestamp) -> Result<(), super::Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            // A secret that no header can hold, such as one with a line break in the middle, is never received either.
            if let (Ok(name), Ok(value)) = (axum::http::HeaderName::try_from(name), value.parse()) {
                headers.append(name, value);
            }
        }
        verifier.verify(&self.delivery(&headers, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::declared::Declared;

    fn signed_by(lines: &str) -> Crm {
        let toml = format!("[[crm]]\nname = 'c'\nkind = 'generic'\n[crm.signature]\n{lines}");
        toml::from_str::<Declared>(&toml).expect("declared state").crm.remove(0)
    }

    fn signed(lines: &str) -> Result<Outgoing, CannotSign> {
        let now = Timestamp::from_second(1_789_000_000).expect("a time");
        sign(&signed_by(lines), "https://carnet.example/webhooks/c", br#"{"id":"c1"}"#, "msg_1", now)
    }

    #[test]
    fn what_is_signed_is_believed_for_every_scheme() {
        for lines in [
            "scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['k']",
            "scheme = 'hmac-sha256'\nheader = 'x'\nencoding = 'base64'\nsecret_encoding = 'hex'\nsecrets = ['6b']",
            "scheme = 'hmac-sha1'\nheader = 'x'\nprefix = 'sha1='\nsecrets = ['k']",
            "scheme = 'hmac-sha256'\nheader = 'x'\npart = 'v1'\ntimestamp_part = 't'\nmessage = '{timestamp}.{body}'\ntolerance = 300\nsecrets = ['k']",
            "scheme = 'hmac-sha256'\nheader = 'x'\ntimestamp_header = 'y'\ntimestamp_unit = 'iso'\nid_header = 'z'\nmessage = '{method}{url}{id}{timestamp}{body}'\ntolerance = 5\nsecrets = ['k', 'old']",
            "scheme = 'hmac-sha256'\nheader = 'x'\ntimestamp_pointer = '/meta/at'\ntimestamp_unit = 'ms'\ntolerance = 60\nsecrets = ['k']",
            "scheme = 'standard-webhooks'\nsecrets = ['whsec_c2VjcmV0']",
            "scheme = 'hubspot-v3'\nsecrets = ['client secret']",
            "scheme = 'token'\nheader = 'x-token'\nprefix = 'T '\nsecrets = ['k']",
            "scheme = 'bearer'\nsecrets = ['k']",
            "scheme = 'basic'\nuser = 'u'\nsecrets = ['k:k']",
            "scheme = 'url'\nsecrets = ['a&b=c d']",
            "scheme = 'body'\npointer = '/auth/token'\nsecrets = ['k']",
        ] {
            // `sign` asks the verifier itself; that it can also say no is the next test.
            assert!(signed(lines).map_err(|e| e.to_string()).is_ok(), "{lines}");
        }
    }

    #[test]
    fn a_signature_is_not_believed_for_another_body_or_under_another_secret() {
        let now = Timestamp::from_second(1_789_000_000).expect("a time");
        let axes = |secret: &str| format!("scheme = 'hmac-sha256'\nheader = 'x'\nsecrets = ['{secret}']");
        let mut outgoing = signed(&axes("k")).map_err(|e| e.to_string()).expect("signed");
        let verifier =
            |secret: &str| Verifier::build(&signed_by(&axes(secret))).map_err(|e| e.to_string()).expect("ok");
        assert_eq!(outgoing.is_believed(&verifier("k"), now), Ok(()));
        assert!(outgoing.is_believed(&verifier("other"), now).is_err());
        outgoing.body.push(b' ');
        assert!(outgoing.is_believed(&verifier("k"), now).is_err());
    }

    #[test]
    fn only_shared_secret_schemes_show_the_secret() {
        let secret = "s3cret-k";
        for (lines, shows) in [
            ("scheme = 'hmac-sha256'\nheader = 'x'", false),
            ("scheme = 'hubspot-v3'", false),
            ("scheme = 'bearer'", true),
            ("scheme = 'url'", true),
        ] {
            let made = signed(&format!("{lines}\nsecrets = ['{secret}']")).map_err(|e| e.to_string()).expect("signed");
            let all = format!("{} {:?} {}", made.url, made.headers, String::from_utf8_lossy(&made.body));
            assert_eq!((made.shows_secret, all.contains(secret)), (shows, shows), "{lines}");
        }
    }

    #[test]
    fn without_the_private_key_nothing_is_made_up() {
        let highlevel: Crm = toml::from_str("name = 'c'\nkind = 'highlevel'").expect("a CRM");
        let now = Timestamp::from_second(1_789_000_000).expect("a time");
        let made = sign(&highlevel, "https://carnet.example/webhooks/c", b"{}", "i", now);
        assert!(matches!(made, Err(CannotSign::NoPrivateKey)));
        let no_room = signed("scheme = 'body'\npointer = '/id/token'\nsecrets = ['k']");
        assert!(matches!(no_room, Err(CannotSign::NoPlace(_))), "/id is a text");
    }
}
