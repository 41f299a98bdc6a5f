//! The processors of a run, made as the configuration wants them.

use crate::base::error::{Error, Result, Status};
use crate::config::Config;
use crate::identities::people;
use crate::plugs::{Network, Obstacle, Plugged, Plugs, World};
use crate::store::lookup::Lookup;
use sessionmill_contract::Processor;

/// The processors of one run, as the configuration wants them.
pub struct Lineup {
    pub processors: Vec<Box<dyn Processor>>,
    pub disabled: Disabled,
    /// How those ask that wait for a network, by name.
    pub networks: Vec<(&'static str, Network)>,
    /// Tables of what the configuration knows.
    pub lookups: Vec<Lookup>,
    plugs: Plugs,
}

/// Processors that cannot work as they are configured, and why.
#[derive(Clone, Debug, Default)]
pub struct Disabled(Vec<(&'static str, Reason)>);

#[derive(Clone, Debug)]
struct Reason {
    words: String,
    is_local: bool,
}

impl Disabled {
    /// Why a processor cannot work, if it cannot.
    pub fn why(&self, processor: &str) -> Option<&str> {
        self.of(processor).map(|reason| &*reason.words)
    }

    /// Whether that need not hold for the service, which has credentials and a network of its own.
    pub fn is_local(&self, processor: &str) -> bool {
        self.of(processor).is_some_and(|reason| reason.is_local)
    }

    /// What a run of each of them comes to.
    pub fn errors(&self) -> impl Iterator<Item = (&'static str, Error)> {
        self.iter().map(|(name, reason)| (name, disabled_error(name, reason)))
    }

    /// All of them, with the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, reason)| (*name, &*reason.words))
    }

    fn of(&self, processor: &str) -> Option<&Reason> {
        self.0.iter().find(|(name, _)| *name == processor).map(|(_, reason)| reason)
    }
}

/// The tables of what a configuration knows.
///
/// # Errors
///
/// If there is a mistake in it.
pub fn lookups(plugs: Plugs, config: &Config) -> Result<Vec<Lookup>> {
    let mut all = people::lookups(config);
    for plug in plugs.iter() {
        all.extend((plug.lookups)(config)?);
    }
    Ok(all)
}

/// The error of a run of a processor that cannot work.
fn disabled_error(name: &str, reason: &str) -> Error {
    Error::new(Status::Config, format!("processor `{name}` is disabled: {reason}"))
}

impl Lineup {
    /// The processors that the names name; all, if there are none.
    ///
    /// # Errors
    ///
    /// If a name is unknown, none of the named can work, or one has a mistake that must not be passed over.
    pub fn new(names: &[String], config: &Config, world: &World) -> Result<Self> {
        let plugs = world.database.plugs;
        let (processors, disabled, networks) = (Vec::new(), Disabled::default(), Vec::new());
        let mut lineup = Self { processors, disabled, networks, lookups: lookups(plugs, config)?, plugs };
        let wanted = plugs.named(names)?;
        for plug in plugs.iter() {
            let (name, made) = (plug.name(), (plug.make)(config, world));
            let is_wanted = wanted.iter().any(|wanted| wanted.name() == name);
            match made {
                Err(Obstacle::Error(error)) => return Err(error),
                _ if !is_wanted => {}
                Ok(Plugged { processor, network }) => {
                    lineup.processors.push(processor);
                    lineup.networks.extend(network.map(|network| (name, network)));
                }
                Err(Obstacle::Disabled { reason, is_local }) => {
                    lineup.disabled.0.push((name, Reason { words: reason, is_local }));
                }
            }
        }
        let first = lineup.disabled.iter().next().map(|(name, reason)| disabled_error(name, reason));
        match first {
            Some(error) if lineup.processors.is_empty() => Err(error),
            _ => Ok(lineup),
        }
    }

    /// Whom a processor asks: nobody, if it waits for no network; `None` if it cannot be told here.
    pub fn server_of(&self, processor: &str) -> Option<&str> {
        if self.disabled.why(processor).is_some() {
            return None;
        }
        let network = self.networks.iter().find(|(name, _)| *name == processor);
        Some(network.map_or("", |(_, network)| &network.server))
    }

    /// All processors of the program; the disabled ones as they are by default.
    pub fn all(&self) -> Vec<&dyn Processor> {
        let own = |name: &str| self.processors().into_iter().find(|own| own.manifest().name == name);
        self.plugs.iter().map(|plug| own(plug.name()).unwrap_or_else(|| (plug.default)())).collect()
    }

    pub fn processors(&self) -> Vec<&dyn Processor> {
        self.processors.iter().map(|processor| &**processor).collect()
    }
}
