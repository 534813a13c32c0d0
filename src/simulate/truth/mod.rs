//! The independent oracle: what must be in Google for a given CRM, told from the two sides' own JSON alone. It shares no
//! code with the product, so that it can find the product wrong.
//!
//! It judges the default settings: policy `merge`, removal `unlabel` or `trash`, no mapped custom fields.

mod fields;
mod identify;
mod personal;
mod text;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use identify::Claims;
use wanted::Wanted;

/// What the two sides hold.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Every CRM contact that exists (and passes the sync's filter), in `GET` or search shape.
    pub crm: &'a [Value],
    /// Every Google contact now: `Person` JSON with every field, `clientData` and `memberships` included.
    pub google: &'a [Value],
    /// Every label: `{resourceName, name, …}`.
    pub groups: &'a [Value],
    /// The name of the sync's label.
    pub label: &'a str,
    /// Every Google contact before the first run, read in the same way as `google`.
    pub before: &'a [Value],
    /// Ids of CRM contacts that wait for a person's decision: neither expected nor missing.
    pub waiting: &'a BTreeSet<String>,
    /// Resource names of Google contacts that the user edited since: nothing of theirs is stale or out of place.
    pub edited: &'a BTreeSet<String>,
}

/// What was found; [`Verdict::is_clean`] when all is as it must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// CRM contacts that must be in Google: anything recognisable, not waiting.
    pub expected: usize,
    /// Those of them that are.
    pub found: usize,
    /// CRM contact ids that are expected and not found.
    pub missing: Vec<String>,
    /// CRM contact ids with the resource names of the several Google contacts that stand for each.
    pub twins: Vec<(String, Vec<String>)>,
    /// Resource names under the label that stand for no CRM contact.
    pub stray: Vec<String>,
    /// Values that are not what they must be.
    pub wrong: Vec<WrongField>,
    /// What happened to contacts of the user's own.
    pub personal: Vec<PersonalChange>,
}

/// One value that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongField {
    /// CRM contact id.
    pub contact: String,
    /// The People API's field, or `label`, or `person` when two contacts share one.
    pub field: &'static str,
    /// What must be there.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// One loss or change that the user would notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonalChange {
    /// Its name before.
    pub resource: String,
    /// The field, or `deleted`.
    pub field: String,
}

/// The contacts of a dump of the pretend Google's control API (`{contacts: [{resourceName, person}]}`) as [`Evidence`]
/// takes them.
pub fn people(dump: &Value) -> Vec<Value> {
    let read = |contact: &Value| {
        let mut person = contact["person"].clone();
        person["resourceName"] = contact["resourceName"].clone();
        person
    };
    dump["contacts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|contact| contact["person"].is_object())
        .map(read)
        .collect()
}

/// Compares the two sides field by field.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let wanted: BTreeMap<&str, Wanted> =
        evidence.crm.iter().filter_map(|contact| Some((contact["id"].as_str()?, Wanted::read(contact)))).collect();
    let group = text::label_resource(evidence.groups, evidence.label);
    let past = text::Past::of(evidence.before);
    let claims = identify::claims(evidence, &past, &wanted, group);
    let mut verdict = Verdict { stray: claims.stray(evidence, group), ..Verdict::default() };
    for (id, wanted) in &wanted {
        verdict.twins.extend(claims.twins(evidence, id).map(|twins| ((*id).to_owned(), twins)));
        if !wanted.is_recognisable() || evidence.waiting.contains(*id) {
            continue;
        }
        verdict.expected += 1;
        match claims.person(id) {
            None => verdict.missing.push((*id).to_owned()),
            Some(person) => {
                verdict.found += 1;
                let wrong = check(evidence, &past, &claims, (id, wanted), &evidence.google[person]);
                verdict.wrong.extend(wrong.into_iter().map(|wrong| wrong.of(id)));
            }
        }
    }
    verdict.personal = personal::changes(evidence, group);
    verdict
}

fn check(
    evidence: &Evidence<'_>,
    past: &text::Past<'_>,
    claims: &Claims,
    (id, wanted): (&str, &Wanted),
    person: &Value,
) -> Vec<fields::Wrong> {
    let group = text::label_resource(evidence.groups, evidence.label);
    let name = text::resource(person);
    let before = past.of_person(person).filter(|before| !text::has_label(before, group));
    let mut wrong = fields::check(wanted, person, before, evidence.edited.contains(name));
    if !text::has_label(person, group) {
        wrong.push(fields::Wrong::new("label", evidence.label, "no label"));
    }
    if claims.is_shared(id) && !evidence.edited.contains(name) {
        wrong.push(fields::Wrong::new("person", "a Google contact of its own", name));
    }
    wrong
}

impl Verdict {
    /// Nothing missing, doubled, stray, wrong or touched.
    pub fn is_clean(&self) -> bool {
        self.missing.is_empty()
            && self.twins.is_empty()
            && self.stray.is_empty()
            && self.wrong.is_empty()
            && self.personal.is_empty()
    }
}

/// The table that `carnet demo --exit` prints, with the first few details of what is wrong.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (row, count) in [
            ("expected", self.expected),
            ("found", self.found),
            ("missing", self.missing.len()),
            ("twins", self.twins.len()),
            ("stray", self.stray.len()),
            ("personal contacts changed", self.personal.len()),
            ("wrong fields", self.wrong.len()),
        ] {
            writeln!(f, "{row:<28}{count:>8}")?;
        }
        const SHOWN: usize = 10;
        let missing = self.missing.iter().take(SHOWN).map(|id| format!("missing   {id}"));
        let twins = self.twins.iter().take(SHOWN).map(|(id, all)| format!("twins     {id}: {}", all.join(", ")));
        let stray = self.stray.iter().take(SHOWN).map(|name| format!("stray     {name}"));
        let personal = self.personal.iter().take(SHOWN).map(|c| format!("personal  {}: {}", c.resource, c.field));
        let wrong = self.wrong.iter().take(SHOWN);
        let wrong = wrong.map(|w| format!("wrong     {} {}: {} ≠ {}", w.contact, w.field, w.expected, w.found));
        missing.chain(twins).chain(stray).chain(personal).chain(wrong).try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests;
