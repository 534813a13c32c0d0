//! Lists of contacts, page by page (`POST /contacts/search`). The search index is seconds behind: a page shows which
//! contacts there are and saves direct readings, but alone it neither deletes a contact nor revives one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    adapt,
    client::{Access, CONTACTS, HighLevel, check},
    failure::CrmFailure,
    wire::{Found, Place, Record},
};
use crate::{
    contact::Contact,
    crm::decode::{Unreadable, decode},
};

/// Where a walk goes on; can be kept and taken up again later.
///
/// Besides the CRM's own place it remembers one earlier place, further back each time the steps since then have doubled
/// (Brent's cycle finding). A list that comes back to where it was is noticed, in whatever order the CRM sorts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    after: Vec<Value>,
    mark: Vec<Value>,
    steps: u32,
    lap: u32,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the CRM's order. A contact may come again on a later page.
    pub contacts: Vec<Contact>,
    /// Items that cannot be used; the others on the page can.
    pub skipped: Vec<Skipped>,
    /// Contacts that nobody may look at any more, by what stands for them. They exist all the same.
    pub forgotten: Vec<String>,
    /// Where the next page is; `None` at the end of the walk.
    pub next: Option<Cursor>,
    /// How many contacts the CRM counts in all, if it says so.
    pub total: Option<u64>,
}

/// A list item that is no usable contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its id, if that can be read. It exists: it must not count as absent.
    pub id: Option<String>,
    /// Where it does not fit.
    pub why: Unreadable,
}

impl HighLevel {
    /// The next page of all contacts, oldest first. Sorted by creation, which never changes, so contacts that are edited
    /// during the walk are not missed. The walk has ended when a page comes without `next`; that page is empty.
    ///
    /// # Errors
    /// [`CrmFailure::Stuck`] when the walk would go in circles, any other failure of a call.
    pub async fn page(&self, access: Access<'_>, cursor: Option<&Cursor>, size: u64) -> Result<Page, CrmFailure> {
        self.search(access, ("dateAdded", "asc"), cursor, size).await
    }

    /// The next page of what changed at or after `since`, newest first: for many waiting contacts at once. The end is
    /// found by reading, not by a filter: the forms that HighLevel's date filter takes are not documented.
    ///
    /// # Errors
    /// As [`HighLevel::page`].
    pub async fn recent(
        &self,
        access: Access<'_>,
        since: Timestamp,
        cursor: Option<&Cursor>,
        size: u64,
    ) -> Result<Page, CrmFailure> {
        let mut page = self.search(access, ("dateUpdated", "desc"), cursor, size).await?;
        let is_older = |contact: &Contact| contact.version.is_some_and(|version| version < since);
        if page.contacts.last().is_some_and(is_older) {
            page.next = None;
        }
        page.contacts.retain(|contact| !is_older(contact));
        Ok(page)
    }

    async fn search(
        &self,
        access: Access<'_>,
        (field, direction): (&str, &str),
        cursor: Option<&Cursor>,
        size: u64,
    ) -> Result<Page, CrmFailure> {
        let mut body = json!({
            "locationId": access.account.id,
            "pageLimit": size,
            "sort": [{ "field": field, "direction": direction }],
        });
        // Never together with `page`, which ends at 10,000 contacts.
        if let Some(cursor) = cursor {
            body["searchAfter"] = json!(cursor.after);
        }
        let answer = self.paced(access, self.post(&["contacts", "search"]).json(&body)).await?;
        let mut page = read(&answer.accept(CONTACTS)?, access, cursor)?;
        self.look_up(access, &mut page.contacts).await?;
        Ok(page)
    }
}

fn read(body: &[u8], access: Access<'_>, cursor: Option<&Cursor>) -> Result<Page, CrmFailure> {
    let found: Found<'_> = decode(body)?;
    let mut page = Page { next: next(&found.contacts, cursor)?, total: found.total, ..Page::default() };
    for (index, item) in found.contacts.iter().enumerate() {
        match contact(item, access) {
            Ok(contact) => page.contacts.push(contact),
            Err(Unreadable { path }) => page.skipped.push(Skipped {
                id: place(item).map(|place| place.id.0).filter(|id| !id.is_empty()),
                why: Unreadable::at(format!("contacts[{index}].{path}")),
            }),
        }
    }
    Ok(page)
}

fn contact(item: &RawValue, access: Access<'_>) -> Result<Contact, Unreadable> {
    let record: Record = decode(item.get().as_bytes())?;
    check(&record, access)?;
    Ok(adapt::contact(&record, access.region))
}

fn place(item: &RawValue) -> Option<Place> {
    decode(item.get().as_bytes()).ok()
}

fn next(items: &[&RawValue], cursor: Option<&Cursor>) -> Result<Option<Cursor>, CrmFailure> {
    let Some(last) = items.last() else { return Ok(None) };
    let after = place(last).map(|place| place.search_after).unwrap_or_default();
    if after.is_empty() {
        return Err(Unreadable::at(format!("contacts[{}].searchAfter", items.len() - 1)).into());
    }
    match cursor {
        None => Ok(Some(Cursor { mark: after.clone(), after, steps: 0, lap: 1 })),
        Some(cursor) => cursor.advance(after).map(Some),
    }
}

