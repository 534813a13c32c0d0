//! What the ids in contacts mean: the names of custom fields and of users, kept for each CRM account. Here custom fields that
//! nobody asked for end: nothing of them goes on to readings, dead letters or Google.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use super::{
    client::{Access, HighLevel},
    failure::CrmFailure,
    names::{CustomField, User},
};
use crate::{
    config::mapping::Wants,
    contact::{AccountKey, Contact, text_key},
};

/// Names are asked for again after this time, so that a renamed field or user is noticed.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// An id without a name, or an earlier failure, makes us ask again, but not more often than this.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// The names of every CRM account.
#[derive(Default)]
pub(super) struct Directories(std::sync::Mutex<HashMap<AccountKey, Arc<Mutex<Directory>>>>);

#[derive(Default)]
struct Directory {
    fields: Looked<CustomField>,
    users: Looked<User>,
    /// The agency, which the list of users wants.
    company: Option<String>,
}

struct Looked<T> {
    known: Option<Vec<T>>,
    asked: Option<Instant>,
    failed: Option<CrmFailure>,
}

impl<T> Default for Looked<T> {
    fn default() -> Self {
        Self { known: None, asked: None, failed: None }
    }
}

/// Something that a sync asks for and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The names of custom fields cannot be read.
    Fields(CrmFailure),
    /// The names of users cannot be read.
    Users(CrmFailure),
    /// No custom field of contacts has this name, key or id.
    Field(String),
}

impl Directories {
    fn of(&self, account: &AccountKey) -> Arc<Mutex<Directory>> {
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.entry(account.clone()).or_default().clone()
    }
}

impl HighLevel {
    /// Puts names in the place of ids, and leaves only the custom fields that are wanted. What cannot be looked up is marked
    /// as unread.
    ///
    /// # Errors
    /// Only when the CRM asks to slow down before anything is known: then the contacts wait.
    pub(super) async fn look_up(&self, access: Access<'_>, contacts: &mut [Contact]) -> Result<(), CrmFailure> {
        if access.wants.nothing() || contacts.is_empty() {
            contacts.iter_mut().for_each(|contact| contact.custom.clear());
            return Ok(());
        }
        let directory = self.directories.of(access.account);
        let mut directory = directory.lock().await;
        self.refresh(access, &mut directory, contacts).await?;
        for contact in contacts {
            directory.name(access.wants, contact);
        }
        Ok(())
    }

    /// What a sync asks for and does not get, asked now.
    pub async fn missing(&self, access: Access<'_>) -> Vec<Missing> {
        let (mut directory, mut missing) = (Directory::default(), Vec::new());
        if self.refresh(access, &mut directory, &[]).await.is_err() {
            return missing;
        }
        missing.extend(directory.fields.failed.clone().map(Missing::Fields));
        missing.extend(directory.users.failed.clone().map(Missing::Users));
        if let Some(known) = &directory.fields.known {
            let lacks = |name: &&String| !known.iter().any(|field| is_called(field, name));
            missing.extend(access.wants.custom.iter().filter(lacks).cloned().map(Missing::Field));
        }
        missing
    }

    async fn refresh(
        &self,
        access: Access<'_>,
        directory: &mut Directory,
        contacts: &[Contact],
    ) -> Result<(), CrmFailure> {
        if !access.wants.custom.is_empty() {
            let is_known = |id: &str| directory.fields.known.iter().flatten().any(|field| field.id == id);
            let strange = contacts.iter().flat_map(|c| &c.custom).any(|(id, _)| !is_known(id));
            if directory.fields.wants_asking(strange) {
                let answer = self.custom_fields(access).await;
                directory.fields.take(access, "the names of custom fields", answer)?;
            }
        }
        if access.wants.owner {
            let is_known = |id: &String| directory.users.known.iter().flatten().any(|user| user.id == *id);
            let strange = contacts.iter().filter_map(|c| c.owner.as_ref()).any(|id| !is_known(id));
            if directory.users.wants_asking(strange) {
                let answer = self.all_users(access, &mut directory.company).await;
                directory.users.take(access, "the names of users", answer)?;
            }
        }
        Ok(())
    }

    async fn all_users(&self, access: Access<'_>, company: &mut Option<String>) -> Result<Vec<User>, CrmFailure> {
        let known = match company.take() {
            Some(known) => known,
            None => self.location(access).await?.company,
        };
        let users = self.users(access, &known).await;
        *company = Some(known);
        users
    }
}

impl<T> Looked<T> {
    fn wants_asking(&self, strange: bool) -> bool {
        is_due(self.asked.map(|at| at.elapsed()), strange || self.failed.is_some())
    }

    /// Older names are better than none.
    fn take(&mut self, access: Access<'_>, what: &str, answer: Result<Vec<T>, CrmFailure>) -> Result<(), CrmFailure> {
        match answer {
            Ok(list) => *self = Self { known: Some(list), asked: Some(Instant::now()), failed: None },
            Err(failure @ CrmFailure::RateLimited { .. }) if self.known.is_none() => return Err(failure),
            Err(failure) => {
                if self.failed.is_none() {
                    tracing::warn!(account = %access.account, reason = %failure, "{what} cannot be read; the sync goes on without");
                }
                self.failed = Some(failure);
                self.asked = Some(Instant::now());
            }
        }
        Ok(())
    }
}

