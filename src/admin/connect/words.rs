//! What the connect pages say, French first. The reader owns a phone and never sees an admin page; the CRM has whatever
//! name her agency gave it, so none is used.

use axum::http::StatusCode;

use super::link::BadLink;
use crate::google::OauthFailure;

/// What a page is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Say {
    Invite,
    Connected,
    Link(BadLink),
    /// The account is no longer in the declared state.
    Gone,
    /// The declared state holds a refresh token for it.
    Declared,
    /// No OAuth app.
    NotSetUp,
    /// She pressed *Cancel*.
    Denied,
    /// The answer does not belong to an attempt of this browser.
    NoAttempt,
    Refused(OauthFailure),
    /// Connected under another name.
    OtherName,
    /// Another login than the one that is connected.
    OtherLogin,
    /// Redis or the disk.
    NotStored,
}

/// A page in both languages.
pub(super) struct Words {
    pub title_fr: &'static str,
    pub text_fr: &'static str,
    pub title_en: &'static str,
    pub text_en: &'static str,
}

const NOT_YET: (&str, &str) = ("Ce n’est pas encore connecté", "Not connected yet");

impl Say {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invite | Self::Connected => StatusCode::OK,
            Self::Link(BadLink::NotOurs) | Self::Gone => StatusCode::NOT_FOUND,
            Self::Link(BadLink::Expired) => StatusCode::GONE,
            Self::OtherName | Self::OtherLogin | Self::Declared => StatusCode::CONFLICT,
            Self::NotSetUp | Self::NotStored | Self::Refused(OauthFailure::Unavailable) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Denied | Self::NoAttempt | Self::Refused(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether trying again may help, so that the button is shown.
    pub fn may_try(&self) -> bool {
        use OauthFailure::{CodeSpent, NoContactsScope, NoOpenid, NoRefreshToken, Unavailable};
        match self {
            Self::Invite | Self::Denied | Self::OtherLogin | Self::OtherName | Self::NotStored => true,
            Self::Refused(why) => {
                matches!(why, CodeSpent | NoContactsScope | NoOpenid | NoRefreshToken | Unavailable)
            }
            _ => false,
        }
    }

    pub fn words(&self) -> Words {
        let (title_fr, title_en) = match self {
            Self::Invite => ("Connectez vos contacts Google", "Connect your Google Contacts"),
            Self::Connected => ("C’est connecté", "Connected"),
            Self::Link(_) | Self::Gone => ("Ce lien ne fonctionne plus", "This link no longer works"),
            _ => NOT_YET,
        };
        let (text_fr, text_en) = match self {
            Self::Refused(why) => refused(why),
            other => other.texts(),
        };
        Words { title_fr, text_fr, title_en, text_en }
    }

    fn texts(&self) -> (&'static str, &'static str) {
        match self {
            Self::Invite => (
                "Les clients de votre CRM seront ajoutés à vos contacts Google, sous un libellé à part : leur nom s’affichera quand ils appellent. Vos propres contacts ne sont jamais supprimés ni envoyés au CRM. Sur la page de Google, laissez cochée la case des contacts.",
                "Your CRM’s clients will be added to your Google Contacts under a label of their own, so that their names show when they call. Your own contacts are never deleted nor sent to the CRM. On Google’s page, leave the contacts box ticked.",
            ),
            Self::Connected => (
                "Vos clients arrivent dans vos contacts Google dans les prochaines minutes. Vérifiez que votre téléphone affiche les contacts de ce compte Google. Vous pouvez fermer cette page.",
                "Your clients will appear in your Google Contacts within minutes. Make sure that your phone shows the contacts of this Google account. You may close this page.",
            ),
            Self::Link(BadLink::Expired) => (
                "Il était valable 7 jours. Demandez-en un nouveau à la personne qui vous l’a envoyé.",
                "It was good for 7 days. Ask whoever sent it for a new one.",
            ),
            Self::Link(BadLink::NotOurs) | Self::Gone => (
                "Vérifiez qu’il est complet, ou demandez-en un nouveau à la personne qui vous l’a envoyé.",
                "Check that it is complete, or ask whoever sent it for a new one.",
            ),
            Self::NotSetUp | Self::Declared => (
                "La connexion par cette page n’est pas prête de notre côté. Prévenez la personne qui vous a envoyé le lien.",
                "Connecting by this page is not set up on our side. Tell whoever sent you the link.",
            ),
            Self::Denied => (
                "Vous avez annulé sur la page de Google ; rien n’a changé. Vous pouvez recommencer quand vous voulez.",
                "You cancelled on Google’s page; nothing has changed. You may begin again whenever you like.",
            ),
            Self::NoAttempt => (
                "La réponse de Google est arrivée trop tard ou dans un autre navigateur. Ouvrez de nouveau le lien que vous avez reçu.",
                "Google’s answer came too late or in another browser. Open the link that you were sent again.",
            ),
            Self::OtherName => (
                "Ce compte Google est déjà connecté ici, pour un autre lien. Recommencez et choisissez un autre compte Google.",
                "This Google account is connected here already, by another link. Begin again and choose another Google account.",
            ),
            Self::OtherLogin => (
                "Un autre compte Google est déjà connecté par ce lien. Recommencez avec celui-là, ou demandez qu’il soit d’abord déconnecté.",
                "Another Google account is connected by this link already. Begin again with that one, or ask to have it disconnected first.",
            ),
            Self::NotStored | Self::Refused(_) => (
                "La connexion n’a pas pu être enregistrée. Réessayez dans quelques minutes.",
                "The connection could not be saved. Try again in a few minutes.",
            ),
        }
    }
}

/// What Google's refusals mean for the person in front of the page.
fn refused(why: &OauthFailure) -> (&'static str, &'static str) {
    match why {
        OauthFailure::NoContactsScope | OauthFailure::NoOpenid => (
            "La case des contacts n’était pas cochée sur la page de Google. Recommencez et laissez toutes les cases cochées.",
            "The contacts box was not ticked on Google’s page. Begin again and leave every box ticked.",
        ),
        OauthFailure::NoRefreshToken => (
            "Google n’a pas donné de connexion durable. Retirez l’application sur myaccount.google.com/connections, puis recommencez.",
            "Google gave no lasting connection. Remove the application at myaccount.google.com/connections, then begin again.",
        ),
        OauthFailure::AdminPolicy => (
            "L’administrateur de votre compte Google ne permet pas cette connexion. Demandez-lui d’autoriser l’application.",
            "The administrator of your Google account does not allow this connection. Ask them to trust the application.",
        ),
        OauthFailure::CodeSpent | OauthFailure::Revoked | OauthFailure::Unavailable => (
            "Google n’a pas confirmé la connexion. Recommencez dans un instant.",
            "Google did not confirm the connection. Begin again in a moment.",
        ),
        OauthFailure::BadClient | OauthFailure::BadRedirect | OauthFailure::Refused(_) => Say::NotSetUp.texts(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_names_a_crm_and_none_is_empty() {
        let says = [
            Say::Invite,
            Say::Connected,
            Say::Link(BadLink::Expired),
            Say::Link(BadLink::NotOurs),
            Say::Gone,
            Say::Declared,
            Say::NotSetUp,
            Say::Denied,
            Say::NoAttempt,
            Say::OtherName,
            Say::OtherLogin,
            Say::NotStored,
            Say::Refused(OauthFailure::NoContactsScope),
            Say::Refused(OauthFailure::BadRedirect),
        ];
        for say in says {
            let Words { title_fr, text_fr, title_en, text_en } = say.words();
            for text in [title_fr, text_fr, title_en, text_en] {
                assert!(!text.is_empty() && !text.to_lowercase().contains("highlevel"), "{say:?}: {text}");
            }
            assert_ne!(text_fr, text_en, "{say:?}");
        }
    }
}
