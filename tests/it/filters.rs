//! Which contacts a sync wants: contacts enter and leave, move between phones and labels, and a changed filter holds for what
//! is there already.

use serde_json::{Value, json};

use crate::world::{
    LABEL, Service, World,
    google::{has_label, values},
    text,
    user::{labels, resource},
};

fn jean() -> Value {
    json!({"firstName": "Jean", "lastName": "Tremblay", "email": "jean@exemple.ca", "phone": "+15145550101"})
}

fn with(mut contact: Value, fields: Value) -> Value {
    let fields = fields.as_object().expect("fields").clone();
    contact.as_object_mut().expect("a contact").extend(fields);
    contact
}

fn is_released(contact: &Value) -> bool {
    contact["person"]["clientData"].to_string().contains(";released;")
}

/// A contact enters by its tag, leaves without it, and comes back; answers what leaving made of it, and it at the end.
async fn in_and_out(removal: &str) -> (Option<Value>, Value) {
    let mut world = World::new().await;
    world.sync_lines = format!("every = \"off\"\nremoval = \"{removal}\"\ntags = [\"Acheteur\"]");
    let service = world.start().await;
    let id = world.crm_create(jean()).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await, Vec::<Value>::new(), "not wanted");

    world.crm_update(&id, json!({"tags": ["acheteur", "vip"]})).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    assert_eq!(labels(&world.contact(&name).await), [LABEL, "myContacts"]);

    world.crm_update(&id, json!({"tags": ["vip"], "phone": "+15145550199"})).await;
    service.quiet(&world).await;
    let dump = world.google_dump().await;
    let left = dump["contacts"].as_array().expect("contacts").iter().find(|c| c["resourceName"] == *name).cloned();
    world.crm_update(&id, json!({"lastName": "Tremblay-Roy"})).await;
    service.quiet(&world).await;
    let unchanged = world.google_dump().await["contacts"].to_string();
    assert!(!unchanged.contains("Tremblay-Roy"), "it is not followed any more");

    world.crm_update(&id, json!({"tags": ["acheteur"]})).await;
    service.quiet(&world).await;
    let back = world.only(&id).await;
    let back = world.contact(&resource(&back)).await;
    assert_eq!(world.people().await.len(), 1, "once");
    service.nothing_left().await;
    service.stop().await;
    (left, back)
}

