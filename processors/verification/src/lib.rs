//! Knowledge that people confirmed, with the evidence: where somebody corrected the assistant,
//! confirmed a fact, or defined something unasked.
//!
//! The fold cuts a source file into windows of turns and asks a detector for the claims in them. What
//! subagents were told was written by a model, so it is no evidence. Settling takes the claims of a
//! domain that have to do with each other, over all files and people, and what curators decided, and makes items of them. A detector
//! that asks a model has it judge, between one settling and the next, what corrections contradict.
//!
//! | module | noun |
//! | --- | --- |
//! | [`conversation`] | the turns of a source file, in windows |
//! | [`printed`] | lines that tools printed, which are no evidence when a person pastes them |
//! | [`prompt`] | what a person asked for, as a row |
//! | [`claim`] | what a person said, as a row |
//! | [`fold`] | the state over one source file |
//! | [`detector`] | what finds claims in a conversation, and judges which contradict each other |
//! | [`rules`] | the detector that needs no model |
//! | [`settle`] | claims and reviews become items, evidence and relations |
//! | [`material`], [`statement`] | all that settling knows; a claim as it takes part |
//! | [`cluster`] | which claims have to do with each other, and are settled together |
//! | [`item`], [`evidence`], [`relation`] | what is stated, once; what speaks for it; what is near it or against it |
//! | [`review`] | what people decided about items, and models found |
//! | [`heir`] | what a decision holds for once other rules word it otherwise |
//! | [`judgement`] | what a model is asked about corrections |
//! | [`confidence`] | how far an item can be trusted |
//! | [`wording`], [`bag`], [`index`] | texts as words, how like two are, and which can be like one |

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

/// The processor, with the detector that it asks.
pub struct Verification {
    manifest: Manifest,
    detector: Box<dyn Detector>,
    excludes: Box<Excludes>,
}

/// Whether a person's files are not looked into, by their folder.
pub type Excludes = dyn Fn(&str) -> bool + Send + Sync;

/// The settlement, and the key of all claims.
const KNOWLEDGE: &str = "knowledge";

/// The detector gives the version, and says what time is spent on.
const MANIFEST: Manifest = Manifest {
    name: "verification",
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
        clusters: Some(&cluster::TOLD),
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

    /// The same without the files of some people.
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
