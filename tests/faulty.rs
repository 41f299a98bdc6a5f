//! The usage processor with faults.

use sessionmill_contract::{
    Agent, Event, Failure, FailureClass, Fold, Inputs, Manifest, Processor, Rows, Said, Settlement, SourceFile,
};
use sessionmill_usage::Usage;

/// The usage processor with a version and chosen faults.
pub struct Faulty {
    pub version: u32,
    /// Source files that it fails on.
    pub fails: &'static str,
    /// Source files that it fails on for now.
    pub tires: &'static str,
    pub panics: &'static str,
    /// Message ids that it cannot settle.
    pub refuses: &'static str,
    /// Message ids that make it panic while settling.
    pub breaks: &'static str,
    pub manifest: &'static Manifest,
}

impl Faulty {
    pub fn new(version: u32) -> Self {
        let manifest = Box::leak(Box::new(Manifest { version, ..Usage.manifest().clone() }));
        Self { version, fails: "-", tires: "-", panics: "-", refuses: "-", breaks: "-", manifest }
    }
}

impl Processor for Faulty {
    fn manifest(&self) -> &'static Manifest {
        assert_eq!(self.manifest.version, self.version);
        self.manifest
    }

    fn open<'s>(&'s self, file: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(FaultyFold { faulty: self, file, fold: Usage.open(file) })
    }

    fn settle(
        &self,
        settlement: &Settlement,
        key: &str,
        inputs: Inputs<'_>,
        entities: &mut Rows,
    ) -> Result<(), Failure> {
        if key == self.refuses {
            return Err(Failure::new(FailureClass::Transient, "not today"));
        }
        assert!(key != self.breaks, "a bug that quotes the secret it stumbled over");
        Usage.settle(settlement, key, inputs, entities)
    }
}

struct FaultyFold<'s> {
    faulty: &'s Faulty,
    file: &'s SourceFile,
    fold: Box<dyn Fold + 's>,
}

impl Fold for FaultyFold<'_> {
    fn event(&mut self, event: &Event<'_>) {
        let breaks =
            self.file.session_file == self.faulty.panics && matches!(event.said, Said::Agent(_, Agent::Response(_)));
        assert!(!breaks, "a bug that quotes the secret it stumbled over");
        self.fold.event(event);
    }

    fn held(&self) -> usize {
        self.fold.held()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        if self.file.session_file == self.faulty.fails {
            return Err(Failure::new(FailureClass::Permanent, "cannot be dealt with"));
        }
        if self.file.session_file == self.faulty.tires {
            return Err(Failure::new(FailureClass::Transient, "is tired"));
        }
        self.fold.finish(facts)
    }
}
