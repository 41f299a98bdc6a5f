//! The configured file that maps network addresses to places, in MaxMind's format.

use super::settings::Settings;
use crate::base::error::cause;
use crate::config::Config;
use crate::plug::{CheckFinding, Surroundings};
use sessionmill_tracking::places::Places;

/// The places of the configured file.
///
/// # Errors
///
/// If the file cannot be used, with the reason. Running without it would store other places.
pub(super) fn of(config: &Config) -> Result<Option<Places>, String> {
    let settings = config.settings::<Settings>();
    let Some(path) = &settings.geo_file else { return Ok(None) };
    let cannot = |why: &str| format!("cannot read `{}`, the `geo_file` of `[tracking]`: {why}", path.display());
    #[expect(clippy::disallowed_methods, reason = "no file of the database")]
    let file = std::fs::read(path).map_err(|error| cannot(&cause(&error)))?;
    Places::new(file).map(Some).map_err(|_| cannot("it is no file in MaxMind's format"))
}

pub(super) fn check(config: &Config, _: &Surroundings<'_>) -> Vec<CheckFinding> {
    match of(config) {
        Ok(None) => Vec::new(),
        Ok(Some(_)) => vec![CheckFinding::Fine("tracking: the `geo_file` can be read".to_owned())],
        Err(reason) => vec![CheckFinding::Wrong(format!("tracking: {reason}"))],
    }
}
