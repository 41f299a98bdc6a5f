//! People whose transcripts the processor does not read, as configured in `exclude_users`. A name that matches nobody
//! protects nobody, so it is reported.

use super::settings::Settings;
use crate::base::error::Result;
use crate::base::names;
use crate::config::Config;
use crate::identities::Identities;
use crate::run::summary::Summary;
use crate::store::known;
use crate::store::reader::Reader;
use sessionmill_verification::NAME;
use std::collections::BTreeSet;
use std::path::Path;

/// The excluded people.
pub struct Exclusion {
    /// Names or e-mail addresses of people, or folders.
    names: Vec<String>,
    identities: Identities,
}

impl Exclusion {
    /// The exclusion in the configuration; `None` if nobody is excluded.
    ///
    /// # Errors
    ///
    /// If the configured identities cannot be read.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        let names = config.settings::<Settings>().exclude_users;
        if names.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { names, identities: Identities::given(config.identities.as_deref())? }))
    }

    /// Whether a folder belongs to an excluded person.
    pub fn excludes(&self, folder: &str) -> bool {
        self.names.iter().any(|name| self.identities.is_of(folder, name))
    }

    /// Warnings about names that match none of these folders, and no folder in the identities.
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

    /// The warnings to print after a run.
    pub fn remarks(config: &Config, database: &Path, reader: Reader<'_>, summary: &Summary) -> Result<Vec<String>> {
        let counts = summary.processors.iter().find(|counts| counts.processor == NAME);
        // If the settings are invalid, the run itself reports that.
        let Some((counts, exclusion)) = counts.zip(Self::of(config).ok().flatten()) else { return Ok(Vec::new()) };
        let mut folders = known::people(reader)?;
        folders.extend(known::forgotten(reader, database)?);
        // Folders whose files were all rejected are only known from the summary of the run.
        let folder = |file: &str| file.split('/').next().unwrap_or_default().to_owned();
        folders.extend(counts.rejected_detail.iter().map(|rejected| folder(&rejected.session)));
        Ok(exclusion.strangers(&folders))
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
