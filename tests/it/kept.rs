//! Nothing of the user's is touched: what Carnet did not write stays as it is, and what the user decides in Google holds.

use carnet::store::keys::GoogleKeys;
use redis::AsyncCommands as _;
use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::values,
    until,
    user::{is_released, labels, resource},
};

/// Three numbers, a note and a name of the user's own.
fn friend() -> Value {
    json!({
        "names": [{"givenName": "Jean", "familyName": "Tremblay"}],
        "emailAddresses": [{"value": "jean@exemple.ca", "type": "home"}],
        "phoneNumbers": [
            {"value": "(514) 555-0101", "type": "mobile"},
            {"value": "514 555-0102 #7", "type": "chalet"},
            {"value": "+1 450 555-0103", "type": "work"},
        ],
        "biographies": [{"value": "Voisin du chalet\nChien : Poutine", "contentType": "TEXT_PLAIN"}],
        "events": [{"date": {"year": 2011, "month": 6, "day": 24}, "type": "anniversary"}],
    })
}

/// People that no CRM contact has anything in common with, and one that only looks alike.
fn strangers() -> [Value; 3] {
    [
        json!({"names": [{"givenName": "Maman"}], "phoneNumbers": [{"value": "418-555-0166", "type": "home"}]}),
        json!({"organizations": [{"name": "Garage Côté"}], "phoneNumbers": [{"value": "514.555.0177"}]}),
        json!({"names": [{"givenName": "Jeanne", "familyName": "Tremblay"}],
            "emailAddresses": [{"value": "jeanne@exemple.ca"}], "biographies": [{"value": "cousine"}]}),
    ]
}

fn jean() -> Value {
    json!({"firstName": "Jean", "lastName": "Tremblay", "email": "jean@exemple.ca", "phone": "+15145550101"})
}

/// Waits until what a reconcile has asked of Google's listing is done; that goes on after the run.
async fn refreshed(service: &Service) {
    let key = GoogleKeys::new(&service.subject()).state();
    until("the listing to be brought up to date", async || {
        let mut redis = service.pool.get().await.expect("redis");
        !redis.hexists::<_, _, bool>(&key, "refresh").await.expect("a flag")
    })
    .await;
}