/// Whether to ask the CRM, so long after the last time. `lacking`: something is not known.
fn is_due(since: Option<Duration>, lacking: bool) -> bool {
    let wait = if lacking { AT_MOST_EVERY } else { GOOD_FOR };
    since.is_none_or(|since| since >= wait)
}

fn is_called(field: &CustomField, name: &str) -> bool {
    [&field.id, &field.key, &field.name].into_iter().any(|called| text_key(called) == text_key(name))
}

impl Directory {
    fn name(&self, wants: &Wants, contact: &mut Contact) {
        let read = std::mem::take(&mut contact.custom);
        let fields = self.fields.known.as_deref().unwrap_or_default();
        for name in &wants.custom {
            let called =
                |id: &str| text_key(id) == text_key(name) || fields.iter().any(|f| f.id == id && is_called(f, name));
            if let Some((_, value)) = read.iter().find(|(id, _)| called(id)) {
                contact.custom.push((name.clone(), value.clone()));
            }
        }
        contact.unread.custom = self.fields.known.is_none() && !wants.custom.is_empty();
        if let (true, Some(owner)) = (wants.owner, &contact.owner) {
            let user = self.users.known.iter().flatten().find(|user| user.id == *owner);
            contact.owner_name = user.map(|user| user.name.clone()).unwrap_or_default();
            contact.unread.owner = self.users.known.is_none();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crm::highlevel::{
        Reading,
        scripted::{Caller, Scripted, answer},
    };

    fn record() -> Value {
        json!({ "contact": { "id": "c1", "assignedTo": "u1", "additionalEmails": [], "additionalPhones": [],
            "customFields": [{ "id": "f1", "value": "Luc" }, { "id": "f2", "value": "046 454 286" }] } })
    }

    fn fields() -> Value {
        json!({ "customFields": [
            { "id": "f1", "name": "Conjoint ", "fieldKey": "contact.conjoint" },
            { "id": "f2", "name": "NAS", "fieldKey": "contact.nas" },
        ] })
    }

    async fn read(server: &Scripted, client: &HighLevel, wants: &Wants) -> Contact {
        let caller = Caller::new();
        let access = Access { wants, ..caller.access() };
        let Ok(Reading::Found(contact)) = client.contact(access, "c1").await else {
            panic!("{:?}", server.asked().len())
        };
        *contact
    }

    fn wants(owner: bool, custom: &[&str]) -> Wants {
        Wants { owner, custom: custom.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[tokio::test]
    async fn only_what_is_asked_for_leaves_under_the_name_by_which_it_is_asked() {
        let server = Scripted::serve([
            answer(200, record()),
            answer(200, fields()),
            answer(200, json!({ "location": { "companyId": "co" } })),
            answer(200, json!({ "users": [{ "id": "u1", "name": "Marie Roy" }] })),
            answer(200, record()),
        ])
        .await;
        let client = server.client();
        let contact = read(&server, &client, &wants(true, &["conjoint", "Budget"])).await;
        assert_eq!(contact.custom, [("conjoint".to_owned(), "Luc".to_owned())]);
        assert_eq!((contact.owner_name.as_str(), contact.unread), ("Marie Roy", Default::default()));
        read(&server, &client, &wants(true, &["contact.conjoint"])).await;
        assert_eq!(server.asked().len(), 5, "names are kept");
    }

    #[tokio::test]
    async fn without_any_wish_nothing_is_looked_up_and_no_custom_field_leaves() {
        let server = Scripted::serve([answer(200, record())]).await;
        let contact = read(&server, &server.client(), &Wants::default()).await;
        assert!(contact.custom.is_empty() && contact.owner_name.is_empty());
        assert_eq!(server.asked().len(), 1);
    }

    #[tokio::test]
    async fn a_missing_permission_leaves_the_rest_and_is_told() {
        let refused = answer(403, json!({ "message": "Forbidden resource" }));
        let server =
            Scripted::serve([answer(200, record()), refused.clone(), refused.clone(), answer(200, record())]).await;
        let client = server.client();
        let wishes = wants(true, &["Conjoint"]);
        let contact = read(&server, &client, &wishes).await;
        assert!(contact.unread.owner && contact.unread.custom && contact.custom.is_empty());
        assert!(read(&server, &client, &wishes).await.unread.owner);
        assert_eq!(server.asked().len(), 4, "it is not asked again at once");
        let server = Scripted::serve([refused]).await;
        let caller = Caller::new();
        let missing = server.client().missing(Access { wants: &wishes, ..caller.access() }).await;
        let scope = |scope| CrmFailure::Forbidden { scope };
        let expected =
            [Missing::Fields(scope("locations/customFields.readonly")), Missing::Users(scope("locations.readonly"))];
        assert_eq!(missing, expected);
    }

    #[tokio::test]
    async fn a_field_that_does_not_exist_is_named() {
        let server = Scripted::serve([answer(200, fields())]).await;
        let (caller, wishes) = (Caller::new(), wants(false, &["Conjoint", "Budjet"]));
        let missing = server.client().missing(Access { wants: &wishes, ..caller.access() }).await;
        assert_eq!(missing, [Missing::Field("Budjet".into())]);
    }

    #[test]
    fn names_are_asked_for_again_soon_when_something_is_unknown() {
        let after = |seconds| Some(Duration::from_secs(seconds));
        for (since, lacking, due) in [
            (None, false, true),
            (after(59), true, false),
            (after(60), true, true),
            (after(61), false, false),
            (after(600), false, true),
        ] {
            assert_eq!(is_due(since, lacking), due, "{since:?} {lacking}");
        }
    }
}
