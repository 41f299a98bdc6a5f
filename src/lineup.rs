//! The processors of a run, made as the configuration wants them.

use crate::config::Config;
use crate::error::{Error, Result, Status};
use crate::exclusion::Exclusion;
use crate::llm::{Model, network};
use crate::pulse::Pulse;
use crate::registry;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};
use sessionmill_usage::Usage;
use sessionmill_verification::Verification;
use sessionmill_verification::rules::Rules;
use std::path::Path;

/// The processors of one run, as the configuration wants them.
pub struct Lineup {
    pub processors: Vec<Box<dyn Processor>>,
    pub disabled: Disabled,
    /// Who is asked over a network: its address, and a mark of the key. Nothing, where nobody is.
    pub server: String,
}

/// Processors that cannot work as they are configured, and why.
#[derive(Clone, Debug, Default)]
pub struct Disabled(pub Vec<(&'static str, String)>);

impl Disabled {
    /// Why a processor cannot work, if it cannot.
    pub fn why(&self, processor: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == processor).map(|(_, reason)| reason.as_str())
    }
}

impl Lineup {
    /// The processors that the names name; all, if there are none. A secret is read now, from the service
    /// manager's folder where the configuration names none.
    ///
    /// # Errors
    ///
    /// If a name is unknown, or none of the named can work.
    pub fn new(
        names: &[String],
        config: &Config,
        credentials: Option<&Path>,
        database: &Path,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        Self::for_run(names, config, credentials, database, now, &Pulse::default())
    }

    /// The same for a run that can be asked to end, while it waits for an answer, too.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn for_run(
        names: &[String],
        config: &Config,
        credentials: Option<&Path>,
        database: &Path,
        now: DateTime<Utc>,
        pulse: &Pulse,
    ) -> Result<Self> {
        let mut server = String::new();
        let verification = match config.verification.api() {
            None => Ok(Verification::new(Box::new(Rules))),
            Some(api) => network::check()
                .and_then(|()| Model::new(api, &config.verification, credentials, database, now))
                .map(|model| {
                    model.server().clone_into(&mut server);
                    Verification::new(Box::new(model.stopped_by(pulse)))
                }),
        };
        let exclusion = Exclusion::of(config)?;
        let verification = verification.map(|processor| match exclusion {
            Some(exclusion) => processor.excluding(Box::new(move |folder: &str| exclusion.excludes(folder))),
            None => processor,
        });
        let all: [std::result::Result<Box<dyn Processor>, String>; 2] =
            [Ok(Box::new(Usage)), verification.map(|processor| Box::new(processor) as Box<dyn Processor>)];
        let wanted: Vec<_> = registry::named(names)?.iter().map(|processor| processor.manifest().name).collect();
        let mut lineup = Self { processors: Vec::new(), disabled: Disabled::default(), server };
        for (known, processor) in registry::processors().iter().zip(all) {
            let name = known.manifest().name;
            match processor {
                _ if !wanted.contains(&name) => {}
                Ok(processor) => lineup.processors.push(processor),
                Err(reason) => lineup.disabled.0.push((name, reason)),
            }
        }
        match lineup.disabled.0.first() {
            Some((name, reason)) if lineup.processors.is_empty() => {
                Err(Error::new(Status::Config, format!("processor `{name}` is disabled: {reason}")))
            }
            _ => Ok(lineup),
        }
    }

    /// Whom a processor asks, or nothing if it cannot be told here.
    pub fn server_of(&self, processor: &str) -> Option<&str> {
        self.disabled.why(processor).is_none().then_some(&*self.server)
    }

    /// The manifests of all processors; those of the disabled ones as they are by default.
    pub fn manifests(&self) -> Vec<&Manifest> {
        let mut manifests: Vec<&Manifest> = Vec::new();
        for default in registry::processors().iter().map(|processor| processor.manifest()) {
            let mut own = self.processors.iter().map(|processor| processor.manifest());
            manifests.push(own.find(|own| own.name == default.name).unwrap_or(default));
        }
        manifests
    }

    pub fn processors(&self) -> Vec<&dyn Processor> {
        self.processors.iter().map(|processor| &**processor).collect()
    }
}
