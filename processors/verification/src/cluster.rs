//! Groups related claims in clusters. The outcome for a claim depends only on its own cluster. So when a new claim
//! arrives among many, only its cluster is settled again.
//!
//! Two claims are in the same cluster if
//!
//! - they have the same words, or say the same in other words, or one corrects the other,
//! - they come from the same long prompt,
//! - a person or a model has decided something about both of them, or about records from which both come,
//! - or a chain of such pairs connects them.

use crate::Detection;
use crate::claim::CLAIMS;
use crate::heir::{record, records};
use crate::index::{Index, LIKE_IF_RELATED};
use crate::item::RELATED;
use crate::material::numbered;
use crate::review::ReviewRow;
use crate::statement::{self, entities};
use crate::wording::{Stance, wordings};
use sessionmill_contract::sets::Sets;
use sessionmill_contract::{Clusters, Failure, Member, Row as _, Value, table};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

table! {
    pub static CLUSTER_INPUTS: Table = "verification_told", Hidden;

    /// The parts of a claim that determine its cluster.
    #[derive(Clone, Debug)]
    pub struct ClusterInput<'a> {
        claim_id: &'a str,
        detection_type: &'a str,
        title: &'a str,
        content: &'a str,
        entities: &'a str,
        template_id: Option<&'a str>,
    }
}

/// Finds the clusters of claims. Claims whose cluster is known stay together and are not compared with each other
/// again.
///
/// # Errors
///
/// If a row is not a claim or a review.
pub fn clusters(claims: &[Member<'_>], reviews: &[Vec<Value>]) -> Result<Clusters, Failure> {
    let told = claims.iter().map(|claim| ClusterInput::read(claim.values)).collect::<Result<Vec<_>, _>>()?;
    let mut sets = Sets::new(claims.len());
    let (mut known, mut prompts, mut texts) = (HashMap::new(), HashMap::new(), HashMap::new());
    for (number, (claim, told)) in claims.iter().zip(&told).enumerate() {
        if let Some(cluster) = claim.cluster {
            sets.join(number, *known.entry(cluster).or_insert(number));
        }
        if let Some(prompt) = told.template_id {
            sets.join(number, *prompts.entry(prompt).or_insert(number));
        }
        sets.join(number, *texts.entry((told.title, told.content)).or_insert(number));
    }
    join_alike(claims, &told, &mut sets)?;
    let about = join_reviewed(&told, reviews, &mut sets)?;

    let number = |told: &ClusterInput<'_>| {
        let hash = Sha256::digest([told.title, told.content].join("\0"));
        hash.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes))
    };
    let mut least: HashMap<usize, i64> = HashMap::new();
    for (at, (claim, told)) in claims.iter().zip(&told).enumerate() {
        // The number of a known cluster is already the least of its claims.
        let number = claim.cluster.unwrap_or_else(|| number(told));
        least.entry(sets.of(at)).and_modify(|least| *least = number.min(*least)).or_insert(number);
    }
    let of: Vec<_> = (0..claims.len()).map(|at| least[&sets.of(at)]).collect();
    let due = about.into_iter().map(|at| of[at]).collect();
    Ok(Clusters { of, due })
}

/// Joins claims that say the same, and corrections with what they correct.
fn join_alike(claims: &[Member<'_>], told: &[ClusterInput<'_>], sets: &mut Sets) -> Result<(), Failure> {
    // Each text once. Texts of known clusters come first; they are only searched and do not search themselves.
    let mut is_known = HashMap::new();
    for (number, (claim, told)) in claims.iter().zip(told).enumerate() {
        let text = (told.content, told.title, told.entities, told.detection_type == Detection::Correction.name());
        let (_, known) = is_known.entry(text).or_insert((number, false));
        *known |= claim.cluster.is_some();
    }
    let mut texts: Vec<_> = is_known.into_values().collect();
    texts.sort_unstable_by_key(|(number, is_known)| (!is_known, *number));
    let of = |(number, _): &(usize, bool)| &told[*number];
    let wordings = wordings(texts.iter().map(|text| of(text).content));
    let entities = texts.iter().map(|text| entities(of(text).entities).ok_or_else(|| CLAIMS.unreadable()));
    let entities = entities.collect::<Result<Vec<_>, _>>()?;
    let entities = numbered(entities.iter().map(Vec::as_slice));
    let is_correction = |text: usize| of(&texts[text]).detection_type == Detection::Correction.name();

    let sets = RefCell::new(sets);
    let is_apart = |one: usize, other: usize| {
        let mut sets = sets.borrow_mut();
        sets.of(texts[one].0) != sets.of(texts[other].0)
    };
    let mut agreeing = Index::new(&wordings, &entities, RELATED);
    let [mut corrected, mut corrections] = [(); 2].map(|()| Index::new(&wordings, &entities, 1));
    // A text can only be similar to a new one if it contains one of that text's rarest words.
    let rarest = |text: usize| wordings[text].iter().flat_map(|wording| wording.rarest(LIKE_IF_RELATED));
    let new = (0..texts.len()).filter(|text| !texts[*text].1);
    let sought: HashSet<_> = new.flat_map(rarest).collect();
    for (text, (number, is_known)) in texts.iter().enumerate() {
        if *is_known && !rarest(text).any(|word| sought.contains(word)) {
            continue;
        }
        if !is_known {
            let against = if is_correction(text) { &corrected } else { &corrections };
            let is_apart = |other: usize| is_apart(text, other);
            let alike = agreeing.alike(text, Stance::Agrees, is_apart);
            for other in alike.chain(against.alike(text, Stance::Contradicts, is_apart)) {
                sets.borrow_mut().join(*number, texts[other].0);
            }
        }
        agreeing.insert(text);
        corrected.insert(text);
        if is_correction(text) {
            corrections.insert(text);
        }
    }
    Ok(())
}

/// Joins the claims that each review is about, even if claims between them no longer exist. Returns the first claim of
/// each review.
fn join_reviewed(
    told: &[ClusterInput<'_>],
    reviews: &[Vec<Value>],
    sets: &mut Sets,
) -> Result<HashSet<usize>, Failure> {
    let mut about = HashSet::new();
    if reviews.is_empty() {
        return Ok(about);
    }
    let reviews = reviews.iter().map(ReviewRow::read).collect::<Result<Vec<_>, _>>()?;
    let (mut stated, mut by_record): (HashMap<String, usize>, HashMap<String, Vec<usize>>) = Default::default();
    let has_grounds = reviews.iter().any(|review| review.grounds.or(review.other_grounds).is_some());
    for (number, told) in told.iter().enumerate() {
        stated.entry(statement::id(told.title, told.content)).or_insert(number);
        if has_grounds {
            by_record.entry(record(told.claim_id)).or_default().push(number);
        }
    }
    let mut named: HashMap<&str, usize> = HashMap::new();
    for review in &reviews {
        let ids = std::iter::once(review.item_id).chain(review.other_id);
        let records = [review.grounds, review.other_grounds].into_iter().flatten().flat_map(records);
        let of_records: Vec<_> = records.filter_map(|record| by_record.get(record)).flatten().copied().collect();
        about.extend(ids.clone().filter_map(|id| stated.get(id)).chain(&of_records));
        let nodes =
            ids.map(|id| *named.entry(id).or_insert_with(|| stated.get(id).copied().unwrap_or_else(|| sets.add())));
        let nodes: Vec<_> = nodes.chain(of_records).collect();
        nodes.windows(2).for_each(|two| sets.join(two[0], two[1]));
    }
    Ok(about)
}
