//! A snapshot of the database for readers who may not write it, and beside it how the processors do.

use crate::base::error::Result;
use crate::base::moment::Moment;
use crate::config::Config;
use crate::plugs::{Lineup, World};
use crate::service::bulletin;
use crate::store::publish::{self, Published};

/// Publishes a snapshot, unless nothing has changed since the newest one. `lacks` is what no processor can work
/// without. How the processors do is told at best effort: a snapshot is of use without it.
///
/// # Errors
///
/// If the database cannot be read, or the snapshot not be written.
pub fn publish(config: &Config, world: &World, lacks: Option<&str>, now: &Moment) -> Result<Published> {
    let published = publish::publish(&world.database, &config.publish, now.wall)?;
    let written =
        Lineup::new(&[], config, world).and_then(|lineup| bulletin::write(&world.database, &lineup, lacks, now));
    if let Err(error) = written {
        tracing::warn!(error = error.message, "cannot write how the processors do");
    }
    Ok(published)
}

/// What came of it, in words.
pub fn words(published: &Published) -> String {
    match published {
        Published::New(snapshot) => format!("published {}", snapshot.path.display()),
        Published::Before(snapshot) => format!("nothing new since {}", snapshot.path.display()),
    }
}
