//! The processors of a run, created from the configuration.

use crate::base::disabled::Disabled;
use crate::base::error::Result;
use crate::config::Config;
use crate::identities::people;
use crate::pass::network::Network;
use crate::plug::{Obstacle, Plugged, Plugs, Resources};
use crate::store::lookup::Lookup;
use sessionmill_contract::Processor;

/// The processors of a run, created from the configuration.
pub struct ConfiguredProcessors {
    pub processors: Vec<Box<dyn Processor>>,
    pub disabled: Disabled,
    /// The networks of the processors that wait for one, by name.
    pub networks: Vec<(&'static str, Network)>,
    /// Tables that are derived from the configuration.
    pub lookups: Vec<Lookup>,
    /// All processors of the program.
    pub plugs: Plugs,
}

/// The tables that are derived from a configuration.
///
/// # Errors
///
/// If the configuration has a mistake.
pub fn lookups(plugs: Plugs, config: &Config) -> Result<Vec<Lookup>> {
    let mut all = people::lookups(config);
    for plug in plugs.iter() {
        all.extend((plug.lookups)(config)?);
    }
    Ok(all)
}

impl ConfiguredProcessors {
    /// Creates the processors with these names, or all if there are no names.
    ///
    /// # Errors
    ///
    /// If a name is unknown, if none of the named processors can run, or if one has a mistake that must not be ignored.
    pub fn new(names: &[String], config: &Config, resources: &Resources) -> Result<Self> {
        let plugs = resources.plugs;
        let (processors, disabled, networks) = (Vec::new(), Disabled::default(), Vec::new());
        let mut configured = Self { processors, disabled, networks, lookups: lookups(plugs, config)?, plugs };
        let wanted = plugs.named(names)?;
        for plug in plugs.iter() {
            let (name, made) = (plug.name(), (plug.make)(config, resources));
            let is_wanted = wanted.iter().any(|wanted| wanted.name() == name);
            match made {
                Err(Obstacle::Error(error)) => return Err(error),
                _ if !is_wanted => {}
                Ok(Plugged { processor, network }) => {
                    configured.processors.push(processor);
                    configured.networks.extend(network.map(|network| (name, network)));
                }
                Err(Obstacle::Disabled { reason, is_local }) => {
                    configured.disabled.add(name, reason, is_local);
                }
            }
        }
        let first = configured.disabled.errors().next();
        match first {
            Some((_, error)) if configured.processors.is_empty() => Err(error),
            _ => Ok(configured),
        }
    }

    /// The server that a processor uses; empty if it uses none. `None` if this is not known here.
    pub fn server_of(&self, processor: &str) -> Option<&str> {
        if self.disabled.why(processor).is_some() {
            return None;
        }
        let network = self.networks.iter().find(|(name, _)| *name == processor);
        Some(network.map_or("", |(_, network)| &network.server))
    }

    /// All processors of the program. Disabled ones have their default settings.
    pub fn all(&self) -> Vec<&dyn Processor> {
        let own = |name: &str| self.processors().into_iter().find(|own| own.manifest().name == name);
        self.plugs.iter().map(|plug| own(plug.name()).unwrap_or_else(|| (plug.default)())).collect()
    }

    pub fn processors(&self) -> Vec<&dyn Processor> {
        self.processors.iter().map(|processor| &**processor).collect()
    }
}
