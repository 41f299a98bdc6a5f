//! People whose transcripts are kept from the processor, as the configuration names them. A name that fits
//! nobody protects nobody, and that is said.

use super::{NAME, Settings};
use crate::base::error::Result;
use crate::base::names;
use crate::config::Config;
use crate::identities::Identities;
use crate::run::summary::Summary;
use crate::store::{Access, Store, known};
use std::collections::BTreeSet;
use std::path::Path;

/// The people who are excluded.
pub struct Exclusion {
    /// Of people, by name or e-mail address, or of folders.
    names: Vec<String>,
    identities: Identities,
}

impl Exclusion {
    /// What the configuration says; `None` if it excludes nobody.
    ///
    /// # Errors
    ///
    /// If the identities that it names cannot be read.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        let names = config.settings::<Settings>().exclude_users;
        if names.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { names, identities: Identities::given(config.identities.as_deref())? }))
    }

    /// Whether a folder is that of somebody who is excluded.
    pub fn excludes(&self, folder: &str) -> bool {
        self.names.iter().any(|name| self.identities.is_of(folder, name))
    }

    /// Says which names are of nobody who has one of these folders, or could have.
    pub fn strangers(&self, folders: &BTreeSet<String>) -> Vec<String> {
        let Self { names, identities } = self;
        let is_known = |name: &str| {
            identities.folders(name).next().is_some() || folders.iter().any(|folder| identities.is_of(folder, name))
        };
        let labels = || folders.iter().flat_map(|folder| [folder, identities.label(folder)]);
        let told = |name: &String| {
            let other_case = labels().find(|label| label.eq_ignore_ascii_case(name));
            let near = other_case.or_else(|| names::nearest(name, labels()));
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("`exclude_users` names `{name}`, and nobody here is called that{near}")
        };
        names.iter().filter(|name| !is_known(name)).map(told).collect()
    }

    /// Adds to what is to be known of a run which names were of nobody in it. Best effort: the run is over.
    pub fn warn_unknown(config: &Config, database: &Path, summary: &mut Summary) {
        let counts = summary.processors.iter().find(|counts| counts.processor == NAME);
        let Some(counts) = counts else { return };
        let Ok(Some(exclusion)) = Self::of(config) else { return };
        let read = |store: Store| {
            let mut people = known::people(&store)?;
            people.extend(known::forgotten(store.reader(), database)?);
            Ok(people)
        };
        match Store::open(database, Access::ReadOnly).and_then(read) {
            Ok(mut folders) => {
                // Whose files nobody takes stands here only.
                let folder = |file: &str| file.split('/').next().unwrap_or_default().to_owned();
                folders.extend(counts.rejected_detail.iter().map(|rejected| folder(&rejected.session)));
                summary.notices.warnings.extend(exclusion.strangers(&folders));
            }
            Err(error) => tracing::debug!(error = error.message, "cannot tell whether all who are excluded are known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nobody_are_told_with_the_likest() {
        let names = ["ada", "Bob", "eve", "zoe"].map(str::to_owned).into();
        let exclusion = Exclusion { names, identities: Identities::default() };
        let folders = ["ada", "bob", "eva"].map(str::to_owned).into();
        assert_eq!(
            exclusion.strangers(&folders),
            [
                "`exclude_users` names `Bob`, and nobody here is called that; did you mean `bob`?",
                "`exclude_users` names `eve`, and nobody here is called that; did you mean `eva`?",
                "`exclude_users` names `zoe`, and nobody here is called that",
            ]
        );
        assert!(exclusion.excludes("ada") && !exclusion.excludes("bob"));
    }
}