/// It is followed again, with what the CRM says now.
fn is_back(contact: &Value) {
    assert_eq!((labels(contact), is_released(contact)), (vec![LABEL.to_owned(), "myContacts".into()], false));
    assert_eq!(contact["person"]["names"][0]["familyName"], "Tremblay-Roy");
    assert!(values(&contact["person"], "phoneNumbers").contains(&"+15145550199".to_owned()), "{contact:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_unlabelled_and_comes_back_as_the_same_contact() {
    let (left, back) = in_and_out("unlabel").await;
    let left = left.expect("still there");
    assert_eq!((labels(&left), is_released(&left)), (vec!["myContacts".to_owned()], true));
    assert_eq!(values(&left["person"], "phoneNumbers"), ["+15145550101"], "nothing else was changed");
    is_back(&back);
    assert_eq!(back["resourceName"], left["resourceName"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_kept_with_its_label_and_comes_back_as_the_same_contact() {
    let (left, back) = in_and_out("keep").await;
    let left = left.expect("still there");
    assert_eq!((labels(&left), is_released(&left)), (vec![LABEL.to_owned(), "myContacts".into()], true));
    is_back(&back);
    assert_eq!(back["resourceName"], left["resourceName"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_goes_to_the_trash_and_is_made_anew() {
    let (left, back) = in_and_out("trash").await;
    assert_eq!(left, None);
    is_back(&back);
}

/// Anne's contacts on Anne's phone, Bob's on Bob's; answers Bob's subject.
async fn anne_and_bob() -> (World, Service, String) {
    let mut world = World::new().await;
    let (bob, token) = world.another_google().await;
    world.sync_lines = format!(
        "every = \"off\"\nremoval = \"trash\"\nowners = [\"anne\"]\n[[google]]\nname = \"bob\"\nrefresh_token = \"{token}\"\n\
         [[sync]]\nname = \"bob\"\ncrm = \"centiva/{}\"\ngoogle = \"bob\"\nlabel = \"{LABEL}\"\nevery = \"off\"\n\
         removal = \"trash\"\nowners = [\"bob\"]",
        world.location
    );
    let service = world.start().await;
    (world, service, bob)
}

async fn people_of(world: &World, subject: &str) -> Vec<Value> {
    let dump = world.google("GET", &format!("accounts/{subject}"), &Value::Null).await;
    carnet::simulate::truth::people(&dump)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_changes_its_owner_changes_phones() {
    let (world, service, bob) = anne_and_bob().await;
    let id = world.crm_create(with(jean(), json!({"assignedTo": "anne"}))).await;
    let other = world.crm_create(json!({"firstName": "Zoé", "phone": "+15145550150", "assignedTo": "bob"})).await;
    let nobodys = world.crm_create(json!({"firstName": "Luc", "phone": "+15145550151"})).await;
    service.quiet(&world).await;
    let given = |people: &[Value]| people.iter().map(|p| text(&p["names"][0], "givenName")).collect::<Vec<_>>();
    assert_eq!(given(&world.people().await), ["Jean"]);
    assert_eq!(given(&people_of(&world, &bob).await), ["Zoé"]);

    world.crm_update(&id, json!({"assignedTo": "bob", "phone": "+15145550177"})).await;
    service.quiet(&world).await;
    assert_eq!(given(&world.people().await), Vec::<String>::new(), "gone from Anne's");
    let mut names = given(&people_of(&world, &bob).await);
    names.sort();
    assert_eq!(names, ["Jean", "Zoé"], "on Bob's only");
    let moved = people_of(&world, &bob).await.into_iter().find(|p| p["clientData"].to_string().contains(&id));
    assert_eq!(values(&moved.expect("Jean"), "phoneNumbers"), ["+15145550177"]);

    for contact in [&id, &other] {
        world.crm_update(contact, json!({"assignedTo": "anne"})).await;
    }
    world.crm_update(&nobodys, json!({"assignedTo": "anne"})).await;
    service.quiet(&world).await;
    for name in ["phone", "bob"] {
        world.carnet(&["sync", "run", name]).await.done();
    }
    service.quiet(&world).await;
    assert_eq!((world.people().await.len(), people_of(&world, &bob).await.len()), (3, 0));
    service.nothing_left().await;
    service.stop().await;
}

/// Buyers and sellers of one CRM account under two labels of one Google account.
async fn buyers_and_sellers(removal: &str) -> (World, Service) {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\nremoval = \"{removal}\"\ntags = [\"acheteur\"]\n[[sync]]\nname = \"sellers\"\ncrm = \"centiva/{}\"\n\
         google = \"office\"\nlabel = \"Vendeurs\"\nevery = \"off\"\ntags = [\"vendeur\"]\nremoval = \"{removal}\"",
        world.location
    );
    let service = world.start().await;
    (world, service)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_changes_labels_stays_the_same_contact_with_what_the_user_added() {
    for removal in ["trash", "unlabel", "keep"] {
        let (world, service) = buyers_and_sellers(removal).await;
        let id = world.crm_create(with(jean(), json!({"tags": ["acheteur"]}))).await;
        service.quiet(&world).await;
        let name = resource(&world.only(&id).await);
        let note = json!([{"value": "aime le chalet", "contentType": "TEXT_PLAIN"}]);
        world.user_edits(&name, json!({"biographies": note})).await;
        // Back and forth, so that each of the two has been the first to look.
        for (tag, label, other) in
            [("vendeur", "Vendeurs", LABEL), ("acheteur", LABEL, "Vendeurs"), ("vendeur", "Vendeurs", LABEL)]
        {
            world.crm_update(&id, json!({"tags": [tag]})).await;
            service.quiet(&world).await;
            let now = world.contact(&name).await;
            let there = labels(&now);
            assert!(there.contains(&label.to_owned()), "{removal}: {there:?}");
            assert_eq!(there.contains(&other.to_owned()), removal == "keep", "{removal}: {there:?}");
            assert_eq!((is_released(&now), &now["person"]["biographies"]), (false, &note), "{removal}");
            assert_eq!(world.people().await.len(), 1);
        }
        world.crm_update(&id, json!({"tags": []})).await;
        service.quiet(&world).await;
        assert_eq!(world.people().await.len(), usize::from(removal != "trash"), "in the end nobody wants it");
        service.nothing_left().await;
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_sync_may_ask_for_a_custom_field_of_its_own() {
    let mut world = World::new().await;
    world.sync_lines = format!(
        "every = \"off\"\nremoval = \"trash\"\ncustom = {{ cfBuys = \"oui\" }}\n[[sync]]\nname = \"sellers\"\n\
         crm = \"centiva/{}\"\ngoogle = \"office\"\nlabel = \"Vendeurs\"\nevery = \"off\"\nremoval = \"trash\"\n\
         custom = {{ cfSells = \"oui\" }}",
        world.location
    );
    let service = world.start().await;
    let field = |id: &str| json!({"customFields": [{"id": id, "value": "Oui"}]});
    let id = world.crm_create(with(jean(), field("cfBuys"))).await;
    service.quiet(&world).await;
    let name = resource(&world.only(&id).await);
    for (asked, label) in [("cfSells", "Vendeurs"), ("cfBuys", LABEL), ("cfSells", "Vendeurs"), ("cfBuys", LABEL)] {
        world.crm_update(&id, field(asked)).await;
        service.quiet(&world).await;
        assert_eq!(
            labels(&world.contact(&name).await).iter().filter(|l| *l != "myContacts").collect::<Vec<_>>(),
            [label]
        );
        assert_eq!(world.people().await.len(), 1);
    }
    service.nothing_left().await;
    service.stop().await;
}

async fn preview(world: &World) -> Value {
    world.carnet(&["sync", "preview", "phone", "--json"]).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_filter_is_told_previewed_and_then_holds_for_what_is_there() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nremoval = \"trash\"\ntags = [\"acheteur\"]".into();
    let mut ids = Vec::new();
    let service = world.start().await;
    for (n, tag) in ["acheteur", "acheteur", "acheteur", "vendeur", "vendeur", "vip"].into_iter().enumerate() {
        let contact = json!({"firstName": format!("C{n}"), "phone": format!("+1514555010{n}"), "tags": [tag]});
        ids.push(world.crm_create(contact).await);
    }
    service.quiet(&world).await;
    let before = world.google_dump().await;
    assert_eq!(world.labelled().await.len(), 3);

    world.sync_lines = world.sync_lines.replace("[\"acheteur\"]", "[\"vendeur\", \"vip\"]\ntags_none = [\"perdu\"]");
    let said = world.apply(&world.declared()).await.done();
    assert!(said.contains("~ sync phone"), "{said}");
    assert!(said.contains("The filter of the sync \"phone\" changed. `carnet sync preview phone` shows"), "{said}");
    assert!(said.contains("`carnet sync run phone`"), "{said}");
    let plan = preview(&world).await;
    assert_eq!((&plan["remove"], &plan["create"], &plan["outside"]), (&json!(3), &json!(3), &json!(0)), "{plan}");
    assert_eq!(world.google_dump().await["contacts"], before["contacts"], "a preview writes nothing");

    let ran = world.carnet(&["sync", "run", "phone", "--json"]).await.json();
    assert_eq!((&ran["counts"]["removed"], &ran["counts"]["created"]), (&json!(3), &json!(3)), "{ran}");
    let people = world.people().await;
    assert_eq!(people.len(), 3);
    for id in &ids[3..] {
        assert_eq!(labels(&world.contact(&resource(&world.only(id).await)).await), [LABEL, "myContacts"]);
    }
    let plan = preview(&world).await;
    assert_eq!((&plan["remove"], &plan["create"], &plan["unchanged"]), (&json!(0), &json!(0), &json!(3)), "{plan}");
    assert_eq!(plan["outside_because"], json!({"no-tag": 3}));
    assert!(world.apply(&world.declared()).await.done().contains("Nothing changed"));
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconcile_of_the_timer_applies_a_changed_filter_by_itself() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"1h\"\nremoval = \"unlabel\"".into();
    let service = world.start().await;
    let buyer = world.crm_create(with(jean(), json!({"tags": ["acheteur"]}))).await;
    let other = world.crm_create(json!({"firstName": "Zoé", "phone": "+15145550150"})).await;
    service.quiet(&world).await;
    assert_eq!(world.labelled().await.len(), 2);
    world.sync_lines.push_str("\ntags = [\"acheteur\"]");
    let said = world.apply(&world.declared()).await.done();
    assert!(said.contains("it is done by the next reconcile, or at once by"), "{said}");
    service.pool.clock.advance(std::time::Duration::from_secs(3_700));
    crate::world::until("the reconcile to take it out", async || world.labelled().await.len() == 1).await;
    service.quiet(&world).await;
    assert!(has_label(&world.only(&buyer).await, &text(&label_of(&world).await, "resourceName")));
    assert!(is_released(&world.contact(&resource(&world.only(&other).await)).await));
    service.nothing_left().await;
    service.stop().await;
}

async fn label_of(world: &World) -> Value {
    let dump = world.google_dump().await;
    dump["groups"].as_array().expect("groups").iter().find(|g| g["name"] == LABEL).expect("the label").clone()
}

/// Each rule with the contacts that it lets in, as the CRM's API tells them.
#[tokio::test(flavor = "multi_thread")]
async fn each_rule_lets_in_what_it_names_of_what_the_crm_tells() {
    let world = World::new().await;
    let field = |value: &str| json!([{"id": "cfType", "value": value}]);
    world
        .crm_seed(&[
            json!({"firstName": "A", "phone": "+15145550101", "tags": ["vip", "actif"], "dateAdded": "2024-05-01T00:00:00.000Z",
                   "assignedTo": "anne", "customFields": field("Acheteur")}),
            json!({"firstName": "B", "email": "b@exemple.ca", "tags": ["vip"], "dateAdded": "2025-05-01T00:00:00.000Z",
                   "assignedTo": "bob", "customFields": field("Vendeur")}),
            json!({"firstName": "C", "phone": "poste 12", "email": "c@exemple.ca", "dateAdded": "2025-01-01T00:00:00.000Z",
                   "customFields": field("acheteur")}),
        ])
        .await;
    let mut world = world;
    let service = world.start_bare(&world.declared()).await;
    for (rule, wanted) in [
        ("", 3),
        ("owners = [\"anne\", \"bob\"]", 2),
        ("tags = [\"VIP\", \"other\"]", 2),
        ("tags_all = [\"vip\", \"actif\"]", 1),
        ("tags_none = [\"actif\"]", 2),
        ("has_phone = true", 2),
        ("has_email = true", 2),
        ("created_since = \"2025-01-01\"", 2),
        ("created_since = 2025-05-01T00:00:01Z", 0),
        ("custom = { CFTYPE = \"ACHETEUR\" }", 2),
        ("custom = { cfType = [\"Acheteur\", \"Vendeur\"] }\nhas_email = true", 2),
        ("custom = { Budget = \"1\" }", 0),
    ] {
        world.sync_lines = format!("every = \"off\"\n{rule}");
        world.apply(&world.declared()).await.done();
        let plan = preview(&world).await;
        assert_eq!((&plan["create"], &plan["outside"]), (&json!(wanted), &json!(3 - wanted)), "{rule}: {plan}");
        let exported = world.carnet(&["export"]).await.done();
        assert!(world.apply(&exported).await.done().contains("Nothing changed"), "{exported}");
    }
    let said = world.carnet(&["sync", "preview", "phone"]).await.done();
    assert!(said.contains("3 are left out (3: a custom field does not hold what this sync asks for)"), "{said}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_crms_index_that_holds_less_takes_nobody_out() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nremoval = \"trash\"\ntags = [\"acheteur\"]\nowners = [\"anne\"]\n\
                        created_since = \"2020-01-01\"\ncustom = { cfType = \"Acheteur\" }"
        .into();
    let service = world.start().await;
    let mut ids = Vec::new();
    for n in 0..25 {
        let contact = json!({"firstName": format!("C{n}"), "phone": format!("+151455501{n:02}"), "tags": ["acheteur"],
            "assignedTo": "anne", "customFields": [{"id": "cfType", "value": "Acheteur"}]});
        ids.push(world.crm_create(contact).await);
    }
    service.quiet(&world).await;
    let before = world.google_dump().await["contacts"].clone();
    assert_eq!(world.labelled().await.len(), 25);
    world.crm_fault(json!({"path": "/contacts/search", "page": "bare"})).await;
    let run = service.reconcile().await;
    service.quiet(&world).await;
    assert_eq!(world.google_dump().await["contacts"], before, "{run:?}");

    // So many events at once that the index is asked before the contacts themselves.
    service.runs().set_paused(Some("asked")).await.expect("paused");
    for (n, id) in ids.iter().enumerate() {
        world.crm_update(id, json!({"companyName": format!("Courtage {n}")})).await;
    }
    world.delivered().await;
    service.due(25).await;
    service.runs().set_paused(None).await.expect("goes on");
    service.quiet(&world).await;
    let people = world.labelled().await;
    assert_eq!(people.len(), 25);
    assert!(people.iter().all(|p| p["organizations"][0]["name"].is_string()), "and the changes came through");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_limited_mode_what_a_webhook_does_not_say_takes_nobody_out() {
    let mut world = World::new().await;
    world.sync_lines = "every = \"off\"\nremoval = \"trash\"\ntags = [\"acheteur\"]\nowners = [\"anne\"]".into();
    let declared = world.declared().replace(&format!("token = \"{}\"", world.crm_token), "");
    let service = world.start_bare(&declared).await;
    world.crm("POST", "webhooks", &json!({"url": format!("{}/webhooks/centiva", service.url)})).await;
    let id = world.crm_create(with(jean(), json!({"tags": ["acheteur"], "assignedTo": "anne"}))).await;
    let untold = world.crm_create(json!({"firstName": "Luc", "phone": "+15145550151", "tags": ["acheteur"]})).await;
    service.quiet(&world).await;
    assert_eq!(world.people().await.len(), 1, "whose owner is not told is not made");
    world.only(&id).await;
    // HighLevel leaves an empty list of tags out.
    world.crm_update(&id, json!({"tags": [], "phone": "+15145550199"})).await;
    service.quiet(&world).await;
    assert_eq!(values(&world.only(&id).await, "phoneNumbers").last().map(String::as_str), Some("+15145550199"));
    world.crm_update(&untold, json!({"assignedTo": "anne"})).await;
    world.crm_update(&id, json!({"assignedTo": "bob"})).await;
    service.quiet(&world).await;
    world.only(&untold).await;
    assert_eq!(world.people().await.len(), 1, "what it does say counts");
    service.nothing_left().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_cannot_be_meant_is_refused_with_a_sentence() {
    let mut world = World::new().await;
    let good = world.sync_lines.clone();
    world.apply(&world.declared()).await.done();
    for (rule, sentence) in [
        ("created_since = \"last year\"", "\"last year\" is no date; write one as 2025-01-31"),
        ("tags_all = [\"vip\"]\ntags_none = [\"VIP\"]", "the tag \"vip\" stands in tags_all and in tags_none"),
        ("custom = { Type = 3 }", "expected a text or a list of texts"),
        ("custom = { Type = [] }", "custom asks for nothing in the field \"Type\""),
        ("owners = [\"\"]", "owners holds an empty text"),
        ("tag = [\"vip\"]", "unknown field `tag`"),
    ] {
        world.sync_lines = format!("{good}\n{rule}");
        world.apply(&world.declared()).await.refused(sentence);
    }
    world.sync_lines = good;
    assert!(world.apply(&world.declared()).await.done().contains("Nothing changed"));
}