impl Cursor {
    fn advance(&self, after: Vec<Value>) -> Result<Self, CrmFailure> {
        if after == self.after || after == self.mark {
            return Err(CrmFailure::Stuck);
        }
        let steps = self.steps + 1;
        if steps < self.lap {
            return Ok(Self { after, mark: self.mark.clone(), steps, lap: self.lap });
        }
        Ok(Self { mark: after.clone(), after, steps: 0, lap: self.lap.saturating_mul(2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::highlevel::scripted::{Asked, Caller, Scripted, answer};

    fn item(id: &str, milliseconds: i64) -> Value {
        let updated = Timestamp::from_millisecond(milliseconds).expect("time");
        json!({
            "id": id, "locationId": "loc", "firstName": id, "additionalEmails": [], "additionalPhones": [],
            "dateUpdated": updated.to_string(), "searchAfter": [milliseconds, id]
        })
    }

    fn list(items: &[Value]) -> Value {
        json!({ "contacts": items, "total": 3, "traceId": "t" })
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.contacts.iter().map(|contact| contact.id.as_str()).collect()
    }

    #[tokio::test]
    async fn a_walk_hands_back_the_cursor_and_ends_at_an_empty_page() {
        let server = Scripted::serve([
            answer(200, list(&[item("a", 1), item("b", 2)])),
            answer(200, list(&[item("b", 2), item("c", 3)])),
            answer(200, list(&[])),
        ])
        .await;
        let (client, caller) = (server.client(), Caller::new());
        let mut walked = Vec::new();
        let mut cursor = None;
        loop {
            let page = client.page(caller.access(), cursor.as_ref(), 2).await.expect("page");
            walked.push(ids(&page).join(","));
            assert_eq!(page.total, Some(3));
            let Some(next) = page.next else { break };
            // Kept between two processes.
            cursor = serde_json::from_str(&serde_json::to_string(&next).expect("json")).expect("cursor");
        }
        assert_eq!(walked, ["a,b", "b,c", ""], "a repeat is handed on, the page it is on is not lost");
        let bodies: Vec<Value> = server.asked().iter().map(Asked::json).collect();
        let sort = json!([{ "field": "dateAdded", "direction": "asc" }]);
        assert_eq!(bodies[0], json!({ "locationId": "loc", "pageLimit": 2, "sort": sort }));
        assert_eq!(bodies[2]["searchAfter"], json!([3, "c"]));
    }

    #[tokio::test]
    async fn a_walk_in_circles_of_any_length_is_given_up() {
        for length in [1, 2, 5] {
            let pages = (0..40).map(|turn| answer(200, list(&[item(&format!("c{}", turn % length), 7)])));
            let server = Scripted::serve(pages).await;
            let (client, caller) = (server.client(), Caller::new());
            let mut cursor = None;
            let end = loop {
                match client.page(caller.access(), cursor.as_ref(), 1).await {
                    Ok(page) => cursor = page.next,
                    Err(end) => break end,
                }
                assert!(server.asked().len() < 30, "endless with {length}");
            };
            assert_eq!(end, CrmFailure::Stuck);
        }
    }

    #[tokio::test]
    async fn one_unusable_item_spoils_neither_its_page_nor_the_walk() {
        let mut odd = item("odd", 2);
        odd["tags"] = json!("not a list");
        let mut foreign = item("foreign", 3);
        foreign["locationId"] = json!("other");
        let server = Scripted::serve([answer(200, list(&[item("a", 1), odd, foreign]))]).await;
        let page = server.client().page(Caller::new().access(), None, 3).await.expect("page");
        assert_eq!(ids(&page), ["a"]);
        let skipped: Vec<_> = page.skipped.iter().map(|s| (s.id.as_deref(), s.why.path.as_str())).collect();
        assert_eq!(skipped, [(Some("odd"), "contacts[1].tags"), (Some("foreign"), "contacts[2].locationId")]);
        assert!(page.next.is_some());
    }

    #[tokio::test]
    async fn a_page_without_a_place_to_go_on_from_is_no_end() {
        for body in
            [json!({ "contacts": [{ "id": "a" }] }), json!({ "contacts": [{ "id": "a", "searchAfter": null }] })]
        {
            let server = Scripted::serve([answer(200, body)]).await;
            let said = server.client().page(Caller::new().access(), None, 3).await;
            assert_eq!(said, Err(CrmFailure::Unreadable(Unreadable::at("contacts[0].searchAfter"))));
        }
        let server = Scripted::serve([answer(200, json!({ "total": 0 }))]).await;
        let said = server.client().page(Caller::new().access(), None, 3).await;
        assert!(matches!(said, Err(CrmFailure::Unreadable(_))), "a list without contacts is no empty list");
    }

    #[tokio::test]
    async fn recent_ends_where_older_contacts_begin() {
        let server = Scripted::serve([
            answer(200, list(&[item("a", 900), item("b", 800)])),
            answer(200, list(&[item("c", 700), item("d", 100)])),
        ])
        .await;
        let (client, caller) = (server.client(), Caller::new());
        let since = Timestamp::from_millisecond(700).expect("time");
        let first = client.recent(caller.access(), since, None, 2).await.expect("page");
        let second = client.recent(caller.access(), since, first.next.as_ref(), 2).await.expect("page");
        assert_eq!((ids(&first), ids(&second)), (vec!["a", "b"], vec!["c"]));
        assert!(first.next.is_some() && second.next.is_none());
    }

    #[tokio::test]
    async fn a_refused_page_says_why() {
        let server =
            Scripted::serve([answer(422, json!({ "message": ["pageLimit must not be greater than 500"] }))]).await;
        let said = server.client().page(Caller::new().access(), None, 501).await.expect_err("refused").to_string();
        assert!(said.contains("422") && said.contains("pageLimit"), "{said}");
    }
}
