//! HighLevel's record → the neutral contact.

use serde_json::Value;

use super::wire::{CustomValue, Envelope, Extra, Record};
use crate::{
    contact::{Birthday, Contact, Name, Unread, clean},
    crm::{
        decode::{Unreadable, decode},
        tidy,
    },
};

/// The contact inside an app webhook's body, flat or wrapped in `data`.
///
/// Always partial: the body omits what is empty, and has neither additional e-mails nor additional phones. It has no
/// version either: `timestamp` is when the event was sent, some time after the change, so a later direct reading with an
/// honest `dateUpdated` would look older than it.
pub fn webhook(body: &[u8], region: &str) -> Result<Contact, Unreadable> {
    let mut record: Record = decode(body)?;
    if let Some(data) = decode::<Envelope<'_>>(body)?.data {
        let outer = record.id;
        record = decode(data.get().as_bytes()).map_err(|e| Unreadable::at(format!("data.{}", e.path)))?;
        if record.id.0.is_empty() {
            record.id = outer;
        }
    }
    if record.id.0.is_empty() {
        return Err(Unreadable::at("id"));
    }
    Ok(Contact { partial: true, ..contact(&record, region) })
}

/// The contact as the API returned it.
///
/// It is the whole record unless the keys of additional e-mails or phones are missing (there are accounts whose API has
/// been reported without them): then nobody knows what else the CRM holds, and the reading is partial, so that it adds
/// and changes but removes nothing.
pub(super) fn contact(record: &Record, region: &str) -> Contact {
    let extra_emails = record.additional_emails.iter().flatten().map(Extra::text);
    let extra_phones = record.additional_phones.iter().flatten().map(Extra::text);
    Contact {
        id: clean(&record.id.0),
        version: tidy::moment(&record.date_updated.0),
        created: tidy::moment(&record.date_added.0),
        name: name(record),
        company: first(&record.company_name.0, &record.business_name.0),
        title: String::new(),
        emails: tidy::emails([record.email.0.as_str()].into_iter().chain(extra_emails)),
        phones: tidy::phones([record.phone.0.as_str()].into_iter().chain(extra_phones), region),
        address: tidy::address(
            &first(&record.address1.0, &record.address.0),
            &record.city.0,
            &record.state.0,
            &record.postal_code.0,
            &record.country.0,
        ),
        urls: tidy::texts([&record.website.0]),
        birthday: Birthday::read(&record.date_of_birth.0),
        owner: tidy::optional(&record.assigned_to.0),
        owner_name: String::new(),
        tags: tidy::texts(record.tags.iter().map(|tag| &tag.0)),
        dnd: is_blocked(record),
        source: clean(&record.source.0),
        custom: custom(&record.custom_fields),
        unread: Unread::default(),
        partial: record.additional_emails.is_none() || record.additional_phones.is_none(),
    }
}

/// `contactName` and the `…LowerCase` keys are spelled without capitals and never used. A name in one part is not split.
fn name(record: &Record) -> Name {
    let (given, family) = (clean(&record.first_name.0), clean(&record.last_name.0));
    if given.is_empty() && family.is_empty() {
        return Name { given: clean(&record.name.0), ..Name::default() };
    }
    Name { given, family, ..Name::default() }
}

fn first(preferred: &str, other: &str) -> String {
    let preferred = clean(preferred);
    if preferred.is_empty() { clean(other) } else { preferred }
}

/// `active` means that do-not-disturb is on. One blocked channel counts: to overlook a refusal is worse than to show one
/// that covers e-mail only. `dnd` can be true while every channel is `inactive`.
fn is_blocked(record: &Record) -> bool {
    let blocks = |status: &str| status.eq_ignore_ascii_case("active") || status.eq_ignore_ascii_case("permanent");
    record.dnd || record.dnd_settings.values().flatten().any(|channel| blocks(&channel.status.0))
}

fn custom(fields: &[CustomValue]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|field| (clean(&field.id.0), value_text(&field.value)))
        .filter(|(id, value)| !id.is_empty() && !value.is_empty())
        .collect()
}

