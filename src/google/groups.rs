//! Labels ("contact groups") of a Google account.

use reqwest::Method;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    call::Call,
    failure::Failure,
    people::{People, send},
    person::ClientDataValue,
};

/// What is read of a label.
const FIELDS: &str = "clientData,groupType,memberCount,name";

/// A label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Group {
    /// `contactGroups/…`
    pub resource_name: String,
    /// As the user wrote it. Old accounts may hold several labels of one name.
    pub name: String,
    /// `USER_CONTACT_GROUP` or `SYSTEM_CONTACT_GROUP`.
    pub group_type: String,
    /// Contacts in it; lags behind writes.
    pub member_count: u64,
    /// What programs wrote into it.
    pub client_data: Vec<ClientDataValue>,
}

impl Group {
    /// Whether it is a label of the user's own; only those take any contact and any name.
    pub fn is_users(&self) -> bool {
        self.group_type == "USER_CONTACT_GROUP"
    }
}

/// Contacts that a successful [`People::modify_members`] passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// There is no such contact (any more).
    #[serde(rename = "notFoundResourceNames")]
    pub not_found: Vec<String>,
    /// The label stays on, because it is the contact's last one.
    #[serde(rename = "canNotRemoveLastContactGroupResourceNames")]
    pub last_label: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupsAnswer {
    contact_groups: Vec<Group>,
    next_page_token: Option<String>,
}

impl People {
    /// All labels, system groups included ([`Call::Groups`], once for each 1,000).
    pub async fn groups(&self, token: &SecretString) -> Result<Vec<Group>, Failure> {
        let mut groups = Vec::new();
        let mut page_token = None;
        loop {
            let mut query = vec![("pageSize", "1000".to_owned()), ("groupFields", FIELDS.to_owned())];
            query.extend(page_token.map(|t| ("pageToken", t)));
            let request = self.request(Method::GET, "contactGroups", token).query(&query);
            let answer: GroupsAnswer = send(Call::Groups, request).await?;
            groups.extend(answer.contact_groups);
            page_token = answer.next_page_token.filter(|t| !t.is_empty());
            if page_token.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Creates a label with a mark in its `clientData` ([`Call::CreateGroup`]). [`Failure::AlreadyExists`]: there is one of
    /// that name.
    pub async fn create_group(
        &self,
        token: &SecretString,
        name: &str,
        mark: &ClientDataValue,
    ) -> Result<Group, Failure> {
        let body = json!({ "contactGroup": { "name": name, "clientData": [mark] } });
        send(Call::CreateGroup, self.request(Method::POST, "contactGroups", token).json(&body)).await
    }

    /// Puts contacts into a label and takes others out, at most [`super::call::MAX_MEMBERS`] together
    /// ([`Call::ModifyMembers`]). It changes the contacts' etags and does not say to what.
    pub async fn modify_members(
        &self,
        token: &SecretString,
        group: &str,
        add: &[&str],
        remove: &[&str],
    ) -> Result<LeftOut, Failure> {
        let path = format!("{group}/members:modify");
        let body = json!({ "resourceNamesToAdd": add, "resourceNamesToRemove": remove });
        send(Call::ModifyMembers, self.request(Method::POST, &path, token).json(&body)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::recorder::Recorder;

    fn token() -> SecretString {
        SecretString::from("access")
    }

    #[tokio::test]
    async fn labels_are_read_to_the_last_page() {
        let google = Recorder::answering([
            (
                200,
                r#"{"contactGroups":[{"resourceName":"contactGroups/starred","groupType":"SYSTEM_CONTACT_GROUP",
                    "name":"starred","metadata":{"updateTime":"x"}}],"nextPageToken":"2"}"#,
            ),
            (
                200,
                r#"{"contactGroups":[{"resourceName":"contactGroups/a1","groupType":"USER_CONTACT_GROUP",
                    "name":"Clients","memberCount":12}]}"#,
            ),
        ])
        .await;
        let groups = google.people().groups(&token()).await.expect("labels");
        let users: Vec<_> = groups.iter().filter(|g| g.is_users()).map(|g| (g.name.as_str(), g.member_count)).collect();
        assert_eq!((groups.len(), users), (2, vec![("Clients", 12)]));
        let lines: Vec<_> = google.seen().into_iter().map(|s| s.line).collect();
        let first = "GET /v1/contactGroups?pageSize=1000&groupFields=clientData%2CgroupType%2CmemberCount%2Cname";
        assert_eq!(lines, [first, &format!("{first}&pageToken=2")]);
    }

    #[tokio::test]
    async fn a_label_of_the_same_name_is_told_apart() {
        let conflict =
            r#"{"error":{"code":409,"message":"Contact group name already exists.","status":"ALREADY_EXISTS"}}"#;
        let google = Recorder::answering([(200, r#"{"resourceName":"contactGroups/a1"}"#), (409, conflict)]).await;
        let mark = ClientDataValue { key: "key".into(), value: "value".into() };
        let made = google.people().create_group(&token(), "Clients", &mark).await.expect("a label");
        assert_eq!(made.resource_name, "contactGroups/a1");
        assert_eq!(google.seen()[0].line, "POST /v1/contactGroups");
        assert_eq!(
            google.seen()[0].json(),
            json!({
                "contactGroup": { "name": "Clients", "clientData": [{ "key": "key", "value": "value" }] }
            })
        );
        assert_eq!(google.people().create_group(&token(), "Clients", &mark).await, Err(Failure::AlreadyExists));
    }

    #[tokio::test]
    async fn a_success_tells_whom_it_passed_over() {
        let answer =
            r#"{"notFoundResourceNames":["people/c1"],"canNotRemoveLastContactGroupResourceNames":["people/c2"]}"#;
        let google = Recorder::answering([(200, answer)]).await;
        let people = google.people();
        let left = people.modify_members(&token(), "contactGroups/a1", &["people/c1"], &["people/c2"]).await;
        let expected = LeftOut { not_found: vec!["people/c1".into()], last_label: vec!["people/c2".into()] };
        assert_eq!(left, Ok(expected));
        assert_eq!(google.seen()[0].line, "POST /v1/contactGroups/a1/members:modify");
        let body = json!({ "resourceNamesToAdd": ["people/c1"], "resourceNamesToRemove": ["people/c2"] });
        assert_eq!(google.seen()[0].json(), body);
    }
}
