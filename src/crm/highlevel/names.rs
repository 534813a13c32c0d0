//! The names behind the ids that contacts hold: custom fields, users, the location itself.

use serde::Deserialize;

use super::{
    client::{Access, HighLevel},
    failure::CrmFailure,
    wire::nullable,
};
use crate::{
    contact::clean,
    crm::decode::{Text, decode},
};

/// A custom field of contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// What contacts refer to.
    pub id: String,
    /// As people read it.
    pub name: String,
    /// `contact.budget_range`.
    pub key: String,
}

/// A user of the location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What a contact's owner refers to.
    pub id: String,
    /// As people read it.
    pub name: String,
}

/// The location: one CRM account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As people read it.
    pub name: String,
    /// The agency's id, which the list of users needs.
    pub company: String,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "customFields")]
    fields: Vec<WireField>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireField {
    id: Text,
    name: Text,
    field_key: Text,
}

#[derive(Deserialize)]
struct Users {
    users: Vec<WireUser>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireUser {
    id: Text,
    name: Text,
    first_name: Text,
    last_name: Text,
    #[serde(deserialize_with = "nullable")]
    deleted: bool,
}

#[derive(Deserialize)]
struct Place {
    location: WireLocation,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireLocation {
    name: Text,
    company_id: Text,
}

// Users asked for at a time, and the most that are read.
const USERS_A_PAGE: usize = 100;
const USERS_AT_MOST: usize = 10_000;

impl HighLevel {
    /// Custom fields of contacts. Needs the scope `locations/customFields.readonly`.
    pub async fn custom_fields(&self, access: Access<'_>) -> Result<Vec<CustomField>, CrmFailure> {
        let request = self.get(&["locations", &access.account.id, "customFields"]).query(&[("model", "contact")]);
        let answer = self.paced(access, request).await?.accept("locations/customFields.readonly")?;
        let field = |f: WireField| CustomField { id: f.id.0, name: clean(&f.name.0), key: f.field_key.0 };
        Ok(decode::<Fields>(&answer)?.fields.into_iter().map(field).collect())
    }

    /// Users of the location who are still there; `company` is from [`HighLevel::location`] or from the OAuth answer.
    /// Needs the scope `users.readonly`.
    pub async fn users(&self, access: Access<'_>, company: &str) -> Result<Vec<User>, CrmFailure> {
        let mut users: Vec<User> = Vec::new();
        for skip in (0..USERS_AT_MOST).step_by(USERS_A_PAGE) {
            let query = [
                ("companyId", company),
                ("locationId", &access.account.id),
                ("limit", &USERS_A_PAGE.to_string()),
                ("skip", &skip.to_string()),
            ];
            let answer = self.paced(access, self.get(&["users", "search"]).query(&query)).await?;
            let page = decode::<Users>(&answer.accept("users.readonly")?)?.users;
            let before = users.len();
            let is_last = page.len() < USERS_A_PAGE;
            for user in page.into_iter().filter(|user| !user.deleted).map(User::from) {
                if !users.contains(&user) {
                    users.push(user);
                }
            }
            // A page that brings nobody new: the CRM does not know `skip`.
            if is_last || users.len() == before {
                break;
            }
        }
        Ok(users)
    }

    /// The location's name and agency. Needs the scope `locations.readonly`.
    pub async fn location(&self, access: Access<'_>) -> Result<Location, CrmFailure> {
        let request = self.get(&["locations", &access.account.id]);
        let answer = self.paced(access, request).await?.accept("locations.readonly")?;
        let location = decode::<Place>(&answer)?.location;
        Ok(Location { name: clean(&location.name.0), company: location.company_id.0 })
    }
}

impl From<WireUser> for User {
    fn from(user: WireUser) -> Self {
        let name = clean(&user.name.0);
        let parts = || clean(&format!("{} {}", user.first_name.0, user.last_name.0));
        Self { name: if name.is_empty() { parts() } else { name }, id: user.id.0 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::crm::highlevel::scripted::{Caller, Scripted, answer};

    #[tokio::test]
    async fn fields_and_location_are_read() {
        let field =
            json!({ "id": "f1", "name": "Budget", "model": "contact", "fieldKey": "contact.budget", "position": 50 });
        let server = Scripted::serve([
            answer(200, json!({ "customFields": [field] })),
            answer(200, json!({ "location": { "id": "loc", "companyId": "co", "name": "Bureau" } })),
        ])
        .await;
        let (client, caller) = (server.client(), Caller::new());
        let fields = client.custom_fields(caller.access()).await.expect("fields");
        let expected = CustomField { id: "f1".into(), name: "Budget".into(), key: "contact.budget".into() };
        assert_eq!(fields, [expected]);
        let location = client.location(caller.access()).await.expect("location");
        assert_eq!(location, Location { name: "Bureau".into(), company: "co".into() });
        assert_eq!(server.asked()[0].line, "GET /locations/loc/customFields?model=contact");
    }

    #[tokio::test]
    async fn users_are_read_over_pages_without_those_who_left() {
        let full: Vec<Value> =
            (0..100).map(|n| json!({ "id": format!("u{n}"), "name": format!("User {n}") })).collect();
        let gone = json!({ "id": "gone", "name": "G", "deleted": true });
        let rest = json!([gone, { "id": "x", "firstName": "Ann", "lastName": "Roy" }]);
        let server =
            Scripted::serve([answer(200, json!({ "users": full })), answer(200, json!({ "users": rest }))]).await;
        let users = server.client().users(Caller::new().access(), "co").await.expect("users");
        assert_eq!(users.len(), 101);
        assert_eq!(users[100], User { id: "x".into(), name: "Ann Roy".into() });
        assert_eq!(server.asked()[1].line, "GET /users/search?companyId=co&locationId=loc&limit=100&skip=100");
    }

    #[tokio::test]
    async fn a_list_of_users_that_repeats_itself_ends_and_a_missing_scope_is_named() {
        let full: Vec<Value> = (0..100).map(|n| json!({ "id": format!("u{n}") })).collect();
        let server = Scripted::serve([answer(200, json!({ "users": full }))]).await;
        assert_eq!(server.client().users(Caller::new().access(), "co").await.map(|u| u.len()), Ok(100));
        assert_eq!(server.asked().len(), 2);
        let server =
            Scripted::serve([answer(401, json!({ "message": "token is not authorized for this scope" }))]).await;
        let said = server.client().users(Caller::new().access(), "co").await;
        assert_eq!(said, Err(CrmFailure::Forbidden { scope: "users.readonly" }));
    }
}
