//! Knowledge that people confirmed, with the evidence: where somebody corrected the assistant,
//! confirmed a fact, or defined something unasked.
//!
//! The fold cuts a source file into windows of turns and asks a detector for the claims in them. What
//! subagents were told was written by a model, so it is no evidence.
//!
//! | module | noun |
//! | --- | --- |
//! | [`conversation`] | the turns of a source file, in windows |
//! | [`claim`] | what a person said, as a row |
//! | [`fold`] | the state over one source file |
//! | [`rules`] | the detector that needs no model |

pub mod claim;
pub mod conversation;
pub mod fold;
pub mod rules;

use sessionmill_contract::{
    Bound, Detector, FactRow, Failure, Fold, Manifest, Processor, Rows, Settlement, SourceFile, Value,
};
use std::time::Duration;

/// The processor, with the detector that it asks.
pub struct Verification {
    manifest: Manifest,
    detector: Box<dyn Detector>,
}

/// The detector gives the version, and says what time is spent on.
const MANIFEST: Manifest = Manifest {
    name: "verification",
    version: 0,
    cadence: Duration::from_secs(900),
    bound: Bound::Cpu,
    facts: &[&claim::CLAIMS],
    settlements: &[],
};

impl Verification {
    pub fn new(detector: Box<dyn Detector>) -> Self {
        let manifest = Manifest { version: detector.version(), bound: detector.bound(), ..MANIFEST };
        Self { manifest, detector }
    }
}

impl Processor for Verification {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(fold::VerificationFold::new(file, &*self.detector))
    }

    fn settle(&self, _: &Settlement, _: &str, _: &[FactRow], _: &[Vec<Value>], _: &mut Rows) -> Result<(), Failure> {
        Ok(())
    }
}
