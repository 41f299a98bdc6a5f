//! The likelihood that somebody would write a sentence down: a logistic regression over its features.
//!
//! The weights are in the table `weights.txt`, which `training/train.py` computes from labelled prompts. A feature that
//! is not in the table has the weight 0.

use crate::rules::feature::Feature;
use std::collections::HashMap;
use std::sync::LazyLock;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::read(include_str!("weights.txt")));

/// The likelihood from which on a sentence is a claim. Of such sentences that were not used for training, three in five
/// are right.
pub(super) const CLAIM: f64 = 0.40;

/// The same for sentences in which the rules find a correction, a confirmation or a definition.
pub(super) const RULED: f64 = 0.20;

/// The least likelihood of an explicit order to write something down, or to do it from now on.
pub(super) const EXPLICIT: f64 = 0.5;

/// The number of signs that explain a claim.
const SIGNS: usize = 4;

/// The table, by features.
struct Model {
    bias: f64,
    weights: Vec<f64>,
}

impl Model {
    fn read(table: &str) -> Self {
        let rows = table.lines().filter_map(|line| line.rsplit_once(" = "));
        let weights: HashMap<_, f64> = rows.filter_map(|(name, weight)| Some((name, weight.parse().ok()?))).collect();
        let weight_of = |name: &str| weights.get(name).copied().unwrap_or_default();
        Self { bias: weight_of("bias"), weights: Feature::all().map(|feature| weight_of(feature.name())).collect() }
    }
}

/// The model's result for a sentence.
pub(super) struct Finding {
    /// From 0 to 1.
    pub(super) likelihood: f64,
    /// The features that speak for it, the most important first.
    pub(super) signs: Vec<&'static str>,
}

/// The result for a sentence with these features. A refused sentence has the likelihood 0.
pub(super) fn find(features: impl Iterator<Item = Feature>) -> Finding {
    let mut for_it: Vec<_> = Vec::new();
    let mut sum = MODEL.bias;
    for feature in features {
        if feature.is_refusal() {
            return Finding { likelihood: 0.0, signs: Vec::new() };
        }
        let weight = MODEL.weights[feature.number()];
        sum += weight;
        if weight > 0.0 {
            for_it.push((weight, feature));
        }
    }
    for_it.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    Finding {
        likelihood: 1.0 / (1.0 + (-sum).exp()),
        signs: for_it.into_iter().take(SIGNS).map(|(_, feature)| feature.name()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_features_and_each_once() {
        let names: Vec<_> =
            include_str!("weights.txt").lines().filter_map(|line| Some(line.rsplit_once(" = ")?.0)).collect();
        let known: Vec<_> = Feature::all().map(Feature::name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(*name == "bias" || known.contains(name), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
        assert!(!known.iter().enumerate().any(|(at, name)| known[..at].contains(name)));
    }
}
