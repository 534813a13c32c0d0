//! What keeps deliveries from being checked, in sentences that say what to do.

/// A CRM whose deliveries could not be checked; says which and what to do.
#[derive(Debug, thiserror::Error)]
#[error("CRM \"{crm}\": {problem}")]
pub struct BadSignatureConfig {
    /// Name of the CRM.
    pub crm: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What keeps a signature configuration from being used. Never holds a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no `[crm.signature]`.
    #[error("nothing says how its webhooks are authenticated; add [crm.signature] with a scheme and secrets")]
    NoSignature,
    /// `[crm.signature]` on a kind whose signature is known.
    #[error(
        "a highlevel CRM is always checked by HighLevel's own signature; remove [crm.signature], or use highlevel-workflow"
    )]
    NotWanted,
    /// A setting that the scheme needs.
    #[error("its signature needs `{0}`; add it to [crm.signature]")]
    Missing(&'static str),
    /// `secrets` is empty.
    #[error("its signature has no secret; add secrets = [\"env:NAME\"] to [crm.signature] and set that variable")]
    NoSecret,
    /// A secret that is empty, still a reference, or not written as `secret_encoding` says.
    #[error("secret number {0} of its signature is empty or not written as secret_encoding says; copy it again")]
    BadSecret(usize),
    /// `public_keys` is empty.
    #[error("its signature has no key; add public_keys = [\"-----BEGIN PUBLIC KEY-----…\"]")]
    NoKey,
    /// Not a public key in PEM, or of another kind than the scheme's.
    #[error("key number {0} of its signature is not {1} public key; copy it again, from -----BEGIN to -----END")]
    BadKey(usize, &'static str),
    /// Not a header name.
    #[error("\"{0}\" cannot be the name of a header; correct it in [crm.signature]")]
    BadHeader(String),
    /// Not a JSON pointer.
    #[error("\"{0}\" is not a JSON pointer; it must start with a slash, as /token does")]
    BadPointer(String),
    /// An unknown placeholder.
    #[error("message holds {0}; only {{method}} {{url}} {{timestamp}} {{id}} and {{body}} are known")]
    BadMessage(String),
    /// A template that leaves the body unsigned.
    #[error("message does not hold {{body}}, so anyone could change the body; add it where the sender has it")]
    BodyUnsigned,
    /// A tolerance for a time that anyone may write.
    #[error("tolerance is given, but the time is not signed; put {{timestamp}} into message, or remove tolerance")]
    TimeUnsigned,
    /// The time would be needed to believe the body it is in.
    #[error("{{timestamp}} cannot come from timestamp_pointer; use timestamp_header or timestamp_part")]
    TimeInsideBody,
}