/// Every item of `before` stands in `after` as it was.
fn has_all(before: &Value, after: &Value, field: &str) {
    for item in before[field].as_array().expect("a list") {
        assert!(after[field].as_array().expect("a list").contains(item), "{field}: {item} is not in {after:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_changes_in_the_crm_leave_what_is_the_users_as_it_is() {
    let world = World::new().await;
    let mine = world.google_seed(&[friend()]).await.remove(0);
    world.google_seed(&strangers()).await;
    world.user_labels(&mine, &["Famille", "Hockey du mardi"], &[]).await;
    let (before, apart) = (world.contact(&mine).await["person"].clone(), world.strangers().await.split_off(1));
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    for n in 0..20 {
        let change = match n % 4 {
            0 => json!({"phone": format!("+1514555020{}", n % 10)}),
            1 => {
                json!({"companyName": format!("Courtage {n}"), "city": "Laval", "address1": format!("{n} rue du Lac")})
            }
            2 => json!({"email": format!("jean{n}@exemple.ca"), "website": format!("https://exemple.ca/{n}")}),
            _ => json!({"firstName": "J.", "lastName": format!("Tremblay {n}"), "dateOfBirth": "1980-01-02"}),
        };
        world.crm_update(&id, change).await;
        service.quiet(&world).await;
        let now = world.contact(&mine).await;
        for field in ["names", "phoneNumbers", "emailAddresses", "biographies", "events"] {
            has_all(&before, &now["person"], field);
        }
        assert_eq!(labels(&now), [LABEL, "Famille", "Hockey du mardi", "myContacts"]);
    }
    let after = world.contact(&mine).await["person"].clone();
    assert_eq!((&after["names"], &after["biographies"]), (&before["names"], &before["biographies"]));
    assert_eq!(values(&after, "phoneNumbers").len(), 4, "three of the user's, one of the CRM's: {after:#}");
    assert_eq!(values(&after, "emailAddresses"), ["jean@exemple.ca", "jean18@exemple.ca"]);
    assert_eq!(after["organizations"][0]["name"], "Courtage 17");
    assert_eq!(world.strangers().await, apart, "nobody else was touched");
    assert_eq!(world.people().await.len(), 4);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_corrects_in_google_survives_changes_in_the_crm() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    let corrected = json!({
        "names": [{"givenName": "Jean-Guy", "familyName": "Tremblay"}],
        "phoneNumbers": [{"value": "514 555-0199", "type": "mobile"}],
    });
    world.user_edits(&name, corrected.clone()).await;
    world.crm_update(&id, json!({"companyName": "Courtage Tremblay"})).await;
    service.quiet(&world).await;
    world.crm_update(&id, json!({"email": "jg@exemple.ca"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    let now = world.only(&id).await;
    assert_eq!(now["names"], corrected["names"]);
    assert_eq!(now["phoneNumbers"], corrected["phoneNumbers"], "the number that the user took out is not put back");
    assert_eq!(now["organizations"][0]["name"], "Courtage Tremblay");
    assert_eq!(values(&now, "emailAddresses"), ["jg@exemple.ca"]);

    world.crm_update(&id, json!({"phone": "+14385550123", "lastName": "Tremblay-Roy"})).await;
    service.quiet(&world).await;
    let now = world.only(&id).await;
    assert_eq!(now["names"], json!([{"givenName": "Jean-Guy", "familyName": "Tremblay-Roy"}]), "part by part");
    has_all(&corrected, &now, "phoneNumbers");
    assert_eq!(values(&now, "phoneNumbers"), ["514 555-0199", "+14385550123"], "a new number in the CRM is news");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_the_user_deletes_stays_deleted() {
    let world = World::new().await;
    world.google_seed(&strangers()).await;
    let apart = world.strangers().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    world.user_deletes(&resource(&world.only(&id).await)).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    world.crm_update(&id, json!({"firstName": "Jean-Guy"})).await;
    service.quiet(&world).await;
    assert_eq!(world.stamped(&id).await, Vec::<Value>::new());
    assert_eq!(world.strangers().await, apart);
    assert_eq!(world.people().await.len(), 3);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_the_user_deletes_before_anything_changes_is_noticed_by_the_reconcile() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    world.user_deletes(&resource(&world.only(&id).await)).await;
    service.reconcile().await;
    refreshed(&service).await;
    service.quiet(&world).await;
    service.reconcile().await;
    refreshed(&service).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 0);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_the_label_off_opts_out() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    let other = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy"})).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    world.user_labels(&name, &[], &[LABEL]).await;
    let left = world.contact(&name).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    world.crm_update(&other, json!({"phone": "+15145550156"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    service.quiet(&world).await;
    world.crm_update(&id, json!({"firstName": "Jean-Guy"})).await;
    service.quiet(&world).await;
    assert_eq!(world.contact(&name).await, left, "not written again, not even the stamp");
    assert_eq!(values(&world.only(&other).await, "phoneNumbers"), ["+15145550156"], "the others go on");
    world.crm_delete(&id).await;
    service.quiet(&world).await;
    assert_eq!(world.contact(&name).await, left, "what was let go is not removed either");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_the_user_deletes_is_made_anew() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    world.user("DELETE", &format!("groups/{LABEL}"), Value::Null).await;
    let other = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy"})).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    service.quiet(&world).await;
    assert_eq!(world.label_names().await, [LABEL]);
    for id in [&id, &other] {
        assert_eq!(labels(&world.contact(&resource(&world.only(id).await)).await), [LABEL, "myContacts"]);
    }
    assert_eq!(values(&world.only(&id).await, "phoneNumbers"), ["+15145550155"]);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_the_user_renames_is_the_same_label() {
    let world = World::new().await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    world.user("PATCH", &format!("groups/{LABEL}"), json!({"name": "Mes clients"})).await;
    let other = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy"})).await;
    world.crm_update(&id, json!({"phone": "+15145550155"})).await;
    service.quiet(&world).await;
    service.reconcile().await;
    refreshed(&service).await;
    service.quiet(&world).await;
    world.crm_update(&id, json!({"companyName": "Courtage"})).await;
    world.crm_update(&other, json!({"companyName": "Courtage"})).await;
    service.quiet(&world).await;
    for id in [&id, &other] {
        let now = world.only(id).await;
        assert_eq!(now["organizations"][0]["name"], "Courtage", "nobody has opted out");
        assert_eq!(labels(&world.contact(&resource(&now)).await), ["Mes clients", "myContacts"]);
    }
    assert_eq!(world.label_names().await, ["Mes clients"]);
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_whose_making_was_not_heard_of_is_known_under_another_name() {
    let world = World::new().await;
    world.google_fault(json!({"match": "contactGroups.create", "when": "after", "kind": "drop"})).await;
    world
        .google_fault(json!({"match": "contactGroups.list", "skip": 1, "p": 1.0, "kind": "status", "status": 503}))
        .await;
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    until("another look at the labels", async || world.calls("contactGroups.list", 503).await > 0).await;
    world.user("PATCH", &format!("groups/{LABEL}"), json!({"name": "Mes clients"})).await;
    world.fair_weather().await;
    service.quiet(&world).await;
    assert_eq!(world.label_names().await, ["Mes clients"]);
    assert_eq!(labels(&world.contact(&resource(&world.only(&id).await)).await), ["Mes clients", "myContacts"]);
    service.nothing_left().await;
    service.stop().await;
}

/// A user's contact that shares the e-mail with a CRM contact, after that was synced under a policy.
async fn adopted(policy: &str) -> (Value, Value) {
    let mut world = World::new().await;
    world.sync_lines = format!("every = \"off\"\npolicy = \"{policy}\"");
    let mut mine = friend();
    mine["organizations"] = json!([{"name": "Hydro-Québec", "title": "Ingénieur"}]);
    let name = world.google_seed(&[mine]).await.remove(0);
    let before = world.contact(&name).await["person"].clone();
    let service = world.start().await;
    let id = world
        .crm_create(json!({"firstName": "Jean", "lastName": "Tremblay", "email": "jean@exemple.ca",
            "phone": "+15145550142", "companyName": "Courtage Nord", "city": "Magog"}))
        .await;
    service.quiet(&world).await;
    world.crm_update(&id, json!({"lastName": "Tremblay Roy"})).await;
    service.quiet(&world).await;
    assert_eq!(resource(&world.only(&id).await), name);
    assert_eq!(labels(&world.contact(&name).await), [LABEL, "myContacts"]);
    service.nothing_left().await;
    service.stop().await;
    (before, world.contact(&name).await["person"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_link_a_contact_gets_label_and_stamp_and_nothing_else() {
    let (before, mut after) = adopted("link").await;
    let fields = after.as_object_mut().expect("a person");
    assert!(fields.remove("clientData").is_some());
    fields["memberships"] = before["memberships"].clone();
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_overwrite_the_crm_wins_where_there_is_one_value_and_adds_where_there_are_many() {
    let (before, after) = adopted("overwrite").await;
    assert_eq!(after["names"][0]["familyName"], "Tremblay Roy");
    has_all(&before, &after, "organizations");
    assert_eq!(after["organizations"][1]["name"], "Courtage Nord");
    has_all(&before, &after, "phoneNumbers");
    assert_eq!(values(&after, "phoneNumbers").len(), 4);
    assert_eq!((&after["biographies"], &after["events"]), (&before["biographies"], &before["events"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn under_merge_blanks_are_filled_and_every_word_of_the_users_stays() {
    let (before, after) = adopted("merge").await;
    assert_eq!(after["names"], before["names"]);
    has_all(&before, &after, "organizations");
    has_all(&before, &after, "phoneNumbers");
    assert_eq!(after["addresses"][0]["city"], "Magog");
}

/// A contact that Carnet made and one that it adopted, deleted in the CRM under a removal rule; answers the world, and both
/// contacts before and after (`None`: in the trash).
async fn removed(removal: &str) -> [(Value, Option<Value>); 2] {
    let mut world = World::new().await;
    world.sync_lines = format!("every = \"off\"\nremoval = \"{removal}\"");
    let mine = world.google_seed(&[friend()]).await.remove(0);
    let service = world.start().await;
    let made = world.crm_create(json!({"firstName": "Aimée", "lastName": "Roy", "phone": "+15145550188"})).await;
    let adopted = world.crm_create(jean()).await;
    service.quiet(&world).await;
    let names = [resource(&world.only(&made).await), mine];
    let before = [world.contact(&names[0]).await, world.contact(&names[1]).await];
    world.crm_delete(&made).await;
    world.crm_delete(&adopted).await;
    service.quiet(&world).await;
    service.nothing_left().await;
    service.stop().await;
    let dump = world.google_dump().await;
    let after = names.map(|name| {
        dump["contacts"].as_array().expect("contacts").iter().find(|c| c["resourceName"] == *name).cloned()
    });
    let [one, two] = before;
    let [one_after, two_after] = after;
    [(one, one_after), (two, two_after)]
}

/// The same but for label and stamp.
fn same_values(before: &Value, after: &Value) {
    let bare = |contact: &Value| {
        let mut person = contact["person"].clone();
        person.as_object_mut().expect("a person").retain(|key, _| key != "memberships" && key != "clientData");
        person
    };
    assert_eq!(bare(before), bare(after));
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_unlabel_takes_the_label_off_and_keeps_the_contact() {
    for (before, after) in removed("unlabel").await {
        let after = after.expect("still there");
        same_values(&before, &after);
        assert_eq!((labels(&after), is_released(&after)), (vec!["myContacts".to_owned()], true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_keep_changes_nothing_but_lets_go() {
    for (before, after) in removed("keep").await {
        let after = after.expect("still there");
        same_values(&before, &after);
        assert_eq!((labels(&after), is_released(&after)), (labels(&before), true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_trash_takes_away_only_what_carnet_made() {
    let [(_, made), (before, adopted)] = removed("trash").await;
    assert_eq!(made, None);
    let adopted = adopted.expect("the user's own is never deleted");
    same_values(&before, &adopted);
    assert_eq!((labels(&adopted), is_released(&adopted)), (vec!["myContacts".to_owned()], true));
}
