//! A table of the configuration that a processor declares.

use super::reading::{Document, Mistake};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The declaration of such a table: its name, and how to read it.
#[derive(Clone, Copy)]
pub struct Table {
    pub name: &'static str,
    default: fn(&'static str) -> Section,
    read: fn(&'static str, Document<'_>) -> (Section, Vec<Mistake>),
}

/// The type of a table's settings. `Deserialize` reads each key; [`check`](Self::check) then validates keys that depend
/// on each other.
pub trait Settings: Any + Default + DeserializeOwned + Serialize + Send + Sync {
    /// Whether the values fit together.
    ///
    /// # Errors
    ///
    /// The mistake, as a sentence.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Settings that passed the check.
struct Checked<T>(T);

impl<'de, T: Settings> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settings = T::deserialize(deserializer)?;
        settings.check().map_err(D::Error::custom)?;
        Ok(Self(settings))
    }
}

/// The settings of a processor, with defaults filled in.
#[derive(Clone, Debug)]
pub struct Section {
    /// The name of the table.
    pub name: &'static str,
    /// The values, as `config show` prints them.
    pub values: Value,
    settings: Arc<dyn Any + Send + Sync>,
}

impl Table {
    /// A table whose settings have this type. A value that its `Deserialize` or its check refuses is a mistake in the
    /// file.
    pub const fn of<T: Settings>(name: &'static str) -> Self {
        Self {
            name,
            default: |name| Section::new(name, T::default()),
            read: |name, document| {
                let (tables, mistakes) = document.right::<BTreeMap<String, Checked<T>>>();
                let settings = tables.and_then(|mut tables| tables.remove(name));
                let settings = settings.map(|Checked(settings)| settings).unwrap_or_default();
                (Section::new(name, settings), mistakes)
            },
        }
    }

    /// The settings if the file does not contain the table.
    pub fn default(self) -> Section {
        (self.default)(self.name)
    }

    /// The settings of a document that contains only this table, and the mistakes in it.
    pub(super) fn read(self, document: Document<'_>) -> (Section, Vec<Mistake>) {
        (self.read)(self.name, document)
    }
}

impl Section {
    fn new<T: Any + Serialize + Send + Sync>(name: &'static str, settings: T) -> Self {
        let values = serde_json::to_value(&settings).unwrap_or_default();
        Self { name, values, settings: Arc::new(settings) }
    }

    /// The settings, if they have this type.
    pub fn settings<T: Any>(&self) -> Option<&T> {
        self.settings.downcast_ref()
    }
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.values) == (other.name, &other.values)
    }
}
