//! The matching benchmark: a town with labels, run through the product's own ladder and through two naive matchers.
//!
//! `tests/run matching -- --nocapture` prints the tables; `TEST_SEED=n` builds another town.

mod ladder;
mod people;
mod scenes;
mod score;
mod town;

use std::collections::BTreeMap;

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use ladder::{Ladder, Outcome};
use score::{Score, naive_matchers};
use town::Town;

/// The share of people on both sides who must be linked, asked about, and may be missed.
const LINKED: f64 = 0.63;
const SETTLED: f64 = 0.985;

fn seed() -> u64 {
    std::env::var("TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(2026)
}

fn links<'a>(outcomes: &'a BTreeMap<String, Outcome>) -> BTreeMap<&'a str, &'a str> {
    let linked = |(id, outcome): (&'a String, &'a Outcome)| match outcome {
        Outcome::Linked(resource, _) => Some((id.as_str(), resource.as_str())),
        _ => None,
    };
    outcomes.iter().filter_map(linked).collect()
}

/// Links that join two people, in words for whoever mends them.
fn wrong(town: &Town, outcomes: &BTreeMap<String, Outcome>) -> Vec<String> {
    let links = links(outcomes);
    let judge = |client: &town::Client| {
        let (person, human) = &town.persons[*links.get(client.contact.id.as_str())?];
        let told = || format!("{}: {:?} is not {:?}", client.scene, client.contact.name, person.names);
        (*human != Some(client.human)).then(told)
    };
    town.clients.iter().filter_map(judge).collect()
}

#[test]
fn no_link_is_wrong_and_hardly_anybody_is_missed() {
    let town = scenes::town(seed());
    let mut order: Vec<usize> = (0..town.clients.len()).collect();
    let ladder = Ladder::of(&town);
    let outcomes = ladder.clone().climb(&order);
    let (score, naive) = (Score::count(&town, &outcomes), naive_matchers(&town));
    println!("{} CRM contacts, {} Google contacts, seed {}\n", town.clients.len(), town.persons.len(), seed());
    println!("{}\n{}", score.tables(&naive), score.by_scene());

    assert!(town.clients.len() > 3000 && score.pairs > 2000, "the town is big enough to say something");
    assert_eq!(wrong(&town, &outcomes), [""; 0], "a wrong link joins two people");
    assert!(score.recall() >= LINKED, "linked: {}", score.recall());
    let right = score.links().right;
    let settled = (right + score.asked) as f64 / score.pairs as f64;
    assert!(settled >= SETTLED, "linked, or asked about with the right one offered: {settled}");
    let all = right + score.asked + score.asked_about_others + score.missed;
    assert_eq!(all, score.pairs, "everybody on both sides is linked, asked about or counted as missed");

    order.shuffle(&mut StdRng::seed_from_u64(seed()));
    assert_eq!(links(&ladder.climb(&order)), links(&outcomes), "in another order the same ones are the same people");
}
