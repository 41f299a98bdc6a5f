//! The table `people`, which tells SQL users who owns which folder.

use crate::config::Config;
use crate::identities::Identities;
use crate::store::lookup::{Cells, Lookup, Rows};

/// The content of the table. If the identities cannot be read, the table is kept as it is: a mistake in that file must
/// not stop a run.
pub fn lookups(config: &Config) -> Vec<Lookup> {
    let identities = match Identities::given(config.identities.as_deref()) {
        Ok(identities) => identities,
        Err(error) => {
            tracing::warn!(error = error.to_string(), "the table `people` stays as it is");
            return Vec::new();
        }
    };
    let settings = identities.settings();
    let row = move |folder: &String| {
        let (label, team) = (identities.label(folder).to_owned(), identities.team(folder).map(str::to_owned));
        vec![Some(folder.clone()), Some(label), team]
    };
    let about = move |values: &[Cells]| values.iter().filter_map(|value| value.first()?.as_ref()).map(&row).collect();
    let values = "SELECT DISTINCT username FROM session_files";
    vec![Lookup { name: "people", settings, rows: Rows::About { values, about: Box::new(about) } }]
}
