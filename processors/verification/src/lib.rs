//! Knowledge that people confirmed, with the evidence: where somebody corrected the assistant, confirmed a fact, or
//! defined something without being asked.
//!
//! The fold cuts a source file into windows of turns and asks a detector for the claims in them. Prompts of subagents
//! are written by a model, so they are not evidence. Settling takes clusters of related claims, from all files and
//! people, together with the decisions of curators, and makes items of them. Between two settlings, a detector that
//! uses a model has it judge which items the corrections contradict.
//!
//! | module | noun |
//! | --- | --- |
//! | [`conversation`] | the turns of a source file, in windows |
//! | [`printed`] | lines that tools printed, which are no evidence when a person pastes them |
//! | [`prompt`] | prompts of people, as rows |
//! | [`claim`] | statements of people, as rows |
//! | [`fold`] | the state over one source file |
//! | [`detector`] | the interface for finding claims and judging contradictions |
//! | [`rules`] | the built-in detector, which needs no model |
//! | [`settle`] | makes items, evidence and relations from claims and reviews |
//! | [`material`], [`statement`] | the input of settling; a claim in it |
//! | [`cluster`] | which claims are related and settled together |
//! | [`item`], [`evidence`], [`relation`] | a fact, stored once; its evidence; contradictions between facts |
//! | [`review`] | decisions of people about items, and findings of models |
//! | [`heir`] | what a decision applies to when the wording has changed |
//! | [`judgement`] | what a model is asked about corrections |
//! | [`confidence`] | how far an item can be trusted |
//! | [`wording`], [`bag`], [`index`] | texts as words, the similarity of two texts, and finding similar ones |

pub mod bag;
pub mod claim;
pub mod cluster;
pub mod confidence;
pub mod conversation;
pub mod detector;
mod digest;
pub mod evidence;
pub mod fold;
pub mod heir;
pub mod index;
pub mod item;
pub mod judgement;
pub mod material;
pub mod printed;
pub mod prompt;
pub mod relation;
pub mod review;
pub mod rules;
pub mod settle;
pub mod statement;
pub mod wording;

pub use detector::{Claim, Detection, Detector, Domain, Judge, Role, Scope, Turn, View, Window};

use chrono::{DateTime, Utc};
use sessionmill_contract::{
    Bound, Clusters, Failure, Fold, Inputs, Inquiry, Manifest, Member, Processor, Rows, Settlement, SourceFile, Value,
};
use std::time::Duration;

/// The name of the processor.
pub const NAME: &str = "verification";

/// The processor, with its detector.
pub struct Verification {
    manifest: Manifest,
    detector: Box<dyn Detector>,
    excludes: Box<Excludes>,
}

/// Decides, by folder, whether a person's files are ignored.
pub type Excludes = dyn Fn(&str) -> bool + Send + Sync;

/// The name of the settlement, and the key of all claims.
const KNOWLEDGE: &str = "knowledge";

/// The detector determines `version` and `bound`.
const MANIFEST: Manifest = Manifest {
    name: NAME,
    version: 0,
    cadence: Duration::from_secs(900),
    bound: Bound::Cpu,
    facts: &[&claim::CLAIMS, &prompt::PROMPTS],
    settlements: &[Settlement {
        name: KNOWLEDGE,
        version: 5,
        facts: &claim::CLAIMS,
        key: None,
        edges: None,
        islands: None,
        clusters: Some(&cluster::CLUSTER_INPUTS),
        order: &["session_file"],
        reviews: Some(&review::REVIEWS),
        entities: &[&item::ITEMS, &evidence::EVIDENCE, &relation::RELATIONS, &heir::HEIRS],
        expires: None,
        alone: None,
    }],
};

impl Verification {
    pub fn new(detector: Box<dyn Detector>) -> Self {
        let manifest = Manifest { version: detector.version(), bound: detector.bound(), ..MANIFEST };
        Self { manifest, detector, excludes: Box::new(|_| false) }
    }

    /// The processor, ignoring the files of some people.
    #[must_use]
    pub fn excluding(self, excludes: Box<Excludes>) -> Self {
        Self { excludes, ..self }
    }
}

impl Processor for Verification {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn excludes(&self, username: &str) -> bool {
        (self.excludes)(username)
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(fold::VerificationFold::new(file, &*self.detector))
    }

    fn clusters(&self, _: &Settlement, claims: &[Member<'_>], reviews: &[Vec<Value>]) -> Result<Clusters, Failure> {
        cluster::clusters(claims, reviews)
    }

    fn settle(&self, _: &Settlement, _: &str, inputs: Inputs<'_>, entities: &mut Rows) -> Result<(), Failure> {
        settle::settle(inputs, entities)
    }

    fn inquiries<'p>(
        &'p self,
        _: &Settlement,
        items: &'p [Vec<Value>],
        reviews: &[Vec<Value>],
        now: DateTime<Utc>,
    ) -> Result<Vec<Inquiry<'p>>, Failure> {
        match self.detector.judge() {
            Some(judge) => judgement::inquiries(judge, items, reviews, now),
            None => Ok(Vec::new()),
        }
    }
}
