//! Writes of contacts. Every one returns the contact as it now is: its etags are the ones the next update needs.

use reqwest::Method;
use secrecy::SecretString;
use serde::de::IgnoredAny;

use super::{
    call::{Call, read_mask, update_mask},
    failure::Failure,
    people::{People, PersonResult, reading, send, send_for_person},
    person::{Field, Person},
    wire::{
        BatchCreate, BatchCreateAnswer, BatchDelete, BatchUpdate, BatchUpdateAnswer, CONTACT_SOURCE, Wrapped,
        changed_body, new_body,
    },
};

impl People {
    /// Creates a contact ([`Call::Create`]). Google has no idempotency key: the same call twice makes two contacts, so a
    /// failure that is not [`Failure::certainly_not_executed`] must never be answered by calling again.
    pub async fn create(&self, token: &SecretString, person: &Person) -> Result<Person, Failure> {
        let request = self.request(Method::POST, "people:createContact", token).query(&reading());
        send_for_person(Call::Create, request.json(&new_body(person))).await
    }

    /// Creates up to [`super::call::MAX_BATCH`] contacts ([`Call::BatchCreate`]). Google promises no order and may leave
    /// some out: match the results by stamp, and take what is missing as uncertain.
    pub async fn batch_create(&self, token: &SecretString, people: &[Person]) -> Result<Vec<PersonResult>, Failure> {
        let body = BatchCreate {
            contacts: people.iter().map(|p| Wrapped { contact_person: new_body(p) }).collect(),
            read_mask: read_mask(),
            sources: [CONTACT_SOURCE],
        };
        let request = self.request(Method::POST, "people:batchCreateContacts", token).json(&body);
        let answer: BatchCreateAnswer = send(Call::BatchCreate, request).await?;
        Ok(answer.created_people.into_iter().map(|r| r.into_result(Call::BatchCreate)).collect())
    }

    /// Changes a contact ([`Call::Update`]). `person` carries the etags as read. Each field of `mask` is replaced as a
    /// whole, and cleared where `person` has nothing; other fields are not even sent.
    pub async fn update(&self, token: &SecretString, person: &Person, mask: &[Field]) -> Result<Person, Failure> {
        let path = format!("{}:updateContact", person.resource_name);
        let request = self
            .request(Method::PATCH, &path, token)
            .query(&[("updatePersonFields", update_mask(mask))])
            .query(&reading());
        send_for_person(Call::Update, request.json(&changed_body(person, mask))).await
    }

    /// Changes up to [`super::call::MAX_BATCH`] contacts ([`Call::BatchUpdate`]), by resource name. The one mask holds for
    /// all: a contact that lacks a field of it loses that field.
    pub async fn batch_update(
        &self,
        token: &SecretString,
        people: &[Person],
        mask: &[Field],
    ) -> Result<Vec<PersonResult>, Failure> {
        let body = BatchUpdate {
            contacts: people.iter().map(|p| (p.resource_name.clone(), changed_body(p, mask))).collect(),
            update_mask: update_mask(mask),
            read_mask: read_mask(),
            sources: [CONTACT_SOURCE],
        };
        let request = self.request(Method::POST, "people:batchUpdateContacts", token).json(&body);
        let answer: BatchUpdateAnswer = send(Call::BatchUpdate, request).await?;
        let results = answer.update_result.into_iter();
        Ok(results.map(|(requested, r)| PersonResult { requested, ..r.into_result(Call::BatchUpdate) }).collect())
    }

    /// Moves a contact to the trash ([`Call::Delete`]). Google takes no etag here, so look before.
    /// [`Failure::NotFound`] means that it is gone already.
    pub async fn delete(&self, token: &SecretString, resource: &str) -> Result<(), Failure> {
        let path = format!("{resource}:deleteContact");
        let request = self.request(Method::DELETE, &path, token);
        send::<IgnoredAny>(Call::Delete, request).await.map(drop)
    }