/// A custom value as text: lists joined with commas, objects (uploaded files) as JSON.
pub(super) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => clean(text),
        Value::Array(items) => {
            items.iter().map(value_text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crm::highlevel::wire::Single;

    fn read(record: serde_json::Value) -> Contact {
        let body = json!({ "contact": record, "traceId": "t" }).to_string();
        contact(&decode::<Single>(body.as_bytes()).expect("record").contact, "CA")
    }

    #[test]
    fn a_search_item_full_of_nulls_and_lower_case_names_is_read() {
        let contact = read(json!({
            "id": "s1", "phoneLabel": null, "country": "CA", "address": "12 rue du Lac", "city": "Magog", "state": "QC",
            "postalCode": "J1X 1A1", "firstName": "Zoé", "lastName": "de la Durantaye",
            "contactName": "zoé de la durantaye",
            "firstNameLowerCase": "zoé", "lastNameLowerCase": "de la durantaye", "companyName": "(Example) Chez Zoé",
            "businessName": "Chez Zoe", "email": "Zoe@Example.com", "phone": "819 555-0142", "dnd": true,
            "dndSettings": {}, "tags": ["acheteur"], "customFields": [], "dateOfBirth": "1980-02-29T00:00:00.000Z",
            "additionalEmails": [{"email": "zoe@example.com"}, {"email": "z2@example.com"}], "additionalPhones": null,
            "dateUpdated": "2026-07-17T10:57:25.559Z", "assignedTo": "u1", "followers": [], "searchAfter": [1, "s1"],
            "opportunities": [{"id": "o"}], "validEmail": null
        }));
        assert_eq!((contact.name.given.as_str(), contact.name.family.as_str()), ("Zoé", "de la Durantaye"));
        assert_eq!(contact.company, "(Example) Chez Zoé");
        assert_eq!(contact.emails, ["Zoe@Example.com", "z2@example.com"]);
        assert_eq!(contact.phones, ["+18195550142"]);
        assert_eq!(contact.address.expect("address").street, "12 rue du Lac");
        assert_eq!(contact.birthday, Some(Birthday { year: 1980, month: 2, day: 29 }));
        assert_eq!(contact.version, "2026-07-17T10:57:25.559Z".parse().ok());
        assert_eq!(contact.owner.as_deref(), Some("u1"));
        assert!(contact.dnd && !contact.partial);
    }

    #[test]
    fn a_record_without_the_additional_keys_is_partial_and_with_empty_ones_is_not() {
        let both = json!({ "id": "1", "additionalEmails": [], "additionalPhones": [] });
        assert!(!read(both).partial);
        for one in [json!({ "id": "1", "additionalEmails": [] }), json!({ "id": "1", "additionalPhones": [] })] {
            assert!(read(one).partial);
        }
    }

    #[test]
    fn one_blocked_channel_is_do_not_contact_in_either_spelling() {
        for (settings, dnd) in [
            (json!({ "Email": { "status": "active", "message": "m", "code": "101" } }), true),
            (json!({ "sms": { "status": "permanent" }, "email": null }), true),
            (json!({ "Call": { "status": "inactive" } }), false),
            (json!(null), false),
        ] {
            assert_eq!(read(json!({ "id": "1", "dnd": "false", "dndSettings": settings })).dnd, dnd, "{settings}");
        }
    }

    #[test]
    fn custom_values_of_every_type_become_text() {
        let contact = read(json!({ "id": "1", "customFields": [
            { "id": "a", "value": " x " }, { "id": "b", "value": 12.5 }, { "id": "c", "value": ["p", "", 3] },
            { "id": "d", "value": { "k": 1 } }, { "id": "e", "value": null }, { "id": "f" }, { "value": "no id" }
        ] }));
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(contact.custom, [pair("a", "x"), pair("b", "12.5"), pair("c", "p, 3"), pair("d", r#"{"k":1}"#)]);
    }

    #[test]
    fn nothing_unmapped_leaves_the_adapter() {
        let contact = read(json!({ "id": "1", "ssn": "046 454 286", "keyword": "secret-word", "lastActivity": 1 }));
        let whole = serde_json::to_string(&contact).expect("json");
        assert!(!whole.contains("046 454 286") && !whole.contains("secret-word"), "{whole}");
    }

    #[test]
    fn a_webhook_is_partial_without_a_version_flat_or_wrapped() {
        let flat = json!({
            "type": "ContactUpdate", "locationId": "loc", "id": "c1", "firstName": "安娜", "email": "a@example.com",
            "phone": "+178655689546", "country": "CA", "dateAdded": "2026-03-29T13:52:03.538Z", "tags": [],
            "attributionSource": { "medium": "manual", "mediumId": null }, "timestamp": "2026-03-29T13:52:04.212Z"
        });
        let wrapped = json!({ "type": "ContactUpdate", "timestamp": "2026-03-29T13:52:04Z", "data": flat });
        let flat = webhook(flat.to_string().as_bytes(), "CA").expect("flat");
        assert_eq!(webhook(wrapped.to_string().as_bytes(), "CA").as_ref(), Ok(&flat));
        assert!(flat.partial && flat.version.is_none() && flat.address.is_none());
        assert_eq!(flat.phones, ["+178655689546"], "an invalid number is kept as given");
    }

    #[test]
    fn an_unusable_webhook_says_where() {
        for (body, path) in [
            (json!({ "firstName": "A" }), "id"),
            (json!({ "id": "1", "email": { "a": 1 } }), "email"),
            (json!({ "data": { "id": "1", "tags": [[]] } }), "data.tags[0]"),
        ] {
            assert_eq!(webhook(body.to_string().as_bytes(), "CA"), Err(Unreadable::at(path)), "{body}");
        }
    }
}