    /// Moves up to [`super::call::MAX_DELETES`] contacts to the trash ([`Call::BatchDelete`]), all in one answer. After a
    /// failure nobody knows which are gone: Google does not say what one unknown name does to the others.
    pub async fn batch_delete(&self, token: &SecretString, resources: &[&str]) -> Result<(), Failure> {
        let body = BatchDelete { resource_names: resources };
        let request = self.request(Method::POST, "people:batchDeleteContacts", token).json(&body);
        send::<IgnoredAny>(Call::BatchDelete, request).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::google::recorder::Recorder;

    const MASK: &str = "names,emailAddresses,phoneNumbers,addresses,organizations,birthdays,urls,\
                        nicknames,biographies,relations,events,userDefined,memberships,clientData,\
                        metadata";

    fn token() -> SecretString {
        SecretString::from("access")
    }

    /// A contact as read: with etags, a profile source, a phone label of the user's own, and what only Google may say.
    fn read_person(resource: &str) -> Person {
        serde_json::from_value(json!({
            "resourceName": resource, "etag": "%abc",
            "metadata": { "objectType": "PERSON", "previousResourceNames": ["people/c0"], "sources": [
                { "type": "PROFILE", "id": "9", "etag": "#p" },
                { "type": "CONTACT", "id": "1f", "etag": "#c" },
            ]},
            "names": [{ "givenName": "Ada", "honorificPrefix": "Dr" }],
            "phoneNumbers": [{ "value": "+15145550123", "type": "boat", "metadata": { "sourcePrimary": true } }],
            "urls": [{ "value": "https://example.org" }],
        }))
        .expect("a person")
    }

    #[tokio::test]
    async fn a_create_sends_no_name_etag_or_metadata() {
        let google = Recorder::answering([(200, r#"{"resourceName":"people/c5","etag":"%n"}"#)]).await;
        let made = google.people().create(&token(), &read_person("people/c1")).await.expect("a person");
        assert_eq!((made.resource_name.as_str(), made.etag.as_deref()), ("people/c5", Some("%n")));
        let seen = &google.seen()[0];
        let mask = MASK.replace(',', "%2C");
        let line = format!("POST /v1/people:createContact?personFields={mask}&sources=READ_SOURCE_TYPE_CONTACT");
        assert_eq!(seen.line, line);
        let keys: Vec<_> = seen.json().as_object().expect("an object").keys().cloned().collect();
        assert_eq!(keys, ["names", "phoneNumbers", "urls"]);
    }

    #[tokio::test]
    async fn an_update_sends_the_mask_s_fields_and_both_etags() {
        let google = Recorder::answering([(200, r#"{"resourceName":"people/c1"}"#)]).await;
        let mask = [Field::Names, Field::PhoneNumbers, Field::Birthdays];
        google.people().update(&token(), &read_person("people/c1"), &mask).await.expect("a person");
        let seen = &google.seen()[0];
        assert!(seen.line.starts_with(
            "PATCH /v1/people/c1:updateContact?updatePersonFields=names%2CphoneNumbers%2Cbirthdays&personFields=names%2C"
        ));
        assert!(seen.line.ends_with("&sources=READ_SOURCE_TYPE_CONTACT"));
        assert_eq!(
            seen.json(),
            json!({
                "resourceName": "people/c1", "etag": "%abc",
                "metadata": { "sources": [{ "type": "CONTACT", "id": "1f", "etag": "#c" }] },
                "names": [{ "givenName": "Ada", "honorificPrefix": "Dr" }],
                "phoneNumbers": [{ "value": "+15145550123", "type": "boat", "metadata": { "sourcePrimary": true } }],
            })
        );
    }

    #[tokio::test]
    async fn a_batch_of_creates_is_a_list_of_wrapped_contacts() {
        let answer = r#"{"createdPeople":[{"person":{"resourceName":"people/c9"}},
            {"status":{"code":3,"message":"no"}}]}"#;
        let google = Recorder::answering([(200, answer), (200, "{}")]).await;
        let people = [Person { names: read_person("").names, ..Person::default() }];
        let results = google.people().batch_create(&token(), &people).await.expect("an answer");
        assert!(results[0].outcome.is_ok());
        assert!(matches!(results[1].outcome, Err(Failure::Invalid { .. })));
        let seen = &google.seen()[0];
        assert_eq!(seen.line, "POST /v1/people:batchCreateContacts");
        assert_eq!(
            seen.json(),
            json!({
                "contacts": [{ "contactPerson": { "names": [{ "givenName": "Ada", "honorificPrefix": "Dr" }] } }],
                "readMask": MASK, "sources": ["READ_SOURCE_TYPE_CONTACT"],
            })
        );
        let nothing = google.people().batch_create(&token(), &people).await.expect("an answer");
        assert!(nothing.is_empty(), "what Google leaves out is left out");
    }

    #[tokio::test]
    async fn a_batch_of_updates_is_a_map_by_resource_name() {
        let answer = r#"{"updateResult":{"people/c1":{"person":{"resourceName":"people/c8"}},
            "people/c2":{"status":{"code":9,"message":"Request person.etag is different than the current person.etag."}}}}"#;
        let google = Recorder::answering([(200, answer)]).await;
        let people = [read_person("people/c1"), read_person("people/c2")];
        let results = google.people().batch_update(&token(), &people, &[Field::Urls]).await.expect("an answer");
        assert_eq!(results[0].requested, "people/c1");
        assert_eq!(results[0].outcome.as_ref().map(|p| p.resource_name.as_str()), Ok("people/c8"));
        assert_eq!((results[1].requested.as_str(), &results[1].outcome), ("people/c2", &Err(Failure::EtagStale)));
        let seen = &google.seen()[0];
        assert_eq!(seen.line, "POST /v1/people:batchUpdateContacts");
        let body = |resource: &str| {
            json!({
                "resourceName": resource, "etag": "%abc",
                "metadata": { "sources": [{ "type": "CONTACT", "id": "1f", "etag": "#c" }] },
                "urls": [{ "value": "https://example.org" }],
            })
        };
        assert_eq!(
            seen.json(),
            json!({
                "contacts": { "people/c1": body("people/c1"), "people/c2": body("people/c2") },
                "updateMask": "urls", "readMask": MASK, "sources": ["READ_SOURCE_TYPE_CONTACT"],
            })
        );
    }

    #[tokio::test]
    async fn a_batch_of_deletes_is_a_list_of_names() {
        let gone = r#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}"#;
        let bad = r#"{"error":{"code":400,"message":"Too many.","status":"INVALID_ARGUMENT"}}"#;
        let google = Recorder::answering([(200, "{}"), (404, gone), (400, bad)]).await;
        let people = google.people();
        assert_eq!(people.batch_delete(&token(), &["people/c1", "people/c2"]).await, Ok(()));
        let seen = &google.seen()[0];
        assert_eq!(seen.line, "POST /v1/people:batchDeleteContacts");
        assert_eq!(seen.json(), json!({ "resourceNames": ["people/c1", "people/c2"] }));
        assert_eq!(people.batch_delete(&token(), &["people/c1"]).await, Err(Failure::NotFound));
        assert!(matches!(people.batch_delete(&token(), &["people/c1"]).await, Err(Failure::Invalid { .. })));
    }

    #[tokio::test]
    async fn a_delete_is_done_only_when_the_api_says_so() {
        let page = "<html>404</html>";
        let gone = r#"{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}"#;
        let google = Recorder::answering([(200, "{}"), (404, gone), (404, page), (200, page)]).await;
        let people = google.people();
        assert_eq!(people.delete(&token(), "people/c1").await, Ok(()));
        assert_eq!(google.seen()[0].line, "DELETE /v1/people/c1:deleteContact");
        assert_eq!(people.delete(&token(), "people/c1").await, Err(Failure::NotFound));
        assert_eq!(people.delete(&token(), "people/c1").await, Err(Failure::Server { status: 404 }));
        assert!(matches!(people.delete(&token(), "people/c1").await, Err(Failure::Unreadable { .. })));
    }
}
